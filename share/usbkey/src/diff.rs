// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! How two keys differ, file by file.

use serde::Serialize;

use crate::{Entry, Manifest};

/// One file that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub path: String,
    /// `content`, `mode`, `only in A` or `only in B`.
    pub what: &'static str,
    pub a: Option<Entry>,
    pub b: Option<Entry>,
}

/// Sorted by path. Names are compared without case. Modes are compared only where asked for, and where both sides have them:
/// FAT keeps none, and a mount of it shows the same for every file.
pub fn diff(a: &Manifest, b: &Manifest, modes: bool) -> Vec<Difference> {
    let mut found = Vec::new();
    for entry in a.entries() {
        let other = b.get(&entry.path);
        let what = match other {
            None => "only in A",
            Some(other) if (entry.size, &entry.sha256) != (other.size, &other.sha256) => "content",
            Some(other) if modes && differ(&entry.mode, &other.mode) => "mode",
            Some(_) => continue,
        };
        found.push(difference(what, Some(entry), other));
    }
    for entry in b.entries().filter(|entry| a.get(&entry.path).is_none()) {
        found.push(difference("only in B", None, Some(entry)));
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn differ(a: &Option<String>, b: &Option<String>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a != b)
}

fn difference(what: &'static str, a: Option<&Entry>, b: Option<&Entry>) -> Difference {
    let path = a.or(b).map(|entry| entry.path.clone()).unwrap_or_default();
    Difference {
        path,
        what,
        a: a.cloned(),
        b: b.cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(files: &[(&str, &str, Option<&str>)]) -> Manifest {
        let mut manifest = Manifest::default();
        for (path, sha256, mode) in files {
            let entry = Entry {
                path: (*path).to_owned(),
                size: 1,
                mode: mode.map(str::to_owned),
                sha256: (*sha256).to_owned(),
            };
            manifest.add(entry).unwrap();
        }
        manifest
    }

    #[test]
    fn a_foldcased_mount_and_an_image_are_equal_where_their_bytes_are() {
        let mount = manifest(&[
            ("license", "x", Some("0777")),
            ("os/20260313t002414z/a", "y", Some("0777")),
        ]);
        let image = manifest(&[("LICENSE", "x", None), ("os/20260313T002414Z/a", "y", None)]);
        assert_eq!(diff(&mount, &image, true), []);
    }

    #[test]
    fn each_kind_of_difference_is_told_once() {
        let a = manifest(&[
            ("a", "1", Some("0644")),
            ("b", "1", None),
            ("c", "1", Some("0644")),
        ]);
        let b = manifest(&[("b", "2", None), ("c", "1", Some("0755")), ("d", "1", None)]);
        let told = |modes| {
            let told = diff(&a, &b, modes);
            told.iter()
                .map(|one| format!("{} {}", one.path, one.what))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            told(true),
            ["a only in A", "b content", "c mode", "d only in B"]
        );
        assert_eq!(told(false), ["a only in A", "b content", "d only in B"]);
    }
}
