// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Both ends as a round finds them. Everything is asked of all datasets at once: the number of commands does not grow with the
//! number of datasets.

use std::collections::BTreeMap;

use documents::Timestamp;

use crate::common::{self, Ancestor};
use crate::datasets::{Datasets, Wanted};
use crate::error::SyncError;
use crate::names;
use crate::snapshots::{self, Base, Copy, Snapshot};
use crate::transport::{Kept, Since};

/// By the source's name of the dataset, but for `copies`.
pub struct Seen {
    pub theirs: BTreeMap<String, Vec<Snapshot>>,
    /// By the copy's name.
    pub copies: BTreeMap<String, Copy>,
    /// Bytes written since the newest snapshot that we have.
    pub written: BTreeMap<String, u64>,
    /// Bytes that a dataset refers to, of those that `written` says nothing of.
    pub sizes: BTreeMap<String, u64>,
    /// Where a dataset that there is no copy of can go on from.
    pub ancestors: BTreeMap<String, Ancestor>,
    /// Snapshots that were taken for this round, all at one moment.
    pub taken: BTreeMap<String, Snapshot>,
    /// Bytes that are still free here.
    pub free: u64,
    /// When `written` was asked, by our own clock: what was found unchanged is good until then.
    pub asked_at: Timestamp,
}

impl Seen {
    fn nothing(asked_at: Timestamp) -> Seen {
        Seen {
            theirs: BTreeMap::new(),
            copies: BTreeMap::new(),
            written: BTreeMap::new(),
            sizes: BTreeMap::new(),
            ancestors: BTreeMap::new(),
            taken: BTreeMap::new(),
            free: 0,
            asked_at,
        }
    }

    /// Bytes that a send of the dataset is expected to have.
    pub fn expected(&self, dataset: &str) -> Option<u64> {
        if let Some(written) = self.written.get(dataset) {
            return Some(*written);
        }
        let size = *self.sizes.get(dataset)?;
        let had = self.ancestors.get(dataset).map_or(0, |a| a.there.bytes);
        Some(size.saturating_sub(had))
    }

    pub fn theirs(&self, dataset: &str) -> &[Snapshot] {
        self.theirs.get(dataset).map_or(&[][..], Vec::as_slice)
    }

    pub fn copy(&self, of: &Datasets<'_>, wanted: &Wanted) -> Option<&Copy> {
        self.copies.get(&names::copy(of.source.server(), wanted.vm))
    }
}

