// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The datasets of one source, one after the other: those that a restore can't do without first. Each ends with a restore
//! point that is proven whole before it is recorded, so a run that is killed anywhere is completed by the next one.

use std::collections::BTreeMap;
use std::time::Instant;

use documents::inventory::{Learnt, RestorePoint};
use documents::{Timestamp, Uuid};
use tracing::{info, warn};

use crate::error::SyncError;
use crate::keep::{self, Grid};
use crate::names;
use crate::pins::Pins;
use crate::results::{DatasetResult, Importance, Outcome, RESULT_KIND};
use crate::snapshots::{self, Base, Copy, Snapshot};
use crate::store::Store;
use crate::transport::{Pool, Send, Source, Stream};

/// A dataset that is to be synced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub vm: Uuid,
    pub service: String,
    pub alias: Option<String>,
    pub importance: Importance,
}

/// Everything that the sync of a source's datasets works with.
pub struct Datasets<'a> {
    pub source: &'a dyn Source,
    pub pool: &'a dyn Pool,
    pub store: &'a Store,
    /// This headnode.
    pub target: Uuid,
    /// Asked anew each time: a restore may begin while this runs.
    pub pins: &'a dyn Fn() -> Pins,
    /// Which restore points are kept.
    pub keep: &'a Grid,
    /// Bytes of the pool that a receive must leave free.
    pub reserve: u64,
    pub now: &'a dyn Fn() -> Timestamp,
}

/// Both ends, as they were when the run began.
struct Seen {
    theirs: BTreeMap<String, Vec<Snapshot>>,
    copies: BTreeMap<String, Copy>,
    /// Bytes written to a source's dataset since the newest snapshot that we have of it.
    written: BTreeMap<String, u64>,
    /// When that was asked.
    asked_at: Timestamp,
}

