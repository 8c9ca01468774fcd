// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A file that appears under its name only when it is whole, and never takes another's place.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use cli::Failure;

/// Written under a name of its own, which a killed run leaves and the next takes over.
pub struct NewFile {
    path: PathBuf,
    part: PathBuf,
    file: File,
}

impl NewFile {
    /// What it will hold has secrets in it, so it is its owner's alone.
    pub fn create(path: &Path) -> Result<NewFile, Failure> {
        let Some(name) = path.file_name() else {
            return Err(Failure::bad(format!("{} names no file", path.display())));
        };
        let part = path.with_file_name(format!(".new-{}", name.to_string_lossy()));
        refuse_existing(path)?;
        let failed = |error| Failure::failed(format!("can't write {}: {error}", part.display()));
        let mut options = File::options();
        options
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600);
        let file = options.open(&part).map_err(failed)?;
        // The one who had the lock may have given the file its name just now.
        let ours = file.try_lock().is_ok() && is_at(&file, &part);
        if !ours {
            return Err(Failure::refused(format!(
                "another run is writing {}; wait for it to end",
                path.display()
            )));
        }
        file.set_len(0).map_err(failed)?;
        Ok(NewFile {
            path: path.to_owned(),
            part,
            file,
        })
    }

    pub fn handle(&self) -> Result<File, Failure> {
        Ok(self.file.try_clone()?)
    }

    pub fn write(&self, bytes: &[u8]) -> Result<(), Failure> {
        (&self.file).write_all(bytes).map_err(|error| {
            Failure::failed(format!("can't write {}: {error}", self.part.display()))
        })
    }

    /// Gives it its name, once it is on the disk.
    pub fn finish(self) -> Result<(), Failure> {
        refuse_existing(&self.path)?;
        let named = || -> io::Result<()> {
            self.file.sync_all()?;
            fs::rename(&self.part, &self.path)?;
            let folder = self.path.parent().filter(|folder| *folder != Path::new(""));
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        named().map_err(|error| {
            Failure::failed(format!("can't write {}: {error}", self.path.display()))
        })
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let id = |about: fs::Metadata| (about.dev(), about.ino());
    match (file.metadata().map(id), fs::metadata(path).map(id)) {
        (Ok(one), Ok(two)) => one == two,
        _ => false,
    }
}

fn refuse_existing(path: &Path) -> Result<(), Failure> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::failed(format!(
            "can't look at {}: {error}",
            path.display()
        ))),
        Ok(_) => Err(Failure::refused(format!(
            "{} is there already and stays as it is; move it away, or choose another name",
            path.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_only_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tgz");
        let killed = NewFile::create(&path).unwrap();
        killed.write(b"half of something long").unwrap();
        drop(killed);
        assert!(!path.exists());
        let file = NewFile::create(&path).unwrap();
        file.write(b"whole").unwrap();
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_there_is_never_replaced_nor_one_that_another_run_writes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tgz");
        let other = NewFile::create(&path).unwrap();
        let refused = NewFile::create(&path).err().unwrap();
        assert!(
            refused.message.contains("another run"),
            "{}",
            refused.message
        );
        fs::write(&path, "kept").unwrap();
        assert!(other.finish().is_err());
        assert_eq!(fs::read(&path).unwrap(), b"kept");
        let refused = NewFile::create(&path).err().unwrap();
        assert_eq!(refused.exit, cli::Exit::Refused);
    }
}
