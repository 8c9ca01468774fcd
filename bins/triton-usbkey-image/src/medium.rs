// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A medium, whatever it is given as: a folder, a disk image, an archive, or a manifest of it.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Cursor, IsTerminal, Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use cli::{Common, Failure};
use platform::Host;
use platform::usbkey::with_medium;
use tempfile::TempDir;
use usbkey::{Error, Manifest, Tree, manifest_of_tgz, part_of, unpack_tgz};

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

/// The manifest of this headnode's own medium, mounted for as long as it takes.
pub fn own_manifest(common: &Common, shared: bool) -> Result<Manifest, Failure> {
    let host = Host::local(&common.root);
    let read = with_medium(&host, |mounted| Ok(manifest(&host.path(mounted), shared)));
    read.map_err(Failure::failed)?
}

/// The manifest of a medium; `-` is one on standard input. Of a folder, only those files are read that it is to have.
pub fn manifest(medium: &Path, shared: bool) -> Result<Manifest, Failure> {
    let manifest = match medium.is_dir() {
        true => of_folder(medium, shared)?,
        false => of_file(medium)?,
    };
    match shared {
        true => Ok(manifest.only(|path| part_of(path).is_some())),
        false => Ok(manifest),
    }
}

fn of_folder(folder: &Path, shared: bool) -> Result<Manifest, Failure> {
    let tree = Tree::of_folder(folder).map_err(failure)?;
    // A folder without a file is a key that is not mounted, far more often than an empty one.
    if tree.is_empty() {
        return Err(Failure::bad(format!(
            "{} has no file in it; is the key mounted?",
            folder.display()
        )));
    }
    let tree = match shared {
        true => usbkey::shared(&tree),
        false => tree,
    };
    Manifest::of_tree(&tree).map_err(failure)
}

fn of_file(medium: &Path) -> Result<Manifest, Failure> {
    let name = medium.display().to_string();
    if medium == Path::new("-") {
        return of_stdin();
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

/// The files of a medium, to be copied, and the folder that an archive was unpacked into: it goes with the last use of them. A
/// manifest has none that could be copied.
pub fn tree(medium: &Path, common: &Common) -> Result<(Tree, Option<TempDir>), Failure> {
    let name = medium.display().to_string();
    if medium == Path::new("-") {
        return unpacked(io::stdin().lock(), "standard input", common);
    }
    let unread = |error| Failure::bad(format!("can't read {name}: {error}"));
    let about = fs::metadata(medium).map_err(unread)?;
    if about.is_dir() {
        return Ok((Tree::of_folder(medium).map_err(failure)?, None));
    }
    let mut reader = BufReader::new(File::open(medium).map_err(unread)?);
    match kind(reader.fill_buf().map_err(unread)?) {
        Kind::Archive => unpacked(reader, &name, common),
        Kind::Manifest => Err(Failure::bad(format!(
            "{name} is a manifest: it names files, and has none of them"
        ))),
        Kind::Image => Ok((Tree::of_image(medium).map_err(failure)?, None)),
    }
}

/// An archive is unpacked first: one that was cut short must not be half written to a medium.
fn unpacked(
    reader: impl Read,
    name: &str,
    common: &Common,
) -> Result<(Tree, Option<TempDir>), Failure> {
    let below = common.root.join("var/tmp");
    let folder = tempfile::Builder::new()
        .prefix(".triton-usbkey-image-")
        .tempdir_in(&below)
        .map_err(|error| {
            let below = below.display();
            Failure::failed(format!(
                "can't make a folder in {below} to unpack {name} in: {error}"
            ))
        })?;
    unpack_tgz(reader, name, folder.path()).map_err(failure)?;
    Ok((
        Tree::of_folder(folder.path()).map_err(failure)?,
        Some(folder),
    ))
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
