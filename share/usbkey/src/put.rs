// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Putting files on a medium that is there and that a machine boots from. Each is written whole under another name, read back,
//! and renamed; what decides what is booted comes last. So at any moment the machine boots as before or as wanted, and the same
//! call again finishes what was cut off.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::statvfs;
use serde::Serialize;

use crate::manifest::digest;
use crate::{Entry, Error, Item, Tree, folded, platform_stamp};

/// What every Triton key has, and nothing else.
const MARKER: &str = ".joyliveusb";

/// Left behind by a call that was cut off.
const NEW: &str = ".triton-new";

/// A cluster of a large FAT32; every file takes whole ones.
const CLUSTER: u64 = 32 * 1024;

/// Room that is never filled.
const RESERVE: u64 = 16 << 20;

/// A file that was not there like this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Written {
    pub path: String,
    pub size: u64,
    /// Where the file is that it took the place of.
    pub parked: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    pub written: Vec<Written>,
    /// Files that were there already.
    pub same: usize,
    /// What was replaced could not be kept: there is no room.
    pub unparked: usize,
}

/// Puts a tree's files on a mounted key or a boot dataset; nothing else of it is touched. `stamp` names the folder in which what is
/// replaced is kept.
pub fn put(tree: &Tree, medium: &Path, stamp: &str) -> Result<Report, Error> {
    if !medium.join(MARKER).is_file() {
        return Err(Error::Refused(format!(
            "{} is no Triton key: there is no {MARKER} in it. Is the key mounted (sdc-usbkey mount)?",
            medium.display()
        )));
    }
    put_all(tree, medium, stamp)
}

/// Puts the same files into the copy of the key that a headnode works with, `/usbkey`, as its next boot would.
pub fn put_copy(tree: &Tree, copy: &Path, stamp: &str) -> Result<Report, Error> {
    let mut mirrored = Tree::default();
    for (path, item) in tree.iter() {
        if let Some(path) = in_copy(path) {
            mirrored.add(&path, item.clone())?;
        }
    }
    put_all(&mirrored, copy, stamp)
}

/// Where the copy has a key's file: platforms under their true names, and neither `private` nor hidden files.
fn in_copy(path: &str) -> Option<String> {
    let (top, rest) = path.split_once('/').unwrap_or((path, ""));
    match folded(top).as_str() {
        "private" => None,
        _ if top.starts_with('.') => None,
        "os" => {
            let (stamp, below) = rest.split_once('/')?;
            let stamp = platform_stamp(stamp).unwrap_or_else(|| stamp.to_owned());
            Some(format!("os/{stamp}/{below}"))
        }
        _ => Some(path.to_owned()),
    }
}

fn put_all(tree: &Tree, medium: &Path, stamp: &str) -> Result<Report, Error> {
    let there = Tree::of_folder(medium)?;
    let changes = changes(tree, &there)?;
    let mut report = Report {
        same: tree.iter().count() - changes.len(),
        ..Report::default()
    };
    remove_leftovers(&there, medium)?;
    let parks = room(&changes, medium)?;
    for change in &changes {
        report.unparked += usize::from(change.old.is_some() && !parks);
        report.written.push(change.make(medium, stamp, parks)?);
    }
    Ok(report)
}

/// What would be written, in this order; nothing is.
pub fn would_write(tree: &Tree, medium: &Path) -> Result<Vec<String>, Error> {
    let changes = changes(tree, &Tree::of_folder(medium)?)?;
    Ok(changes.into_iter().map(|one| one.wanted.path).collect())
}

