// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The names that sync gives: snapshots, copies, copies put aside, generations. Everything it may remove is recognised by them.

use documents::restore_data::CONTAINER;
use documents::{Timestamp, Uuid};

/// What all our snapshots begin with.
const PREFIX: &str = "triton-sync-";

/// The end of the name of a copy that is being removed.
const GOING: &str = "-going";

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

/// The bookmark of what a send stopped at on its way to the snapshot.
pub fn waypoint(snapshot: &str, number: usize) -> String {
    format!("{snapshot}-via-{}", number + 1)
}

/// True for a snapshot that `target` took: no other may be removed.
pub fn is_ours(snapshot: &str, target: Uuid) -> bool {
    taken_by(snapshot) == Some(target_id(target).as_str())
}

/// True for a snapshot that some headnode's sync took.
pub fn is_anybodys(snapshot: &str) -> bool {
    snapshot.starts_with(PREFIX)
}

/// Whose snapshot it is, as [`target_id`] writes it; none for one that no sync took.
pub fn taken_by(snapshot: &str) -> Option<&str> {
    let (whose, rest) = snapshot.strip_prefix(PREFIX)?.split_once('-')?;
    let is_id = whose.len() == 12 && whose.chars().all(|c| c.is_ascii_hexdigit());
    (is_id && rest.starts_with(|c: char| c.is_ascii_digit())).then_some(whose)
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

/// Server and zone that a copy of this name is of.
pub fn copied(copy: &str) -> Option<(Uuid, Uuid)> {
    let (server, vm) = copy
        .strip_prefix(CONTAINER)?
        .strip_prefix('/')?
        .split_once('/')?;
    Some((server.parse().ok()?, vm.parse().ok()?))
}

/// True for a name that only copies have.
pub fn is_copy(dataset: &str) -> bool {
    dataset.starts_with(&format!("{CONTAINER}/"))
}

/// The name under which a copy is removed.
pub fn going(copy: &str, at: Timestamp) -> String {
    format!("{copy}-parked-{}{GOING}", at.compact())
}

/// True for a copy whose removal has begun.
pub fn is_going(dataset: &str) -> bool {
    is_parked(dataset) && dataset.ends_with(GOING)
}

/// True for a copy that was put aside.
pub fn is_parked(dataset: &str) -> bool {
    is_copy(dataset) && dataset.contains("-parked-")
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