impl Datasets<'_> {
    /// Looks at both ends, and takes the snapshots that the round will send. `kept` is none where nothing was ever received.
    pub(crate) fn look(&self, wanted: &[Wanted], kept: Option<Kept>) -> Result<Seen, SyncError> {
        let mut seen = Seen::nothing((self.now)());
        let kept = match kept {
            Some(kept) => kept,
            None => {
                let server = self.source.server();
                self.pool.prepare(server)?;
                self.pool.copies(server)?.unwrap_or_default()
            }
        };
        seen.free = kept.free;
        seen.copies = kept
            .copies
            .into_iter()
            .map(|copy| (copy.dataset.clone(), copy))
            .collect();
        seen.asked_at = (self.now)();
        self.look_at_newest(wanted, &mut seen)?;
        let changed: Vec<&Wanted> = wanted
            .iter()
            .filter(|wanted| seen.written.get(&names::delegate(wanted.vm)) != Some(&0))
            .collect();
        if changed.is_empty() {
            return Ok(seen);
        }
        self.look_at_all(&changed, &mut seen)?;
        let unknown: Vec<String> = changed
            .iter()
            .map(|wanted| names::delegate(wanted.vm))
            .filter(|dataset| !seen.written.contains_key(dataset))
            .collect();
        if !unknown.is_empty() {
            seen.sizes = self.source.sizes(&unknown)?;
        }
        seen.ancestors = self.ancestors(&changed, &seen)?;
        seen.taken = self.take(&changed, &seen);
        Ok(seen)
    }

    /// Of each copy's newest snapshot: is it there, and what was written since? Of a dataset that was not written to no more is
    /// asked, whatever snapshots of whomever there are.
    fn look_at_newest(&self, wanted: &[Wanted], seen: &mut Seen) -> Result<(), SyncError> {
        let mut newest: BTreeMap<String, Snapshot> = BTreeMap::new();
        for wanted in wanted {
            let copy = seen.copy(self, wanted).filter(|copy| copy.resume.is_none());
            if let Some(here) = copy.and_then(|copy| copy.snapshots.last())
                && names::is_anybodys(&here.name)
            {
                newest.insert(names::delegate(wanted.vm), here.clone());
            }
        }
        for since in self.since(newest.iter().map(|(dataset, here)| (dataset, &here.name)))? {
            let dataset = since.snapshot.dataset.clone();
            if newest.get(&dataset).map(|here| &here.guid) != Some(&since.snapshot.guid) {
                continue;
            }
            if since.written == 0 {
                seen.theirs.insert(dataset.clone(), vec![since.snapshot]);
            }
            seen.written.insert(dataset, since.written);
        }
        Ok(())
    }

    /// Everything that the source has of datasets that will be sent; and what was written since the base, where that is not the
    /// newest snapshot of the copy.
    fn look_at_all(&self, changed: &[&Wanted], seen: &mut Seen) -> Result<(), SyncError> {
        let datasets: Vec<String> = changed.iter().map(|w| names::delegate(w.vm)).collect();
        for snapshot in self.source.snapshots(&datasets)? {
            let of = seen.theirs.entry(snapshot.dataset.clone()).or_default();
            of.push(snapshot);
        }
        let mut bases: BTreeMap<String, String> = BTreeMap::new();
        for (wanted, dataset) in changed.iter().zip(datasets) {
            let theirs = seen.theirs(&dataset);
            if !seen.written.contains_key(&dataset)
                && let Base::From(base) = snapshots::base(theirs, seen.copy(self, wanted))
                && let Some(there) = snapshots::counterpart(theirs, &base.guid)
                && !there.bookmark
            {
                bases.insert(dataset, there.name.clone());
            }
        }
        for since in self.since(bases.iter())? {
            seen.written.insert(since.snapshot.dataset, since.written);
        }
        Ok(())
    }

    /// Nothing is asked about nothing.
    fn since<'a>(
        &self,
        snapshots: impl Iterator<Item = (&'a String, &'a String)>,
    ) -> Result<Vec<Since>, SyncError> {
        let snapshots: BTreeMap<String, String> =
            snapshots.map(|(a, b)| (a.clone(), b.clone())).collect();
        match snapshots.is_empty() {
            true => Ok(Vec::new()),
            false => self.source.since(&snapshots),
        }
    }

    /// What datasets without a copy descend from that we have: a restored zone's data was another zone's before.
    fn ancestors(
        &self,
        changed: &[&Wanted],
        seen: &Seen,
    ) -> Result<BTreeMap<String, Ancestor>, SyncError> {
        let new: Vec<String> = changed
            .iter()
            .filter(|wanted| seen.copy(self, wanted).is_none())
            .map(|wanted| names::delegate(wanted.vm))
            .collect();
        if new.is_empty() {
            return Ok(BTreeMap::new());
        }
        let everything = self.pool.snapshots()?;
        let pins = (self.pins)();
        let here: BTreeMap<&str, &Snapshot> = everything
            .iter()
            .filter(|one| pins.who_needs(&one.name).is_none())
            .map(|one| (one.guid.as_str(), one))
            .collect();
        if here.is_empty() {
            return Ok(BTreeMap::new());
        }
        let lineage = self.source.lineage(&new)?;
        let ancestor = |dataset: String| {
            let before = lineage.get(&dataset).map_or(&[][..], Vec::as_slice);
            let line = before.iter().chain(seen.theirs(&dataset));
            Some((dataset.clone(), common::ancestor(line, &here)?))
        };
        Ok(new.into_iter().filter_map(ancestor).collect())
    }

    /// One snapshot of all that will be sent, at one moment and by one command. What can't be told yet takes its own later: a
    /// copy that has to go on with a cut receive first, or to be put aside; and all, where this fails.
    fn take(&self, changed: &[&Wanted], seen: &Seen) -> BTreeMap<String, Snapshot> {
        let mut free = seen.free;
        let mut ready = Vec::new();
        for wanted in changed {
            let dataset = names::delegate(wanted.vm);
            let copy = seen.copy(self, wanted);
            let is_ready = copy.is_none_or(|copy| copy.resume.is_none())
                && !matches!(
                    snapshots::base(seen.theirs(&dataset), copy),
                    Base::Diverged(_)
                );
            let needed = seen.expected(&dataset).unwrap_or_default();
            if is_ready && needed.saturating_add(self.reserve) <= free {
                free -= needed;
                ready.push(dataset);
            }
        }
        if ready.is_empty() {
            return BTreeMap::new();
        }
        let name = self.free_name(seen);
        match self.source.take_snapshots(&ready, &name) {
            Ok(taken) => taken
                .into_iter()
                .map(|one| (one.dataset.clone(), one))
                .collect(),
            Err(error) => {
                tracing::debug!("no snapshot of all at once, each is taken alone: {error}");
                BTreeMap::new()
            }
        }
    }

    /// A name for this round's snapshots that nobody has yet.
    pub(crate) fn free_name(&self, seen: &Seen) -> String {
        // A copy keeps snapshots longer than its source, and receives none whose name it has.
        names::snapshot(self.target, seen.asked_at, |name| {
            let there = seen.theirs.values().flatten();
            let here = seen.copies.values().flat_map(|copy| &copy.snapshots);
            let taken = seen.taken.values();
            there.chain(here).chain(taken).any(|one| one.name == name)
        })
    }
}
