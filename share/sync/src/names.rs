// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The names that sync gives: snapshots, copies, copies put aside, generations. Everything it may remove is recognised by them.

use documents::restore_data::CONTAINER;
use documents::{Timestamp, Uuid};

/// What all our snapshots begin with.
const PREFIX: &str = "triton-sync-";

/// Names the headnode that pulls. The last twelve digits of its UUID, as the first eight are the same on all machines of some
/// makers (`44454c4c` is "DELL").
pub fn target_id(target: Uuid) -> String {
    let digits = target.simple().to_string();
    digits[digits.len() - 12..].to_owned()
}

/// The beginning of all snapshots that `target` takes.
fn prefix(target: Uuid) -> String {
    format!("{PREFIX}{}-", target_id(target))
}

/// A name for a new snapshot that is not in use yet. Names sort as time does.
pub fn snapshot(target: Uuid, at: Timestamp, in_use: impl Fn(&str) -> bool) -> String {
    let first = format!("{}{}", prefix(target), at.compact());
    if !in_use(&first) {
        return first;
    }
    // Two runs within a second: the second one gets the next free number.
    (2u32..)
        .map(|number| format!("{first}-{number}"))
        .find(|name| !in_use(name))
        .unwrap_or(first)
}

/// True for a snapshot that `target` took: no other may be removed.
pub fn is_ours(snapshot: &str, target: Uuid) -> bool {
    snapshot
        .strip_prefix(&prefix(target))
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// True for a snapshot that some headnode's sync took.
pub fn is_anybodys(snapshot: &str) -> bool {
    snapshot.starts_with(PREFIX)
}

/// A zone's delegate dataset.
pub fn delegate(vm: Uuid) -> String {
    format!("zones/{vm}/data")
}

/// Parent of the copies of a server's datasets.
pub fn container(server: Uuid) -> String {
    format!("{CONTAINER}/{server}")
}

/// The copy of a zone's delegate dataset on this headnode.
pub fn copy(server: Uuid, vm: Uuid) -> String {
    format!("{}/{vm}", container(server))
}

/// True for a name that only copies have.
pub fn is_copy(dataset: &str) -> bool {
    dataset.starts_with(&format!("{CONTAINER}/"))
}

/// Where a copy goes that no longer has a base in common with its source. Nothing is destroyed to make room.
pub fn parked(copy: &str, at: Timestamp) -> String {
    format!("{copy}-parked-{}-diverged", at.compact())
}

/// Name of a generation's folder.
pub fn generation(at: Timestamp) -> String {
    let id = Uuid::new_v4().simple().to_string();
    format!("{}-{}", at.compact(), &id[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELL_1: Uuid = Uuid::from_u128(0x44454c4c_4700_1051_8031_b4c04f334731);
    const DELL_2: Uuid = Uuid::from_u128(0x44454c4c_4700_1051_8031_b4c04f334732);

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn two_machines_of_one_maker_do_not_share_snapshots() {
        let name = snapshot(DELL_1, at("2026-11-23T05:10:00Z"), |_| false);
        assert_eq!(name, "triton-sync-b4c04f334731-20261123T051000Z");
        assert!(is_ours(&name, DELL_1));
        assert!(!is_ours(&name, DELL_2));
    }

    #[test]
    fn snapshots_of_others_are_not_ours() {
        for name in [
            "vmsnap-before",
            "final",
            "triton-sync-",
            "triton-sync-b4c04f334731-",
            "triton-sync-b4c04f334731-keep-this",
        ] {
            assert!(!is_ours(name, DELL_1), "{name}");
        }
    }

    #[test]
    fn a_second_snapshot_within_a_second_sorts_after_the_first() {
        let when = at("2026-11-23T05:10:00Z");
        let first = snapshot(DELL_1, when, |_| false);
        let second = snapshot(DELL_1, when, |name| name == first);
        assert!(second > first, "{second}");
        assert!(is_ours(&second, DELL_1));
    }
}