impl Datasets<'_> {
    /// Syncs all of `wanted`; a failure is told of and the rest goes on.
    pub fn sync(
        &self,
        mut wanted: Vec<Wanted>,
        each: &mut dyn FnMut(&DatasetResult),
    ) -> Result<Vec<DatasetResult>, SyncError> {
        wanted.sort_by(|a, b| {
            (a.importance, &a.service, a.vm).cmp(&(b.importance, &b.service, b.vm))
        });
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        self.pool.prepare(self.source.server())?;
        let mut seen = self.look(&wanted)?;
        let mut results = Vec::new();
        let mut gone = None;
        for wanted in &wanted {
            let result = self.timed(wanted, &mut seen, &mut gone);
            each(&result);
            results.push(result);
        }
        Ok(results)
    }

    /// Looks at both ends with as few commands as do: their number does not grow with the number of datasets.
    fn look(&self, wanted: &[Wanted]) -> Result<Seen, SyncError> {
        let datasets: Vec<String> = wanted.iter().map(|w| names::delegate(w.vm)).collect();
        let mut theirs: BTreeMap<String, Vec<Snapshot>> = BTreeMap::new();
        for snapshot in self.source.snapshots(&datasets)? {
            theirs
                .entry(snapshot.dataset.clone())
                .or_default()
                .push(snapshot);
        }
        let copies: BTreeMap<String, Copy> = self
            .pool
            .copies(self.source.server())?
            .into_iter()
            .map(|copy| (copy.dataset.clone(), copy))
            .collect();
        let asked_at = (self.now)();
        let written = self.written(wanted, &theirs, &copies)?;
        Ok(Seen {
            theirs,
            copies,
            written,
            asked_at,
        })
    }

    /// One question per snapshot name in use; a run names all its snapshots alike, so that is one question or a few.
    fn written(
        &self,
        wanted: &[Wanted],
        theirs: &BTreeMap<String, Vec<Snapshot>>,
        copies: &BTreeMap<String, Copy>,
    ) -> Result<BTreeMap<String, u64>, SyncError> {
        let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for wanted in wanted {
            let dataset = names::delegate(wanted.vm);
            let copy = copies.get(&names::copy(self.source.server(), wanted.vm));
            let source = theirs.get(&dataset).map_or(&[][..], Vec::as_slice);
            if let Base::From(base) = snapshots::base(source, copy)
                && let Some(there) = snapshots::counterpart(source, &base.guid)
                && !there.bookmark
            {
                by_name.entry(there.name.clone()).or_default().push(dataset);
            }
        }
        let mut written = BTreeMap::new();
        for (snapshot, datasets) in by_name {
            written.extend(self.source.written_since(&snapshot, &datasets)?);
        }
        Ok(written)
    }

    /// `gone` is why the source no longer answers: the rest is not tried, as each try would wait for nothing.
    fn timed(&self, wanted: &Wanted, seen: &mut Seen, gone: &mut Option<String>) -> DatasetResult {
        let start = Instant::now();
        let mut result = DatasetResult {
            kind: RESULT_KIND,
            source: self.source.hostname().to_owned(),
            server: self.source.server(),
            vm: wanted.vm,
            service: wanted.service.clone(),
            alias: wanted.alias.clone(),
            importance: wanted.importance,
            snapshot: None,
            guid: None,
            bytes: 0,
            seconds: 0.0,
            lag_seconds: None,
            outcome: Outcome::Failed,
            why: None,
        };
        if let Some(why) = gone {
            result.why = Some(why.clone());
        } else if let Err(error) = self.one(wanted, seen, &mut result) {
            result.outcome = Outcome::Failed;
            result.why = Some(error.to_string());
            if matches!(error, SyncError::Unreachable { .. }) {
                *gone = result.why.clone();
            }
        }
        result.seconds = start.elapsed().as_secs_f64();
        if let Ok(points) = self.store.points(self.source.server(), wanted.vm)
            && let Some(newest) = points.points.last()
        {
            result.snapshot = Some(newest.snapshot.clone());
            result.guid = Some(newest.guid.clone());
            result.lag_seconds = Some((self.now)().seconds_since(newest.as_of));
        }
        result
    }

    /// One dataset: finish what was cut off, find the base, send what is new, prove it whole, record it, remove what is old.
    fn one(
        &self,
        wanted: &Wanted,
        seen: &mut Seen,
        result: &mut DatasetResult,
    ) -> Result<(), SyncError> {
        let dataset = names::delegate(wanted.vm);
        let copy_name = names::copy(self.source.server(), wanted.vm);
        let theirs = seen.theirs.remove(&dataset).unwrap_or_default();
        let mut copy = seen.copies.remove(&copy_name);
        if let Some(token) = copy.as_ref().and_then(|copy| copy.resume.clone()) {
            copy = self.finish_receive(&dataset, &copy_name, token, result)?;
            // What was asked about the older base says nothing about this one.
            seen.written.remove(&dataset);
        }
        self.adopt(wanted, &theirs, copy.as_ref())?;

        let base = match snapshots::base(&theirs, copy.as_ref()) {
            Base::Nothing => None,
            Base::From(base) if seen.written.get(&dataset) == Some(&0) => {
                self.record(wanted, base, &theirs, copy.as_ref(), seen.asked_at)?;
                result.outcome = Outcome::Unchanged;
                self.remove_old(copy.as_ref(), &theirs, &base.guid.clone());
                return Ok(());
            }
            Base::From(base) => snapshots::counterpart(&theirs, &base.guid).cloned(),
            Base::Diverged(why) => {
                let aside = self.put_aside(wanted, &copy_name, copy.as_ref(), &why)?;
                result.why = Some(format!("{why}; the old copy is now {aside}"));
                None
            }
        };
        self.make_sure_of_room(&dataset, base.is_some(), seen.written.get(&dataset))?;
        // Our own clock, from before the snapshot: whatever the source's clock says, the data is not older than that.
        let as_of = (self.now)();
        // Named after the run, as all of them: so one question tells of all what was written since.
        let taken = self.take_snapshot(&dataset, &theirs, copy.as_ref(), seen.asked_at)?;
        result.bytes += self.source.send(
            &Stream::New(Send {
                dataset: dataset.clone(),
                snapshot: taken.name.clone(),
                base,
            }),
            &copy_name,
        )?;
        let copy = self.pool.copy(&copy_name)?;
        let newest = whole(&dataset, copy.as_ref(), &taken)?;
        let mut theirs = theirs;
        theirs.push(taken);
        self.record(wanted, newest, &theirs, copy.as_ref(), as_of)?;
        result.outcome = Outcome::Sent;
        let guid = newest.guid.clone();
        self.remove_old(copy.as_ref(), &theirs, &guid);
        Ok(())
    }

    /// Refuses what would fill the pool: a full pool stops every zone of this headnode.
    fn make_sure_of_room(
        &self,
        dataset: &str,
        incremental: bool,
        written: Option<&u64>,
    ) -> Result<(), SyncError> {
        let needed = match (incremental, written) {
            (true, Some(written)) => *written,
            // All of it, or, from a bookmark, not more than that.
            _ => {
                let sizes = self.source.sizes(&[dataset.to_owned()])?;
                sizes.get(dataset).copied().unwrap_or_default()
            }
        };
        let free = self.pool.free()?;
        if needed.saturating_add(self.reserve) <= free {
            return Ok(());
        }
        Err(SyncError::NoRoom {
            dataset: dataset.to_owned(),
            needed,
            free,
            reserve: self.reserve,
        })
    }

    fn take_snapshot(
        &self,
        dataset: &str,
        theirs: &[Snapshot],
        copy: Option<&Copy>,
        at: Timestamp,
    ) -> Result<Snapshot, SyncError> {
        // The copy keeps snapshots longer than its source, and receives none whose name it has.
        let ours = copy.map_or(&[][..], |copy| copy.snapshots.as_slice());
        let name = names::snapshot(self.target, at, |name| {
            theirs.iter().chain(ours).any(|known| known.name == name)
        });
        self.source.take_snapshot(dataset, &name)
    }

    /// Renames a copy that nothing can be added to. Its restore points stay good, under its new name, until a newer one is
    /// whole.
    fn put_aside(
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
        let mut recorded = self.store.points(self.source.server(), wanted.vm)?;
        for point in &mut recorded.points {
            if point.dataset == copy_name {
                point.dataset.clone_from(&aside);
            }
        }
        self.store.record_points(&recorded)?;
        Ok(aside)
    }

    /// Goes on with a receive that was cut off. When it can't, because its snapshot is gone or the token is no longer good,
    /// it is given up: the data is sent again from the last whole restore point.
    fn finish_receive(
        &self,
        dataset: &str,
        copy: &str,
        token: String,
        result: &mut DatasetResult,
    ) -> Result<Option<Copy>, SyncError> {
        let stream = Stream::Resume {
            dataset: dataset.to_owned(),
            token,
        };
        match self.source.send(&stream, copy) {
            Ok(bytes) => {
                info!(copy, bytes, "went on with a receive that was cut off");
                result.bytes += bytes;
            }
            Err(SyncError::Unreachable { host, why }) => {
                return Err(SyncError::Unreachable { host, why });
            }
            Err(error) => {
                warn!(
                    copy,
                    "a receive that was cut off can't go on, it is given up: {error}"
                );
                self.pool.abort_receive(copy)?;
                result.why = Some(format!("a receive that was cut off was given up: {error}"));
            }
        }
        self.pool.copy(copy)
    }

    /// Records the newest snapshot of a copy that was received whole but not recorded, as the run that did so was killed.
    fn adopt(
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
    fn record(
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

    /// Removes what is no longer needed at both ends. That it can't is no failure of the sync: the next run tries again.
    fn remove_old(&self, copy: Option<&Copy>, theirs: &[Snapshot], whole: &str) {
        let here = copy.map_or(&[][..], |copy| copy.snapshots.as_slice());
        for old in keep::old_here(here, self.target, self.keep, &(self.pins)()) {
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
fn whole<'a>(
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
