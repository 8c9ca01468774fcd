// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! How far behind the restore points are: from what is recorded here, without asking anybody.

use documents::restore_data::Part;
use documents::{Timestamp, Uuid};
use serde::Serialize;

use crate::error::SyncError;
use crate::pull;
use crate::results::Importance;
use crate::run::Services;
use crate::store::Store;

pub const STATUS_KIND: &str = "triton.sync-status/1";

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    pub kind: &'static str,
    /// Hostname of the headnode whose zone it is.
    pub source: String,
    pub server: Uuid,
    pub vm: Uuid,
    pub service: String,
    pub alias: Option<String>,
    pub importance: Importance,
    /// None: it was never whole here.
    pub as_of: Option<Timestamp>,
    pub lag_seconds: Option<i64>,
    pub bytes: Option<u64>,
    pub snapshot: Option<String>,
    /// The newest whole generation of that headnode's records.
    pub generation: String,
    pub generation_age_seconds: i64,
    /// Neither never whole nor older than the limit.
    pub ok: bool,
}

/// All datasets that are to be synced, by source and service; and what is damaged.
pub fn of(
    store: &Store,
    services: &Services,
    now: Timestamp,
    limit: i64,
) -> Result<(Vec<Status>, Vec<SyncError>), SyncError> {
    let mut all = Vec::new();
    let mut faults = Vec::new();
    for server in store.servers()? {
        let newest = store.newest(server)?;
        faults.extend(newest.faults);
        let Some(generation) = newest.generation else {
            continue;
        };
        let zones: Vec<_> = generation.part(Part::Vm).map(|(_, zone)| zone).collect();
        let description = &generation.description;
        for wanted in pull::wanted(&zones, services) {
            let recorded = store.points(server, wanted.vm)?;
            let point = recorded.points.last();
            let lag = point.map(|point| now.seconds_since(point.as_of));
            all.push(Status {
                kind: STATUS_KIND,
                source: description.hostname.clone(),
                server,
                vm: wanted.vm,
                service: wanted.service,
                alias: wanted.alias,
                importance: wanted.importance,
                as_of: point.map(|point| point.as_of),
                lag_seconds: lag,
                bytes: point.map(|point| point.bytes),
                snapshot: point.map(|point| point.snapshot.clone()),
                generation: description.generation.clone(),
                generation_age_seconds: now.seconds_since(description.taken_at),
                ok: lag.is_some_and(|lag| lag <= limit),
            });
        }
    }
    all.sort_by(|a, b| {
        (&a.source, a.importance, &a.service, a.vm).cmp(&(
            &b.source,
            b.importance,
            &b.service,
            b.vm,
        ))
    });
    Ok((all, faults))
}

/// True when a restore would lack nothing that it can't do without.
pub fn is_good(all: &[Status]) -> bool {
    all.iter()
        .all(|status| status.ok || status.importance != Importance::Required)
}
