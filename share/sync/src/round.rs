// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The results of a round. Small datasets that arrive shortly after one another are proven whole together, as looking at one copy
//! costs as much as looking at ten; none waits for long, as what is not recorded can't be restored from.

use std::time::{Duration, Instant};

use documents::Timestamp;

use crate::datasets::{Datasets, Received, Wanted};
use crate::error::SyncError;
use crate::look::Seen;
use crate::results::{DatasetResult, Outcome, RESULT_KIND};

/// No dataset waits longer than this while others arrive.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Bytes of a stream that nothing waits for.
const LARGE: u64 = 32 << 20;

pub(crate) struct Round<'a, 'w> {
    datasets: &'a Datasets<'a>,
    each: &'a mut dyn FnMut(&DatasetResult),
    received: Vec<Waiting<'w>>,
    settled_at: Instant,
    /// Why the source no longer answers: the rest is not tried, as each try would wait for nothing.
    gone: Option<String>,
    results: Vec<(usize, DatasetResult)>,
}

struct Waiting<'w> {
    at: usize,
    wanted: &'w Wanted,
    received: Received,
    result: DatasetResult,
    spent: Duration,
}

impl<'a, 'w> Round<'a, 'w> {
    pub fn new(datasets: &'a Datasets<'a>, each: &'a mut dyn FnMut(&DatasetResult)) -> Self {
        Round {
            datasets,
            each,
            received: Vec::new(),
            settled_at: Instant::now(),
            gone: None,
            results: Vec::new(),
        }
    }

    /// Syncs the dataset, which is the one `at` this place of the order.
    pub fn dataset(&mut self, at: usize, wanted: &'w Wanted, seen: &mut Seen) {
        let start = Instant::now();
        let mut result = self.empty(wanted);
        if let Some(why) = &self.gone {
            result.why = Some(why.clone());
            return self.tell(at, wanted, result, start.elapsed());
        }
        let done = self.datasets.one(wanted, seen, &mut result);
        match done {
            Ok(Some(received)) => self.received.push(Waiting {
                at,
                wanted,
                received,
                result,
                spent: start.elapsed(),
            }),
            Ok(None) => self.tell(at, wanted, result, start.elapsed()),
            Err(error) => {
                failed(&mut result, &error);
                if matches!(error, SyncError::Unreachable { .. }) {
                    self.gone.clone_from(&result.why);
                }
                self.tell(at, wanted, result, start.elapsed());
            }
        }
    }

    /// Settles what has waited long enough, or would have to wait for a stream of so many bytes.
    pub fn settle_before(&mut self, expected: Option<u64>) {
        if self.settles_before(expected) {
            self.settle();
        }
    }

    pub fn settles_before(&self, expected: Option<u64>) -> bool {
        let is_large = expected.is_none_or(|bytes| bytes > LARGE);
        is_large || self.settled_at.elapsed() > LONGEST_WAIT
    }

    /// The results, in the order of the datasets.
    pub fn end(mut self) -> Vec<DatasetResult> {
        self.settle();
        self.results.sort_by_key(|(at, _)| *at);
        self.results.into_iter().map(|(_, result)| result).collect()
    }

    fn settle(&mut self) {
        let waiting = std::mem::take(&mut self.received);
        if !waiting.is_empty() {
            let start = Instant::now();
            let names: Vec<String> = waiting
                .iter()
                .map(|one| one.received.copy_name.clone())
                .collect();
            let copies = self.datasets.pool.copies_named(&names);
            let looked = start.elapsed() / u32::try_from(names.len()).unwrap_or(u32::MAX);
            for one in waiting {
                self.settle_one(one, &copies, looked);
            }
        }
        self.settled_at = Instant::now();
    }

    fn settle_one(
        &mut self,
        waiting: Waiting<'w>,
        copies: &Result<Vec<crate::snapshots::Copy>, SyncError>,
        looked: Duration,
    ) {
        let start = Instant::now();
        let Waiting {
            at,
            wanted,
            received,
            mut result,
            spent,
        } = waiting;
        match copies {
            Err(error) => failed(&mut result, error),
            Ok(copies) => {
                let copy = copies
                    .iter()
                    .find(|copy| copy.dataset == received.copy_name);
                match self.datasets.settle(wanted, &received, copy) {
                    Ok(()) => result.outcome = Outcome::Sent,
                    Err(error) => failed(&mut result, &error),
                }
            }
        }
        self.tell(at, wanted, result, spent + looked + start.elapsed());
    }

    fn tell(&mut self, at: usize, wanted: &Wanted, mut result: DatasetResult, spent: Duration) {
        result.seconds = spent.as_secs_f64();
        let points = self.datasets.store.points(result.server, wanted.vm);
        if let Ok(points) = points
            && let Some(newest) = points.points.last()
        {
            let now: Timestamp = (self.datasets.now)();
            result.snapshot = Some(newest.snapshot.clone());
            result.guid = Some(newest.guid.clone());
            result.lag_seconds = Some(now.seconds_since(newest.as_of));
        }
        (self.each)(&result);
        self.results.push((at, result));
    }

    fn empty(&self, wanted: &Wanted) -> DatasetResult {
        DatasetResult {
            kind: RESULT_KIND,
            source: self.datasets.source.hostname().to_owned(),
            server: self.datasets.source.server(),
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
        }
    }
}

fn failed(result: &mut DatasetResult, error: &SyncError) {
    result.outcome = Outcome::Failed;
    result.why = Some(error.to_string());
}
