// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What all headnodes of a datacenter have alike on their media and in `/usbkey`, so that each can boot and set up every compute
//! node; and what of it two headnodes have not.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{Difference, Manifest, Tree, diff, folded, platform_stamp};

/// Files of the shared folders that are one node's all the same.
const OF_ONE_NODE: [&str; 4] = [
    "boot/loader.conf",
    "boot/networking.json",
    "boot/grub/menu.lst",
    "extra/joysetup/node.config",
];

/// What of a tree all headnodes should have alike.
pub fn shared(tree: &Tree) -> Tree {
    let mut shared = Tree::default();
    for (path, item) in tree.iter().filter(|(path, _)| part_of(path).is_some()) {
        shared.put(path, item.clone());
    }
    shared
}

/// What a shared file is a part of, by the name that operators have for it; `None` for a file that is a node's own.
pub fn part_of(path: &str) -> Option<String> {
    let path = folded(path);
    if OF_ONE_NODE.contains(&path.as_str()) {
        return None;
    }
    let mut names = path.split('/');
    let part = match (names.next()?, names.next()) {
        ("os", Some(stamp)) => {
            let stamp = platform_stamp(stamp).unwrap_or_else(|| stamp.to_owned());
            return Some(format!("platform {stamp}"));
        }
        ("tools.tar.gz" | "cn_tools.tar.gz", None) => "gz-tools",
        ("scripts", Some(_)) => "scripts",
        ("ur-scripts", Some(_)) | ("extra", Some("agents")) => "agents",
        ("sdcadm-install.sh", None) | ("extra", Some("sdcadm")) => "sdcadm",
        ("extra", Some("joysetup")) => "joysetup",
        ("extra", Some("dockerlogger")) => "dockerlogger",
        ("boot", Some(_)) | ("etc", Some("version")) => "boot",
        _ => return None,
    };
    Some(part.to_owned())
}

/// How a part is there, as seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// No file of it is there.
    Missing,
    /// No file of it is here.
    Extra,
    Differs,
}

/// A part that is not alike here and there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unlike {
    pub part: String,
    pub state: State,
    /// How many files are not the same.
    pub files: usize,
}

/// The parts of two manifests that are not alike, sorted by their names. Files of one node alone are not looked at.
pub fn unlike(here: &Manifest, there: &Manifest) -> Vec<Unlike> {
    let mut parts: BTreeMap<String, usize> = BTreeMap::new();
    for one in diff(here, there, false) {
        if let Some(part) = part_of(&one.path) {
            *parts.entry(part).or_default() += 1;
        }
    }
    let has = |manifest: &Manifest, part: &str| {
        let mut entries = manifest.entries();
        entries.any(|entry| part_of(&entry.path).as_deref() == Some(part))
    };
    let of_part = |(part, files): (String, usize)| Unlike {
        state: match (has(here, &part), has(there, &part)) {
            (true, false) => State::Missing,
            (false, true) => State::Extra,
            _ => State::Differs,
        },
        part,
        files,
    };
    parts.into_iter().map(of_part).collect()
}

/// The shared files that would have to travel from here to there.
pub fn to_send(here: &Manifest, there: &Manifest) -> Vec<String> {
    let travels = |one: &Difference| one.a.is_some() && part_of(&one.path).is_some();
    let differences = diff(here, there, false).into_iter();
    differences.filter(travels).map(|one| one.path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Item;

    fn manifest(files: &[(&str, &str)]) -> Manifest {
        let mut tree = Tree::default();
        for (path, text) in files {
            let item = Item::of_bytes(text.as_bytes().to_vec(), 0o644, 0);
            tree.add(path, item).unwrap();
        }
        Manifest::of_tree(&tree).unwrap()
    }

    #[test]
    fn a_file_is_shared_as_a_part_that_operators_know_or_a_nodes_own() {
        for (path, part) in [
            (
                "os/20260313t002414z/platform/i86pc/kernel/amd64/unix",
                Some("platform 20260313T002414Z"),
            ),
            ("cn_tools.tar.gz", Some("gz-tools")),
            ("scripts/headnode.sh", Some("scripts")),
            ("boot/loader64.efi", Some("boot")),
            ("etc/version/boot", Some("boot")),
            ("extra/agents/agents-master.sh", Some("agents")),
            ("extra/joysetup/joysetup.sh", Some("joysetup")),
            ("extra/joysetup/node.config", None),
            ("Boot/Loader.conf", None),
            ("boot/networking.json", None),
            ("config", None),
            ("config.inc/root.authorized_keys", None),
            ("private/root.password", None),
            ("images/x.imgfile", None),
        ] {
            assert_eq!(part_of(path).as_deref(), part, "{path}");
        }
    }

    #[test]
    fn parts_that_are_not_alike_are_told_once_with_the_number_of_their_files() {
        let here = manifest(&[
            ("os/20260313T002414Z/a", "1"),
            ("os/20260313T002414Z/b", "1"),
            ("scripts/a", "1"),
            ("config", "mine"),
            ("tools.tar.gz", "same"),
        ]);
        let there = manifest(&[
            ("os/20250101T000000Z/a", "1"),
            ("scripts/a", "2"),
            ("config", "theirs"),
            ("tools.tar.gz", "same"),
        ]);
        let told = |part: &str, state, files| Unlike {
            part: part.to_owned(),
            state,
            files,
        };
        assert_eq!(
            unlike(&here, &there),
            [
                told("platform 20250101T000000Z", State::Extra, 1),
                told("platform 20260313T002414Z", State::Missing, 2),
                told("scripts", State::Differs, 1),
            ]
        );
        assert_eq!(
            to_send(&here, &there),
            [
                "os/20260313T002414Z/a",
                "os/20260313T002414Z/b",
                "scripts/a"
            ]
        );
    }
}
