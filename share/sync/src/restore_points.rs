// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Restore points: what is recorded of a copy once it is proven whole, and what becomes of the records when copies move.

use std::collections::BTreeSet;

use documents::inventory::{Learnt, RestorePoint};
use documents::{Timestamp, Uuid};
use tracing::{info, warn};

use crate::common::Ancestor;
use crate::datasets::{Datasets, Wanted};
use crate::error::SyncError;
use crate::keep;
use crate::names;
use crate::snapshots::{Copy, Snapshot};

impl Datasets<'_> {
    /// Records the newest snapshot of a copy that was received whole but not recorded, as the run that did so was killed.
    pub(crate) fn adopt(
        &self,
        wanted: &Wanted,
        theirs: &[Snapshot],
        copy: Option<&Copy>,
    ) -> Result<(), SyncError> {
        let Some(newest) = copy.and_then(|copy| copy.snapshots.last()) else {
            return Ok(());
        };
        let recorded = self.store.points(self.source.server(), wanted.vm)?;
        let is_recorded = recorded
            .points
            .iter()
            .any(|point| point.guid == newest.guid);
        let is_theirs = theirs.iter().any(|snapshot| snapshot.guid == newest.guid);
        if is_recorded || !is_theirs {
            return Ok(());
        }
        info!(copy = %newest.dataset, snapshot = %newest.name, "was received before, is recorded now");
        self.record(wanted, newest, theirs, copy, newest.taken_at)
    }

    /// Records that `newest` is whole, and good as of `as_of`. Points whose snapshot is gone are left out.
    pub(crate) fn record(
        &self,
        wanted: &Wanted,
        newest: &Snapshot,
        theirs: &[Snapshot],
        copy: Option<&Copy>,
        as_of: Timestamp,
    ) -> Result<(), SyncError> {
        if !theirs.iter().any(|snapshot| snapshot.guid == newest.guid) {
            return Err(SyncError::NotWhole {
                dataset: names::delegate(wanted.vm),
                why: format!("{} has no counterpart there", newest.name),
            });
        }
        let server = self.source.server();
        let here = copy.map_or(&[][..], |copy| copy.snapshots.as_slice());
        let mut recorded = self.store.points(server, wanted.vm)?;
        recorded.points.retain(|point| {
            point.guid != newest.guid && here.iter().any(|snapshot| snapshot.guid == point.guid)
        });
        recorded.points.push(RestorePoint {
            server,
            vm: wanted.vm,
            dataset: names::copy(server, wanted.vm),
            snapshot: newest.name.clone(),
            guid: newest.guid.clone(),
            as_of,
            bytes: newest.bytes,
            learnt: Learnt::new(format!("sync@{}", self.source.hostname()), (self.now)()),
        });
        self.store.record_points(&recorded)
    }

    /// Renames a copy that nothing can be added to. Its restore points stay good, under its new name, until a newer one is
    /// whole.
    pub(crate) fn put_aside(
        &self,
        wanted: &Wanted,
        copy_name: &str,
        copy: Option<&Copy>,
        why: &str,
    ) -> Result<String, SyncError> {
        let snapshots = copy.map_or(&[][..], |copy| copy.snapshots.as_slice());
        let pins = (self.pins)();
        let pinned = snapshots.iter().find_map(|s| pins.who_needs(&s.name));
        if let Some(run) = pinned {
            return Err(SyncError::Needed {
                copy: copy_name.to_owned(),
                why: why.to_owned(),
                run: run.to_owned(),
            });
        }
        let aside = names::parked(copy_name, (self.now)());
        warn!(copy = %copy_name, %aside, "{why}; put aside, and all of it is sent anew");
        self.pool.put_aside(copy_name, &aside)?;
        let server = self.source.server();
        let moved = |point: &RestorePoint| point.dataset == copy_name;
        self.move_points(server, wanted.vm, &aside, moved)?;
        Ok(aside)
    }

    /// Records that the restore points of a zone that `moved` tells of lie in another dataset now.
    fn move_points(
        &self,
        server: Uuid,
        vm: Uuid,
        to: &str,
        moved: impl Fn(&RestorePoint) -> bool,
    ) -> Result<(), SyncError> {
        let mut recorded = self.store.points(server, vm)?;
        for point in recorded.points.iter_mut().filter(|point| moved(point)) {
            to.clone_into(&mut point.dataset);
        }
        self.store.record_points(&recorded)
    }

    /// Makes the copy of a restored zone out of the copy of the zone that it replaces: a branch that begins at their common
    /// ancestor. The older restore points go over to it, and stay good.
    pub(crate) fn branch(
        &self,
        ancestor: &Ancestor,
        copy_name: &str,
    ) -> Result<Option<Copy>, SyncError> {
        let from = &ancestor.here.dataset;
        info!(copy = %copy_name, %from, snapshot = %ancestor.here.name, "goes on from a copy of what it was restored from");
        self.pool.branch(from, &ancestor.here.name, copy_name)?;
        let copy = self.copy(copy_name)?;
        if let Some((server, vm)) = names::copied(from) {
            let here = copy.iter().flat_map(|copy| &copy.snapshots);
            let guids: BTreeSet<&str> = here.map(|one| one.guid.as_str()).collect();
            self.move_points(server, vm, copy_name, |point| {
                point.dataset == *from && guids.contains(point.guid.as_str())
            })?;
        }
        Ok(copy)
    }

    /// Removes what is no longer needed at both ends. That it can't is no failure of the sync: the next run tries again.
    pub(crate) fn remove_old(&self, copy: Option<&Copy>, theirs: &[Snapshot], whole: &str) {
        let here = copy.map_or(&[][..], |copy| copy.snapshots.as_slice());
        let pins = (self.pins)();
        let shared = keep::old_shared(here, self.target, &pins);
        let ours = keep::old_here(here, self.target, self.keep, &pins);
        for old in ours.into_iter().chain(shared) {
            if let Err(error) = self.pool.remove_snapshot(&old.dataset, &old.name) {
                warn!("{error}");
            }
        }
        for old in keep::old_there(theirs, self.target, whole) {
            if let Err(error) = self.source.remove_snapshot(&old.dataset, &old.name) {
                warn!("{error}");
            }
        }
    }
}

/// The copy's newest snapshot, if it is the one that was sent: same GUID, nothing left over.
pub(crate) fn whole<'a>(
    dataset: &str,
    copy: Option<&'a Copy>,
    sent: &Snapshot,
) -> Result<&'a Snapshot, SyncError> {
    let not_whole = |why: String| SyncError::NotWhole {
        dataset: dataset.to_owned(),
        why,
    };
    let copy = copy.ok_or_else(|| not_whole("there is no copy after the receive".to_owned()))?;
    if copy.resume.is_some() {
        return Err(not_whole(
            "the receive was cut off; the next run goes on with it".to_owned(),
        ));
    }
    let newest = copy
        .snapshots
        .last()
        .ok_or_else(|| not_whole("the copy has no snapshot".to_owned()))?;
    if newest.guid != sent.guid {
        return Err(not_whole(format!(
            "its newest snapshot {} has the GUID {}, and {} was sent",
            newest.name, newest.guid, sent.guid
        )));
    }
    Ok(newest)
}
