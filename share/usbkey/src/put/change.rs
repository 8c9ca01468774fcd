// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! One file that is to be another than it is: found by its bytes, written whole under another name, read back, and renamed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{NEW, Written};
use crate::manifest::digest;
use crate::{Entry, Error, Item, Tree, folded};

pub(super) struct Change<'a> {
    pub(super) item: &'a Item,
    pub(super) wanted: Entry,
    pub(super) old: Option<Item>,
}

impl Change<'_> {
    pub(super) fn make(&self, medium: &Path, stamp: &str, parks: bool) -> Result<Written, Error> {
        let path = medium.join(&self.wanted.path);
        let folder = path.parent().unwrap_or(medium);
        make_folder(medium, folder)?;
        let new = with_suffix(&path, NEW);
        copy(self.item, &new, &self.wanted)?;
        keep_mode(self.item, &new);
        let parked = match (&self.old, parks) {
            (Some(old), true) => Some(self.park(old, medium, stamp)?),
            _ => None,
        };
        fs::rename(&new, &path).map_err(|error| Error::file("replace", &path, error))?;
        sync(folder)?;
        Ok(Written {
            path: self.wanted.path.clone(),
            size: self.wanted.size,
            parked,
        })
    }

    /// A copy, as the old file stays until the new one has its name. One that an earlier call kept is the true old one.
    fn park(&self, old: &Item, medium: &Path, stamp: &str) -> Result<String, Error> {
        let name = format!("parked-{stamp}/{}", self.wanted.path);
        let kept = medium.join(&name);
        let folder = kept.parent().unwrap_or(medium);
        make_folder(medium, folder)?;
        if !kept.exists() {
            let new = with_suffix(&kept, NEW);
            copy(old, &new, &entry_of(&self.wanted.path, old)?)?;
            fs::rename(&new, &kept).map_err(|error| Error::file("keep", &kept, error))?;
            sync(folder)?;
        }
        Ok(name)
    }
}

/// Folders of the medium and never the medium itself: where it is gone, its mountpoint would be filled instead.
fn make_folder(medium: &Path, folder: &Path) -> Result<(), Error> {
    let mut missing: Vec<&Path> = folder
        .ancestors()
        .take_while(|above| *above != medium && !above.exists())
        .collect();
    while let Some(next) = missing.pop() {
        fs::create_dir(next).map_err(|error| Error::file("make", next, error))?;
    }
    Ok(())
}

/// Writes a new file down to the medium, and reads it back.
fn copy(item: &Item, to: &Path, wanted: &Entry) -> Result<(), Error> {
    let failed = |error| Error::file("write", to, error);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(to)
        .map_err(failed)?;
    io::copy(&mut item.open()?, &mut file).map_err(failed)?;
    file.flush()
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    drop(file);
    let mut back = File::open(to).map_err(|error| Error::file("read back", to, error))?;
    let (size, sha256) = digest(&mut back).map_err(|error| Error::file("read back", to, error))?;
    match (size, &sha256) == (wanted.size, &wanted.sha256) {
        true => Ok(()),
        false => Err(Error::file(
            "trust",
            to,
            io::Error::other(
                "what was written does not read back the same; the medium may be failing",
            ),
        )),
    }
}

/// FAT has no modes to keep, and where there are none, none are missed.
fn keep_mode(item: &Item, path: &Path) {
    if let Err(error) = fs::set_permissions(path, fs::Permissions::from_mode(item.mode)) {
        tracing::debug!("can't set the mode of {}: {error}", path.display());
    }
}

fn sync(folder: &Path) -> Result<(), Error> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| Error::file("sync", folder, error))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The files of a tree that are not there like this, in the order in which they are to be written.
pub(super) fn changes<'a>(tree: &'a Tree, there: &Tree) -> Result<Vec<Change<'a>>, Error> {
    let mut changes = Vec::new();
    for (path, item) in tree.iter() {
        let mut wanted = entry_of(path, item)?;
        let (name, old) = there.find(path).unzip();
        let same = match old {
            Some(old) if old.size == item.size => entry_of(path, old)?.sha256 == wanted.sha256,
            _ => false,
        };
        if !same {
            let old = old.cloned();
            wanted.path = name.unwrap_or(path).to_owned();
            changes.push(Change { item, wanted, old });
        }
    }
    changes.sort_by_key(|change| (turn(&change.wanted.path), change.wanted.path.clone()));
    Ok(changes)
}

fn entry_of(path: &str, item: &Item) -> Result<Entry, Error> {
    let failed = |error| Error::file("read", path, error);
    let (size, sha256) = digest(&mut item.open()?).map_err(failed)?;
    Ok(Entry {
        path: path.to_owned(),
        size,
        mode: None,
        sha256,
    })
}

/// What a loader's configuration names must be there before it does.
fn turn(path: &str) -> u8 {
    match folded(path).as_str() {
        "boot/loader.conf" | "boot/grub/menu.lst" => 2,
        path if path.starts_with("boot/") => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_booted_is_named_only_once_it_is_there() {
        let order = [
            "boot/loader.conf",
            "boot/loader64.efi",
            "os/x/unix",
            "config",
        ];
        let mut turns: Vec<&str> = order.to_vec();
        turns.sort_by_key(|path| turn(path));
        assert_eq!(
            turns,
            [
                "os/x/unix",
                "config",
                "boot/loader64.efi",
                "boot/loader.conf"
            ]
        );
    }
}
