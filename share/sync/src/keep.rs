// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What is kept, and what may go. Only what sync made is ever removed, and only after something newer is whole.

use documents::Uuid;

use crate::names;
use crate::pins::Pins;
use crate::snapshots::Snapshot;

/// Restore points of a zone, and generations of a server, that are kept.
pub const KEPT: usize = 12;

/// Our old snapshots of a copy, oldest first. `copy` is oldest first; the newest is never among them.
pub fn old_here<'a>(copy: &'a [Snapshot], target: Uuid, pins: &Pins) -> Vec<&'a Snapshot> {
    let ours: Vec<&Snapshot> = copy
        .iter()
        .filter(|snapshot| names::is_ours(&snapshot.name, target))
        .collect();
    let surplus = ours.len().saturating_sub(KEPT);
    ours.into_iter()
        .take(surplus)
        .filter(|snapshot| !snapshot.needed && pins.who_needs(&snapshot.name).is_none())
        .collect()
}

/// Our snapshots on the source that are older than the one that is now whole here. That one stays: it is the next base.
pub fn old_there<'a>(source: &'a [Snapshot], target: Uuid, whole: &str) -> Vec<&'a Snapshot> {
    let Some(newest) = source.iter().position(|snapshot| snapshot.guid == whole) else {
        return Vec::new();
    };
    source[..newest]
        .iter()
        .filter(|snapshot| names::is_ours(&snapshot.name, target) && !snapshot.needed)
        .collect()
}

/// Generations that may go, of names that are oldest first.
pub fn old_generations<'a>(names: &'a [String], pins: &Pins) -> Vec<&'a String> {
    let surplus = names.len().saturating_sub(KEPT);
    names[..surplus]
        .iter()
        .filter(|name| pins.who_needs(name).is_none())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use documents::Timestamp;

    const TARGET: Uuid = Uuid::from_u128(0x44454c4c_4700_1051_8031_b4c04f334731);

    fn ours(count: usize) -> Vec<Snapshot> {
        (0..count)
            .map(|n| {
                let at = Timestamp::from_millis(n as i64 * 300_000);
                named(&names::snapshot(TARGET, at, |_| false), n)
            })
            .collect()
    }

    fn named(name: &str, n: usize) -> Snapshot {
        Snapshot {
            dataset: "zones/x".to_owned(),
            name: name.to_owned(),
            guid: n.to_string(),
            taken_at: Timestamp::from_millis(n as i64),
            bytes: 0,
            needed: false,
            bookmark: false,
        }
    }

    #[test]
    fn the_newest_twelve_stay_and_the_oldest_go() {
        let all = ours(14);
        let old = old_here(&all, TARGET, &Pins::none());
        assert_eq!(old, [&all[0], &all[1]]);
        assert!(old_here(&all[..12], TARGET, &Pins::none()).is_empty());
    }

    #[test]
    fn snapshots_of_others_are_neither_counted_nor_removed() {
        let mut all = ours(12);
        all.insert(0, named("before-the-upgrade", 99));
        assert!(old_here(&all, TARGET, &Pins::none()).is_empty());
    }

    #[test]
    fn what_a_clone_or_an_unfinished_run_needs_stays() {
        let mut all = ours(15);
        all[0].needed = true;
        let pins = Pins::of(vec![("journal/a run".to_owned(), all[1].name.clone())]);
        assert_eq!(old_here(&all, TARGET, &pins), [&all[2]]);
    }

    #[test]
    fn on_the_source_only_the_one_that_is_whole_here_and_newer_ones_stay() {
        let mut there = ours(4);
        there.insert(1, named("vmsnap-nightly", 77));
        let whole = there[3].guid.clone();
        assert_eq!(
            old_there(&there, TARGET, &whole),
            [&there[0], &there[2]],
            "the newer one may be on its way, the foreign one is not ours"
        );
    }

    #[test]
    fn nothing_goes_on_the_source_before_its_newest_is_whole_here() {
        assert!(old_there(&ours(4), TARGET, "a guid that it does not have").is_empty());
    }

    #[test]
    fn a_generation_that_an_unfinished_run_names_stays() {
        let all: Vec<String> = (10..24)
            .map(|n| format!("20261123T05{n}00Z-0a0b0c0d"))
            .collect();
        let pins = Pins::of(vec![("journal/a run".to_owned(), all[0].clone())]);
        assert_eq!(old_generations(&all, &pins), [&all[1]]);
    }
}
