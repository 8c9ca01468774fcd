// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Putting files on a medium that is there and that a machine boots from. Each is written whole under another name, read back,
//! and renamed; what decides what is booted comes last. So at any moment the machine boots as before or as wanted, and the same
//! call again finishes what was cut off.

mod change;
mod place;
mod room;

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::{Error, Tree};
use change::changes;
pub use place::Place;
use room::room;

/// Left behind by a call that was cut off.
const NEW: &str = ".triton-new";

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

/// Puts what of a tree belongs to such a place into the folder that is one; nothing else there is touched. `stamp` names the folder
/// in which what is replaced is kept.
pub fn put(tree: &Tree, place: Place, folder: &Path, stamp: &str) -> Result<Report, Error> {
    place.check(folder)?;
    let tree = place.part_of(tree)?;
    let there = Tree::of_folder(folder)?;
    let changes = changes(&tree, &there)?;
    let mut report = Report {
        same: tree.iter().count() - changes.len(),
        ..Report::default()
    };
    remove_leftovers(&there, folder)?;
    let parks = room(&changes, folder)?;
    for change in &changes {
        report.unparked += usize::from(change.old.is_some() && !parks);
        report.written.push(change.make(folder, stamp, parks)?);
    }
    Ok(report)
}

/// What would be written, in this order; nothing is. Refused for the reasons that [`put`] is refused for.
pub fn would_put(tree: &Tree, place: Place, folder: &Path) -> Result<Vec<String>, Error> {
    place.check(folder)?;
    let tree = place.part_of(tree)?;
    let changes = changes(&tree, &Tree::of_folder(folder)?)?;
    room(&changes, folder)?;
    Ok(changes.into_iter().map(|one| one.wanted.path).collect())
}

fn remove_leftovers(there: &Tree, medium: &Path) -> Result<(), Error> {
    for (path, _) in there.iter().filter(|(path, _)| path.ends_with(NEW)) {
        let path = medium.join(path);
        fs::remove_file(&path).map_err(|error| Error::file("remove", &path, error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::place::MARKER;
    use super::*;
    use crate::Item;

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
        let report = put(&wanted, Place::Medium, key.path(), STAMP).unwrap();
        assert_eq!((report.same, report.unparked), (1, 0));
        let written: Vec<&str> = report.written.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(written, ["os/20260313T002414Z/unix", "boot/loader.conf"]);
        assert_eq!(text(&key, "boot/loader.conf"), "new");
        let parked = report.written[1].parked.clone().unwrap();
        assert_eq!(parked, format!("parked-{STAMP}/boot/loader.conf"));
        assert_eq!(text(&key, &parked), "old");
        assert_eq!(text(&key, "os/20260101t000000z/unix"), "old unix");
        let again = put(&wanted, Place::Medium, key.path(), STAMP).unwrap();
        assert_eq!((again.same, again.written.len()), (3, 0));
    }

    #[test]
    fn the_copy_has_the_modes_of_the_tree_and_what_the_copy_alone_has() {
        use std::os::unix::fs::PermissionsExt;
        let copy = tempfile::tempdir().unwrap();
        let mut wanted = tree(&[("extra/joysetup/joysetup.sh", "new")]);
        let script = Item::of_bytes(b"#!/bin/bash".to_vec(), 0o755, 0);
        wanted.add("scripts/a.sh", script).unwrap();
        let report = put(&wanted, Place::Copy, copy.path(), STAMP).unwrap();
        assert_eq!(report.written.len(), 2);
        let mode = |path: &str| {
            fs::metadata(copy.path().join(path))
                .unwrap()
                .permissions()
                .mode()
        };
        assert_eq!(mode("scripts/a.sh") & 0o777, 0o755);
        assert_eq!(mode("extra/joysetup/joysetup.sh") & 0o777, 0o644);
    }

    #[test]
    fn a_file_keeps_the_name_that_it_has_there() {
        let key = key();
        fs::write(key.path().join("license"), "old").unwrap();
        put(
            &tree(&[("LICENSE", "new")]),
            Place::Medium,
            key.path(),
            STAMP,
        )
        .unwrap();
        assert_eq!(text(&key, "license"), "new");
        assert!(!key.path().join("LICENSE").exists());
    }

    #[test]
    fn what_is_no_key_is_refused_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let error = would_put(&tree(&[("a", "b")]), Place::Medium, folder.path()).unwrap_err();
        assert!(
            matches!(&error, Error::Refused(why) if why.contains(MARKER)),
            "{error}"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_key_that_is_gone_is_not_made_anew_where_it_was_mounted() {
        let key = key();
        let wanted = tree(&[("os/20260313T002414Z/unix", "new unix")]);
        let there = Tree::of_folder(key.path()).unwrap();
        let changes = changes(&wanted, &there).unwrap();
        fs::remove_dir_all(key.path()).unwrap();
        assert!(changes[0].make(key.path(), STAMP, true).is_err());
        assert!(!key.path().exists());
    }

    #[test]
    fn a_call_that_was_cut_off_is_finished_by_the_next() {
        let key = key();
        fs::write(key.path().join("config.triton-new"), "half").unwrap();
        let wanted = tree(&[("config", "hostname=b")]);
        put(&wanted, Place::Medium, key.path(), STAMP).unwrap();
        assert_eq!(text(&key, "config"), "hostname=b");
        assert!(!key.path().join("config.triton-new").exists());
    }
}