fn changes<'a>(tree: &'a Tree, there: &Tree) -> Result<Vec<Change<'a>>, Error> {
    let mut changes = Vec::new();
    for (path, item) in tree.iter() {
        let wanted = entry_of(path, item)?;
        let old = there.get(path);
        let same = match old {
            Some(old) if old.size == item.size => entry_of(path, old)?.sha256 == wanted.sha256,
            _ => false,
        };
        if !same {
            let old = old.cloned();
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

fn remove_leftovers(there: &Tree, medium: &Path) -> Result<(), Error> {
    for (path, _) in there.iter().filter(|(path, _)| path.ends_with(NEW)) {
        let path = medium.join(path);
        fs::remove_file(&path).map_err(|error| Error::file("remove", &path, error))?;
    }
    Ok(())
}

/// Whether there is room to keep what is replaced; an error where there is not even room for what is to be written.
fn room(changes: &[Change<'_>], medium: &Path) -> Result<bool, Error> {
    let about = statvfs(medium).map_err(|error| Error::file("look at", medium, error.into()))?;
    let free = about.f_bavail.saturating_mul(about.f_frsize);
    let takes = |size: u64| size.div_ceil(CLUSTER).max(1) * CLUSTER;
    let new: u64 = changes.iter().map(|change| takes(change.wanted.size)).sum();
    let old: u64 = changes
        .iter()
        .filter_map(|change| change.old.as_ref())
        .map(|old| takes(old.size))
        .sum();
    // Old and new are there together for a moment, one file at a time.
    let largest = changes.iter().map(|change| takes(change.wanted.size)).max();
    let least = new.saturating_sub(old) + largest.unwrap_or(0);
    if least > free {
        return Err(Error::Refused(format!(
            "{} has {} MiB free, and what is to be written needs {} MiB; nothing was written. Remove platforms that nothing \
             boots any more (sdcadm platform remove), or take a larger key",
            medium.display(),
            free >> 20,
            least.div_ceil(1 << 20)
        )));
    }
    Ok(free >= new + old + RESERVE)
}

struct Change<'a> {
    item: &'a Item,
    wanted: Entry,
    old: Option<Item>,
}

impl Change<'_> {
    fn make(&self, medium: &Path, stamp: &str, parks: bool) -> Result<Written, Error> {
        let path = medium.join(&self.wanted.path);
        let folder = path.parent().unwrap_or(medium);
        fs::create_dir_all(folder).map_err(|error| Error::file("make", folder, error))?;
        let new = with_suffix(&path, NEW);
        copy(self.item, &new, &self.wanted)?;
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
        fs::create_dir_all(folder).map_err(|error| Error::file("make", folder, error))?;
        if !kept.exists() {
            let new = with_suffix(&kept, NEW);
            copy(old, &new, &entry_of(&self.wanted.path, old)?)?;
            fs::rename(&new, &kept).map_err(|error| Error::file("keep", &kept, error))?;
            sync(folder)?;
        }
        Ok(name)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: &str = "20261124T020000Z";

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::default();
        for (path, text) in files {
            let item = Item::of_bytes(text.as_bytes().to_vec(), 0o644, 0);
            tree.add(path, item).unwrap();
        }
        tree
    }

    /// A key with a platform and a loader that boots it.
    fn key() -> tempfile::TempDir {
        let key = tempfile::tempdir().unwrap();
        for (path, text) in [
            (MARKER, ""),
            ("boot/loader.conf", "old"),
            ("os/20260101t000000z/unix", "old unix"),
            ("config", "hostname=a"),
        ] {
            let path = key.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        key
    }

    fn text(key: &tempfile::TempDir, path: &str) -> String {
        fs::read_to_string(key.path().join(path)).unwrap()
    }

    #[test]
    fn what_differs_is_written_what_was_there_is_kept_and_the_rest_is_left_alone() {
        let key = key();
        let wanted = tree(&[
            ("boot/loader.conf", "new"),
            ("config", "hostname=a"),
            ("os/20260313T002414Z/unix", "new unix"),
        ]);
        let report = put(&wanted, key.path(), STAMP).unwrap();
        assert_eq!((report.same, report.unparked), (1, 0));
        let written: Vec<&str> = report.written.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(written, ["os/20260313T002414Z/unix", "boot/loader.conf"]);
        assert_eq!(text(&key, "boot/loader.conf"), "new");
        let parked = report.written[1].parked.clone().unwrap();
        assert_eq!(parked, format!("parked-{STAMP}/boot/loader.conf"));
        assert_eq!(text(&key, &parked), "old");
        assert_eq!(text(&key, "os/20260101t000000z/unix"), "old unix");
        let again = put(&wanted, key.path(), STAMP).unwrap();
        assert_eq!((again.same, again.written.len()), (3, 0));
    }

    #[test]
    fn what_is_no_key_is_refused_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let error = put(&tree(&[("a", "b")]), folder.path(), STAMP).unwrap_err();
        assert!(
            matches!(&error, Error::Refused(why) if why.contains(MARKER)),
            "{error}"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_call_that_was_cut_off_is_finished_by_the_next() {
        let key = key();
        fs::write(key.path().join("config.triton-new"), "half").unwrap();
        let wanted = tree(&[("config", "hostname=b")]);
        put(&wanted, key.path(), STAMP).unwrap();
        assert_eq!(text(&key, "config"), "hostname=b");
        assert!(!key.path().join("config.triton-new").exists());
    }

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

    #[test]
    fn the_copy_has_platforms_by_their_true_names_and_no_secrets_of_the_key() {
        assert_eq!(
            in_copy("os/20260313t002414z/platform/unix").as_deref(),
            Some("os/20260313T002414Z/platform/unix")
        );
        assert_eq!(in_copy(".joyliveusb"), None);
        assert_eq!(in_copy("private/root.password"), None);
        assert_eq!(
            in_copy("boot/loader.conf").as_deref(),
            Some("boot/loader.conf")
        );
    }

    #[test]
    fn more_than_the_medium_holds_is_refused_with_the_figures() {
        let key = key();
        let huge = Item {
            size: 1 << 50,
            ..Item::of_bytes(Vec::new(), 0o644, 0)
        };
        let change = Change {
            item: &huge,
            wanted: Entry {
                path: "os/x".to_owned(),
                size: 1 << 50,
                mode: None,
                sha256: String::new(),
            },
            old: None,
        };
        let error = room(&[change], key.path()).unwrap_err();
        assert!(error.to_string().contains("MiB free"), "{error}");
    }
}
