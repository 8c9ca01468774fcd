// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What the copies of one dataset on several headnodes have in common. When their source is lost and its zone restored on one
//! headnode, the others go on from a snapshot that both their copy and the restored dataset descend from.

use std::collections::BTreeMap;

use documents::Uuid;

use crate::names;
use crate::snapshots::{Copy, Snapshot};

/// Milliseconds. Each headnode keeps its own snapshots of the last hour, so one that was shared half an hour ago is still on
/// both.
const SHARED_EVERY: i64 = 30 * 60 * 1000;

/// Snapshots of other headnodes that a send should stop at, oldest first: of each the newest one, where the copy has had none
/// for a while. `theirs` is oldest first.
pub fn due<'a>(
    theirs: &'a [Snapshot],
    copy: Option<&Copy>,
    base: Option<&Snapshot>,
    target: Uuid,
) -> Vec<&'a Snapshot> {
    let after = base.map_or(0, |base| {
        let at = theirs.iter().rposition(|one| one.guid == base.guid);
        at.map_or(theirs.len(), |at| at + 1)
    });
    let had = newest_of_others(copy.map_or(&[][..], |copy| &copy.snapshots), target);
    let mut due: Vec<&Snapshot> = newest_of_others(&theirs[after..], target)
        .into_iter()
        .filter(|(whose, one)| {
            had.get(whose).is_none_or(|had| {
                one.taken_at.as_millis() - had.taken_at.as_millis() >= SHARED_EVERY
            })
        })
        .map(|(_, one)| one)
        .collect();
    due.sort_by_key(|due| theirs.iter().position(|one| one.guid == due.guid));
    due
}

/// The newest snapshot that each other headnode took, by whose it is.
fn newest_of_others(all: &[Snapshot], target: Uuid) -> BTreeMap<&str, &Snapshot> {
    let others = all.iter().filter(|one| !one.bookmark);
    others
        .filter_map(|one| Some((names::taken_by(&one.name)?, one)))
        .filter(|(whose, _)| *whose != names::target_id(target))
        .collect()
}

/// A snapshot that a dataset descends from and that some copy here has too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ancestor {
    /// On the source: of the dataset itself, or of what it is a clone of.
    pub there: Snapshot,
    /// In a copy of another zone.
    pub here: Snapshot,
}

/// The newest common ancestor. `line` is the dataset's line of descent, oldest first.
pub fn ancestor<'a>(
    line: impl DoubleEndedIterator<Item = &'a Snapshot>,
    here: &BTreeMap<&str, &Snapshot>,
) -> Option<Ancestor> {
    line.rev()
        .filter(|there| !there.bookmark)
        .find_map(|there| {
            here.get(there.guid.as_str()).map(|here| Ancestor {
                there: there.clone(),
                here: (*here).clone(),
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use documents::Timestamp;

    const US: Uuid = Uuid::from_u128(0x44454c4c_4700_1051_8031_b4c04f334731);
    const SECOND: Uuid = Uuid::from_u128(0x44454c4c_4700_1051_8031_b4c04f334732);
    const THIRD: Uuid = Uuid::from_u128(0x44454c4c_4700_1051_8031_b4c04f334733);

    fn of(target: Uuid, minute: i64) -> Snapshot {
        let at = Timestamp::from_millis(minute * 60_000);
        let name = names::snapshot(target, at, |_| false);
        Snapshot {
            dataset: "zones/a/data".to_owned(),
            guid: name.clone(),
            name,
            taken_at: at,
            bytes: 1,
            needed: false,
            bookmark: false,
        }
    }

    fn copy(snapshots: &[&Snapshot]) -> Copy {
        Copy {
            snapshots: snapshots.iter().map(|one| (*one).clone()).collect(),
            ..Copy::default()
        }
    }

    #[test]
    fn a_first_send_stops_at_the_newest_snapshot_of_each_other_headnode() {
        let theirs = [of(SECOND, 0), of(THIRD, 1), of(SECOND, 2), of(US, 3)];
        assert_eq!(due(&theirs, None, None, US), [&theirs[1], &theirs[2]]);
    }

    #[test]
    fn what_was_shared_a_while_ago_is_shared_anew_and_not_before() {
        let (old, base) = (of(SECOND, 0), of(US, 1));
        let has = copy(&[&old, &base]);
        for (minute, shared) in [(29, false), (30, true)] {
            let theirs = [base.clone(), of(SECOND, minute)];
            let due = due(&theirs, Some(&has), Some(&base), US);
            assert_eq!(!due.is_empty(), shared, "after {minute} minutes");
        }
    }

    #[test]
    fn nothing_older_than_the_base_or_of_strangers_is_stopped_at() {
        let base = of(US, 5);
        let mut foreign = of(SECOND, 6);
        foreign.name = "vmsnap-before".to_owned();
        let theirs = [of(SECOND, 4), base.clone(), foreign];
        assert!(due(&theirs, None, Some(&base), US).is_empty());
        assert!(
            due(&theirs, None, Some(&of(US, 9)), US).is_empty(),
            "a base that is not listed"
        );
    }

    #[test]
    fn the_newest_common_snapshot_is_the_ancestor_and_a_bookmark_is_none() {
        let line = [of(SECOND, 0), of(SECOND, 1), of(THIRD, 2)];
        let mut bookmark = of(US, 3);
        bookmark.bookmark = true;
        let here: BTreeMap<&str, &Snapshot> = [&line[0], &line[1], &bookmark]
            .map(|one| (one.guid.as_str(), one))
            .into();
        let found = ancestor(line.iter().chain([&bookmark]), &here).unwrap();
        assert_eq!(found.there, line[1]);
    }
}
