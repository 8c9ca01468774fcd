// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Copies of zones that their source no longer has. They stay good for days, as a deletion may have been a mistake; then they
//! go, each by its name: renamed first, so that one which is half removed is not taken for a restore point.

use std::collections::BTreeSet;

use documents::{Timestamp, Uuid};
use tracing::{info, warn};

use crate::datasets::Datasets;
use crate::error::SyncError;
use crate::names;
use crate::pins::Pins;
use crate::snapshots::Copy;

impl Datasets<'_> {
    /// Removes of these copies what is older than `keep` seconds; returns what went. That one can't be removed is no failure of the sync.
    pub fn remove_vanished(
        &self,
        copies: &[Copy],
        present: &BTreeSet<Uuid>,
        keep: i64,
    ) -> Vec<String> {
        let pins = (self.pins)();
        let mut removed = Vec::new();
        for copy in copies
            .iter()
            .filter(|copy| is_due(copy, present, &pins, (self.now)(), keep))
        {
            match self.remove_copy(copy) {
                Ok(()) => {
                    info!(copy = %copy.dataset, "removed: its zone is gone from its server");
                    removed.push(copy.dataset.clone());
                }
                Err(error) => warn!("a copy of a zone that is gone stays for now: {error}"),
            }
        }
        removed
    }

    fn remove_copy(&self, copy: &Copy) -> Result<(), SyncError> {
        let going = match names::is_going(&copy.dataset) {
            true => copy.dataset.clone(),
            false => {
                let going = names::going(&copy.dataset, (self.now)());
                self.pool.put_aside(&copy.dataset, &going)?;
                going
            }
        };
        if let Some((server, vm)) = names::copied(&copy.dataset) {
            let mut recorded = self.store.points(server, vm)?;
            recorded
                .points
                .retain(|point| point.dataset != copy.dataset);
            self.store.record_points(&recorded)?;
        }
        for snapshot in &copy.snapshots {
            self.pool.remove_snapshot(&going, &snapshot.name)?;
        }
        self.pool.remove_copy(&going)
    }
}

/// True for a copy of a zone that is gone, or one that was put aside, which nothing needs and which is old enough.
fn is_due(copy: &Copy, present: &BTreeSet<Uuid>, pins: &Pins, now: Timestamp, keep: i64) -> bool {
    if names::is_going(&copy.dataset) {
        return true;
    }
    let is_gone = match names::copied(&copy.dataset) {
        Some((_, vm)) => !present.contains(&vm),
        None => names::is_parked(&copy.dataset),
    };
    let needed = copy
        .snapshots
        .iter()
        .any(|one| one.needed || pins.who_needs(&one.name).is_some());
    let newest = copy.snapshots.last().map(|one| one.taken_at);
    is_gone && !needed && newest.is_some_and(|newest| now.seconds_since(newest) > keep)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshots::Snapshot;

    const SERVER: Uuid = Uuid::from_u128(1);
    const VM: Uuid = Uuid::from_u128(2);

    fn copy(dataset: String, needed: bool) -> Copy {
        let snapshot = Snapshot {
            dataset: dataset.clone(),
            name: "triton-sync-b4c04f334731-19700101T000000Z".to_owned(),
            guid: "1".to_owned(),
            taken_at: Timestamp::from_millis(0),
            bytes: 1,
            needed,
            bookmark: false,
        };
        Copy {
            dataset,
            snapshots: vec![snapshot],
            ..Copy::default()
        }
    }

    fn due(copy: &Copy, present: &[Uuid], seconds: i64) -> bool {
        let present = present.iter().copied().collect();
        let now = Timestamp::from_millis(seconds * 1000);
        is_due(copy, &present, &Pins::none(), now, 100)
    }

    #[test]
    fn only_what_is_gone_and_old_and_needed_by_nobody_is_removed() {
        let plain = copy(names::copy(SERVER, VM), false);
        assert!(due(&plain, &[], 101));
        assert!(!due(&plain, &[VM], 101), "its zone is there");
        assert!(!due(&plain, &[], 100), "it is not old enough");
        assert!(
            !due(&copy(names::copy(SERVER, VM), true), &[], 101),
            "it has a clone"
        );
    }

    #[test]
    fn a_pinned_copy_stays_and_one_without_snapshots_is_not_judged() {
        let plain = copy(names::copy(SERVER, VM), false);
        let pins = Pins::of(vec![("run".to_owned(), plain.snapshots[0].name.clone())]);
        let now = Timestamp::from_millis(1_000_000);
        assert!(!is_due(&plain, &BTreeSet::new(), &pins, now, 100));
        let empty = Copy {
            snapshots: Vec::new(),
            ..plain
        };
        assert!(!due(&empty, &[], 1000));
    }

    #[test]
    fn what_was_put_aside_goes_when_it_is_old_and_what_is_going_goes_on_going() {
        let name = names::copy(SERVER, VM);
        let parked = names::parked(&name, Timestamp::from_millis(0));
        assert!(due(&copy(parked.clone(), false), &[VM], 101));
        assert!(!due(&copy(parked, false), &[VM], 99));
        let going = names::going(&name, Timestamp::from_millis(0));
        assert!(due(&copy(going, false), &[VM], 0));
    }
}
