// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Files of a host. Paths are the platform's absolute ones and lie below the alternate root. Writes are atomic: a file is the
//! old one or the new one, also after a power loss.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::failure::CommandError;
use super::{Command, Host};

/// What could not be done with a file, and why.
#[derive(Debug, thiserror::Error)]
#[error("could not {action} {} on {host}: {why}", path.display())]
pub struct FileError {
    pub host: String,
    /// `read`, `write`...
    pub action: &'static str,
    pub path: PathBuf,
    #[source]
    pub why: FileFailure,
}

#[derive(Debug, thiserror::Error)]
pub enum FileFailure {
    #[error("{0}")]
    Io(io::Error),
    #[error("{0}")]
    Command(CommandError),
    #[error("this is done only on the host that the tool runs on; run the tool there")]
    OnlyHere,
    #[error("the name {0} in it is no UTF-8")]
    Name(String),
}

impl FileError {
    /// True when the file is not there.
    pub fn is_absent(&self) -> bool {
        match &self.why {
            FileFailure::Io(error) => error.kind() == io::ErrorKind::NotFound,
            FileFailure::Command(error) => error.stderr().contains("No such file or directory"),
            FileFailure::OnlyHere | FileFailure::Name(_) => false,
        }
    }
}

impl Host {
    /// The whole file.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Vec<u8>, FileError> {
        let path = self.path(path);
        if self.is_local() {
            return self.io("read", &path, fs::read(&path));
        }
        // LC_ALL: an absent file is known by cat's words.
        let command = Command::new("cat").env("LC_ALL", "C").arg("--").arg(&path);
        let why = match self.run(&command) {
            Ok(output) if output.success() => return Ok(output.stdout),
            Ok(output) => CommandError::of_output(self, &command, &output),
            Err(error) => error,
        };
        Err(self.file_error("read", &path, FileFailure::Command(why)))
    }

    /// The whole file, or `None` when it is not there.
    pub fn read_if_there(&self, path: impl AsRef<Path>) -> Result<Option<Vec<u8>>, FileError> {
        match self.read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether there is something at the path; a symlink is what it leads to.
    pub fn exists(&self, path: impl AsRef<Path>) -> Result<bool, FileError> {
        let path = self.path(path);
        if self.is_local() {
            return self.io("look for", &path, path.try_exists());
        }
        let command = Command::new("test").arg("-e").arg(&path);
        let why = match self.run(&command) {
            Ok(output) if output.status.code() == Some(0) => return Ok(true),
            Ok(output) if output.status.code() == Some(1) => return Ok(false),
            Ok(output) => CommandError::of_output(self, &command, &output),
            Err(error) => error,
        };
        Err(self.file_error("look for", &path, FileFailure::Command(why)))
    }

    /// Writes the file as a whole: to a temporary one beside it, which then takes its name. `mode` is that of the new file,
    /// whatever the old one's was.
    pub fn write_atomic(
        &self,
        path: impl AsRef<Path>,
        bytes: &[u8],
        mode: u32,
    ) -> Result<(), FileError> {
        let path = self.path(path);
        if self.is_local() {
            return self.io("write", &path, replace(&path, bytes, mode));
        }
        let new = beside(&path);
        let mode = format!("{mode:o}");
        // Nobody may read it before there is something in it.
        let prepare = [
            Command::new("touch").arg("--").arg(&new),
            Command::new("chmod").arg(mode).arg(&new),
        ];
        self.put_there("write", &path, &new, &prepare, bytes)
    }

    /// Gives a file that is there another content, as a whole, with the mode and owner that it has.
    pub fn rewrite(&self, path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), FileError> {
        let path = self.path(path);
        if self.is_local() {
            let mode = self.io("rewrite", &path, fs::metadata(&path))?.mode();
            return self.io("rewrite", &path, replace(&path, bytes, mode & 0o7777));
        }
        let new = beside(&path);
        // The copy brings the mode, before anything that may be secret is in it.
        let copy = Command::new("cp").args(["-p", "--"]).arg(&path).arg(&new);
        self.put_there("rewrite", &path, &new, &[copy], bytes)
    }

    /// On another host: prepares the new file, fills it, and gives it its name.
    fn put_there(
        &self,
        action: &'static str,
        path: &Path,
        new: &Path,
        prepare: &[Command],
        bytes: &[u8],
    ) -> Result<(), FileError> {
        let mut output = OsString::from("of=");
        output.push(new);
        let put = [
            Command::new("dd").arg(output).stdin(bytes),
            Command::new("sync"),
            Command::new("mv").args(["-f", "--"]).arg(new).arg(path),
        ];
        for step in prepare.iter().chain(&put) {
            self.run_ok(step)
                .map_err(|error| self.file_error(action, path, FileFailure::Command(error)))?;
        }
        Ok(())
    }

    /// Names in a folder, sorted.
    pub fn list(&self, path: impl AsRef<Path>) -> Result<Vec<String>, FileError> {
        let path = self.only_here("list", path)?;
        let mut names = Vec::new();
        for entry in self.io("list", &path, fs::read_dir(&path))? {
            let name = self.io("list", &path, entry)?.file_name();
            names.push(name.into_string().map_err(|name| {
                let name = FileFailure::Name(name.to_string_lossy().into_owned());
                self.file_error("list", &path, name)
            })?);
        }
        names.sort();
        Ok(names)
    }

    /// Removes a file. One that is not there is an error; see [`FileError::is_absent`].
    pub fn remove_file(&self, path: impl AsRef<Path>) -> Result<(), FileError> {
        let path = self.only_here("remove", path)?;
        self.io(
            "remove",
            &path,
            fs::remove_file(&path).and_then(|()| sync_folder(&path)),
        )
    }

    /// Gives a file or folder another name in the same file system. A file that has the name already is replaced.
    pub fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), FileError> {
        let from = self.only_here("rename", from)?;
        let to = self.path(to);
        let renamed = fs::rename(&from, &to).and_then(|()| sync_folder(&to));
        self.io("rename", &from, renamed.and_then(|()| sync_folder(&from)))
    }

    /// Makes a folder and those above it that are missing, all with `mode`; those that are there stay as they are.
    pub fn make_dir_all(&self, path: impl AsRef<Path>, mode: u32) -> Result<(), FileError> {
        let path = self.path(path);
        if !self.is_local() {
            let make = Command::new("mkdir")
                .args(["-p", "-m"])
                .arg(format!("{mode:o}"))
                .arg("--")
                .arg(&path);
            let made = self.run_ok(&make).map(drop);
            return made.map_err(|error| {
                self.file_error("make the folder", &path, FileFailure::Command(error))
            });
        }
        let made = DirBuilder::new().recursive(true).mode(mode).create(&path);
        self.io("make the folder", &path, made)
    }

    fn only_here(
        &self,
        action: &'static str,
        path: impl AsRef<Path>,
    ) -> Result<PathBuf, FileError> {
        let path = self.path(path);
        if !self.is_local() {
            return Err(self.file_error(action, &path, FileFailure::OnlyHere));
        }
        Ok(path)
    }

    pub(super) fn io<T>(
        &self,
        action: &'static str,
        path: &Path,
        outcome: io::Result<T>,
    ) -> Result<T, FileError> {
        outcome.map_err(|error| self.file_error(action, path, FileFailure::Io(error)))
    }

    pub(super) fn file_error(
        &self,
        action: &'static str,
        path: &Path,
        why: FileFailure,
    ) -> FileError {
        FileError {
            host: self.name().to_owned(),
            action,
            path: path.to_owned(),
            why,
        }
    }
}

fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let folder = folder_of(path);
    // The temporary file is 0600 from its first moment: the mode may be a secret's.
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file()
        .set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(path)
}

/// Where the new content of a file is put first, on another host.
pub(super) fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".new-{name}"))
}

/// A rename is durable only when the folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}
