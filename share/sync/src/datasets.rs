// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The datasets of one source, one after the other: those that a restore can't do without first. Each ends with a restore
//! point that is proven whole before it is recorded, so a run that is killed anywhere is completed by the next one.

use documents::{Timestamp, Uuid};
use tracing::{debug, info, warn};

use crate::common;
use crate::error::SyncError;
use crate::keep::Grid;
use crate::look::Seen;
use crate::names;
use crate::pins::Pins;
use crate::restore_points::whole;
use crate::results::{DatasetResult, Importance, Outcome};
use crate::round::Round;
use crate::snapshots::{self, Base, Copy, Snapshot};
use crate::store::Store;
use crate::transport::{Kept, Pool, Send, Source, Stream};

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

/// How far the sends of a dataset have come.
struct Way {
    /// What to go on from.
    base: Option<Snapshot>,
    /// Ours, made on the way.
    bookmarks: Vec<Snapshot>,
    bytes: u64,
}

/// A stream that was received, to be proven whole.
pub(crate) struct Received {
    pub copy_name: String,
    /// The source's snapshots, this one included.
    pub theirs: Vec<Snapshot>,
    pub taken: Snapshot,
    pub as_of: Timestamp,
}

impl Way {
    fn from(base: Option<Snapshot>) -> Way {
        Way {
            base,
            bookmarks: Vec::new(),
            bytes: 0,
        }
    }
}

