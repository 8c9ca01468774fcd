// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A medium, whatever it is given as: a folder, a disk image, an archive, or a manifest of it.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Cursor, IsTerminal, Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use cli::Failure;
use usbkey::{Error, Manifest, Tree, manifest_of_tgz};

use crate::failure;

/// What the first bytes tell.
enum Kind {
    Archive,
    Manifest,
    Image,
}

fn kind(start: &[u8]) -> Kind {
    match start {
        [0x1f, 0x8b, ..] => Kind::Archive,
        [b'{', ..] => Kind::Manifest,
        _ => Kind::Image,
    }
}

/// The manifest of a medium; `-` is one on standard input.
pub fn manifest(medium: &Path) -> Result<Manifest, Failure> {
    let name = medium.display().to_string();
    if medium == Path::new("-") {
        return of_stdin();
    }
    if medium.is_dir() {
        let tree = Tree::of_folder(medium).map_err(failure)?;
        return not_empty(Manifest::of_tree(&tree).map_err(failure)?, &name);
    }
    let unread = |error| Failure::bad(format!("can't read {name}: {error}"));
    let mut reader = BufReader::new(File::open(medium).map_err(unread)?);
    match kind(reader.fill_buf().map_err(unread)?) {
        Kind::Archive => manifest_of_tgz(reader, &name),
        Kind::Manifest => Manifest::parse(reader, &name),
        Kind::Image => Tree::of_image(medium).and_then(|tree| Manifest::of_tree(&tree)),
    }
    .map_err(failure)
}

/// The files of a medium, to be copied: a manifest or an archive has none that could be.
pub fn tree(medium: &Path) -> Result<Tree, Failure> {
    let read = match fs::metadata(medium) {
        Err(error) => {
            let name = medium.display();
            return Err(Failure::bad(format!("can't read {name}: {error}")));
        }
        Ok(about) if about.is_dir() => Tree::of_folder(medium),
        Ok(_) => Tree::of_image(medium),
    };
    read.map_err(failure)
}

/// A folder without a file is a key that is not mounted, far more often than an empty one.
fn not_empty(manifest: Manifest, name: &str) -> Result<Manifest, Failure> {
    if manifest.entries().next().is_none() {
        return Err(Failure::bad(format!(
            "{name} has no file in it; is the key mounted?"
        )));
    }
    Ok(manifest)
}

fn of_stdin() -> Result<Manifest, Failure> {
    const NAME: &str = "standard input";
    let input = io::stdin().lock();
    if input.is_terminal() {
        return Err(Failure::bad(
            "wants a disk image, an archive or a manifest on standard input (-), but that is a terminal; see --help",
        ));
    }
    let failed = |error| Failure::failed(format!("can't read {NAME}: {error}"));
    let mut reader = BufReader::new(input);
    let start = reader.fill_buf().map_err(failed)?.to_vec();
    if start.is_empty() {
        return Err(Failure::bad(format!(
            "{NAME} is empty; a tool further up the pipe may have failed"
        )));
    }
    match kind(&start) {
        Kind::Archive => manifest_of_tgz(reader, NAME).map_err(failure),
        Kind::Manifest => Manifest::parse(reader, NAME).map_err(failure),
        Kind::Image => {
            let spool = spool(reader).map_err(|error| {
                Failure::failed(format!(
                    "can't keep the image of {NAME} in a file of /var/tmp meanwhile: {error}"
                ))
            })?;
            let path = PathBuf::from(format!("/dev/fd/{}", spool.as_raw_fd()));
            let read = Tree::of_image(&path).and_then(|tree| Manifest::of_tree(&tree));
            read.map_err(|error| match error {
                Error::Bad(why) => Failure::bad(why.replace(&path.display().to_string(), NAME)),
                error => failure(error),
            })
        }
    }
}

/// An image's parts are not in the order of its files: it is kept in a file that nobody else sees and that ends with us. What
/// is zero, of an image almost everything, takes no room there.
fn spool(mut reader: impl Read) -> io::Result<File> {
    const BLOCK: usize = 64 * 1024;
    let mut file = tempfile::tempfile_in("/var/tmp")?;
    let mut length = 0;
    let mut block = Vec::with_capacity(BLOCK);
    loop {
        block.clear();
        let read = reader.by_ref().take(BLOCK as u64).read_to_end(&mut block)?;
        if read == 0 {
            file.set_len(length)?;
            return Ok(file);
        }
        length += read as u64;
        match block.iter().all(|byte| *byte == 0) {
            true => file.seek(SeekFrom::Start(length)).map(drop)?,
            false => io::copy(&mut Cursor::new(&block), &mut file).and_then(|_| file.flush())?,
        }
    }
}