impl Datasets<'_> {
    /// Syncs all of `wanted`; a failure is told of and the rest goes on. `kept` is what is here, where somebody has looked
    /// already. Returns also the copies here that are of nothing wanted.
    pub fn sync(
        &self,
        mut wanted: Vec<Wanted>,
        kept: Option<Kept>,
        each: &mut dyn FnMut(&DatasetResult),
    ) -> Result<(Vec<DatasetResult>, Vec<Copy>), SyncError> {
        // Of what matters alike, what has waited longest goes first.
        wanted.sort_by_cached_key(|one| {
            let points = self.store.points(self.source.server(), one.vm);
            let newest = points.ok().and_then(|of| Some(of.points.last()?.as_of));
            (one.importance, newest, one.service.clone(), one.vm)
        });
        let kept = match kept {
            Some(kept) => Some(kept),
            None => self.pool.copies(self.source.server())?,
        };
        if wanted.is_empty() {
            return Ok((Vec::new(), kept.unwrap_or_default().copies));
        }
        let mut seen = self.look(&wanted, kept)?;
        let mut round = Round::new(self, each);
        let ordered = &wanted;
        for (at, wanted) in ordered.iter().enumerate() {
            round.settle_before(seen.expected(&names::delegate(wanted.vm)));
            if let Some(next) = ordered.get(at + 1)
                && let Some(stream) = self.ahead(next, &seen)
                && !round.settles_before(seen.expected(&names::delegate(next.vm)))
            {
                self.source.prepare(&stream);
            }
            round.dataset(at, wanted, &mut seen);
        }
        Ok((round.end(), seen.copies.into_values().collect()))
    }

    /// The stream that a dataset will be sent by, where nothing has to be done before it.
    fn ahead(&self, wanted: &Wanted, seen: &Seen) -> Option<Stream> {
        let dataset = names::delegate(wanted.vm);
        let taken = seen.taken.get(&dataset)?;
        let theirs = seen.theirs(&dataset);
        let copy = seen.copy(self, wanted);
        let base = match snapshots::base(theirs, copy) {
            Base::Nothing => None,
            Base::From(base) => snapshots::counterpart(theirs, &base.guid).cloned(),
            Base::Diverged(_) => return None,
        };
        let is_plain = copy.is_none_or(|copy| !copy.snapshots.is_empty())
            && !seen.ancestors.contains_key(&dataset)
            && common::due(theirs, copy, base.as_ref(), self.target).is_empty();
        let written = seen.expected(&dataset).unwrap_or_default();
        is_plain.then(|| {
            Stream::New(Send {
                dataset,
                snapshot: taken.name.clone(),
                base,
                written,
            })
        })
    }

    /// One dataset: finish what was cut off, find the base, send what is new. What is returned has been received, and is still
    /// to be proven whole; nothing, where nothing was to be sent.
    pub(crate) fn one(
        &self,
        wanted: &Wanted,
        seen: &mut Seen,
        result: &mut DatasetResult,
    ) -> Result<Option<Received>, SyncError> {
        let dataset = names::delegate(wanted.vm);
        let copy_name = names::copy(self.source.server(), wanted.vm);
        let theirs = seen.theirs(&dataset).to_vec();
        let mut copy = seen.copies.remove(&copy_name);
        if let Some(token) = copy.as_ref().and_then(|copy| copy.resume.clone()) {
            copy = self.finish_receive(&dataset, &copy_name, token, result)?;
            // What was asked about the older base says nothing about this one.
            seen.written.remove(&dataset);
        }
        copy = self.finish_branch(copy)?;
        self.adopt(wanted, &theirs, copy.as_ref())?;

        let mut base = match snapshots::base(&theirs, copy.as_ref()) {
            Base::Nothing => None,
            Base::From(base) if seen.written.get(&dataset) == Some(&0) => {
                self.record(wanted, base, &theirs, copy.as_ref(), seen.asked_at)?;
                result.outcome = Outcome::Unchanged;
                self.remove_old(copy.as_ref(), &theirs, &base.guid);
                return Ok(None);
            }
            Base::From(base) => snapshots::counterpart(&theirs, &base.guid).cloned(),
            Base::Diverged(why) => {
                let aside = self.put_aside(wanted, &copy_name, copy.as_ref(), &why)?;
                result.why = Some(format!("{why}; the old copy is now {aside}"));
                copy = None;
                None
            }
        };
        self.make_sure_of_room(&dataset, seen)?;
        if copy.is_none()
            && let Some(ancestor) = seen.ancestors.remove(&dataset)
        {
            // A clone is sent as one, and finds its origin here by itself.
            if ancestor.there.dataset == dataset {
                copy = self.branch(&ancestor, &copy_name)?;
            }
            base = Some(ancestor.there);
        }
        let (taken, as_of) = self.snapshot(&dataset, seen)?;
        let written = seen.expected(&dataset).unwrap_or_default();
        let way = self.share(&taken, &copy_name, copy.as_ref(), Way::from(base), &theirs)?;
        result.bytes += way.bytes + self.send(&taken, way.base, written, &copy_name)?;
        let mut theirs = theirs;
        theirs.extend(way.bookmarks);
        theirs.push(taken.clone());
        Ok(Some(Received {
            copy_name,
            theirs,
            taken,
            as_of,
        }))
    }

    /// Proves that what was received is the source's, records it, removes what is old.
    pub(crate) fn settle(
        &self,
        wanted: &Wanted,
        received: &Received,
        copy: Option<&Copy>,
    ) -> Result<(), SyncError> {
        let newest = whole(&names::delegate(wanted.vm), copy, &received.taken)?;
        self.record(wanted, newest, &received.theirs, copy, received.as_of)?;
        self.remove_old(copy, &received.theirs, &newest.guid);
        Ok(())
    }

    pub(crate) fn copy(&self, name: &str) -> Result<Option<Copy>, SyncError> {
        let copies = self.pool.copies_named(&[name.to_owned()])?;
        Ok(copies.into_iter().next())
    }

    /// The snapshot to send, and since when at least its data is so: by our own clock, from before it was taken, whatever the
    /// source's clock says.
    fn snapshot(&self, dataset: &str, seen: &Seen) -> Result<(Snapshot, Timestamp), SyncError> {
        if let Some(taken) = seen.taken.get(dataset) {
            return Ok((taken.clone(), seen.asked_at));
        }
        let as_of = (self.now)();
        let name = self.free_name(seen);
        let taken = self.source.take_snapshots(&[dataset.to_owned()], &name)?;
        let taken = taken.into_iter().next();
        let gone = || {
            SyncError::command(
                format!("take the snapshot {dataset}@{name}"),
                "it is gone again",
            )
        };
        Ok((taken.ok_or_else(gone)?, as_of))
    }

    fn send(
        &self,
        snapshot: &Snapshot,
        base: Option<Snapshot>,
        written: u64,
        copy: &str,
    ) -> Result<u64, SyncError> {
        let send = Send {
            dataset: snapshot.dataset.clone(),
            snapshot: snapshot.name.clone(),
            base,
            written,
        };
        self.source.send(&Stream::New(send), copy)
    }

    /// Sends up to other headnodes' snapshots first, where that is due, so that their copies and ours stay related. That it can't
    /// is no failure: the other headnode may have removed its snapshot meanwhile.
    fn share(
        &self,
        taken: &Snapshot,
        copy_name: &str,
        copy: Option<&Copy>,
        mut way: Way,
        theirs: &[Snapshot],
    ) -> Result<Way, SyncError> {
        let dataset = &taken.dataset;
        for step in common::due(theirs, copy, way.base.as_ref(), self.target) {
            // A bookmark of our own: should they remove theirs before we are past it, there is still something to go on from.
            let bookmark = Snapshot {
                name: names::waypoint(&taken.name, way.bookmarks.len()),
                bookmark: true,
                ..step.clone()
            };
            let sent = self
                .source
                .bookmark(dataset, &step.name, &bookmark.name)
                .and_then(|()| self.send(step, way.base.clone(), 0, copy_name));
            way.bookmarks.push(bookmark);
            match sent {
                Ok(bytes) => way.bytes += bytes,
                Err(error @ SyncError::Unreachable { .. }) => return Err(error),
                Err(error) => {
                    debug!(dataset, snapshot = %step.name, "not shared: {error}");
                    let cut = self.copy(copy_name)?.and_then(|copy| copy.resume);
                    if cut.is_some() {
                        self.pool.abort_receive(copy_name)?;
                    }
                    break;
                }
            }
            way.base = Some(step.clone());
        }
        Ok(way)
    }

    /// Refuses what would fill the pool: a full pool stops every zone of this headnode.
    fn make_sure_of_room(&self, dataset: &str, seen: &mut Seen) -> Result<(), SyncError> {
        let needed = match seen.expected(dataset) {
            Some(needed) => needed,
            None => {
                let sizes = self.source.sizes(&[dataset.to_owned()])?;
                sizes.get(dataset).copied().unwrap_or_default()
            }
        };
        if needed.saturating_add(self.reserve) <= seen.free {
            seen.free -= needed;
            return Ok(());
        }
        Err(SyncError::NoRoom {
            dataset: dataset.to_owned(),
            needed,
            free: seen.free,
            reserve: self.reserve,
        })
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
        self.copy(copy)
    }

    /// Goes on with a branch that a killed run began: it has no snapshot before it is promoted.
    fn finish_branch(&self, copy: Option<Copy>) -> Result<Option<Copy>, SyncError> {
        match copy {
            Some(copy) if copy.snapshots.is_empty() && copy.origin.is_some() => {
                self.pool.promote(&copy.dataset)?;
                self.copy(&copy.dataset)
            }
            copy => Ok(copy),
        }
    }
}
