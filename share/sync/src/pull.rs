// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! One source, from beginning to end: its records as a new generation, the images it uses, its datasets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use documents::restore_data::{GenerationDc, Part};
use documents::{Timestamp, Uuid};
use serde_json::Value;
use tracing::warn;

use crate::answers::Answers;
use crate::datasets::{Datasets, Wanted};
use crate::error::SyncError;
use crate::generation::{self, Origin};
use crate::images;
use crate::keep::Grid;
use crate::pins::Pins;
use crate::records::{self, Asked};
use crate::results::{DatasetResult, Outcome, SUMMARY_KIND, SourceSummary};
use crate::run::{Line, Services};
use crate::store::{Store, WholeGeneration};
use crate::transport::{Kept, Pool, Source};

/// What all sources of a run have in common.
pub struct Pull<'a> {
    pub pool: &'a (dyn Pool + Sync),
    pub store: &'a Store,
    /// This headnode.
    pub target: Uuid,
    pub dc: GenerationDc,
    pub answers: &'a Answers,
    pub services: &'a Services,
    /// Asked anew each time: a restore may begin while this runs.
    pub pins: &'a (dyn Fn() -> Pins + Sync),
    /// Which restore points are kept.
    pub keep: &'a Grid,
    /// Bytes of the pool that a receive must leave free.
    pub reserve: u64,
    /// Sources that share an image must not install it at the same time.
    pub installing: Mutex<()>,
    /// Seconds for which the copies of a zone that is gone are kept.
    pub keep_vanished: i64,
}

/// What is here already, as it was looked at while the source was still being reached.
#[derive(Debug, Default)]
pub struct Here {
    images: Vec<Uuid>,
    /// The copies of the source's datasets, where it was known which server it is.
    kept: Option<Kept>,
}

/// An empty account of a source, to be filled in.
pub fn summary(hostname: &str, server: Uuid) -> SourceSummary {
    SourceSummary {
        kind: SUMMARY_KIND,
        source: hostname.to_owned(),
        server,
        generation: None,
        carried: Vec::new(),
        images: Vec::new(),
        removed: Vec::new(),
        sent: 0,
        unchanged: 0,
        failed: 0,
        bytes: 0,
        seconds: 0.0,
        why: None,
        at: Timestamp::now(),
    }
}

impl Pull<'_> {
    /// What can't be looked at now is looked at when it is needed, and fails there.
    pub fn here(&self, server: Option<Uuid>) -> Here {
        let images = match server == Some(self.target) {
            true => Vec::new(),
            false => self.pool.images().unwrap_or_default(),
        };
        let kept = server.and_then(|server| self.pool.copies(server).ok()?);
        Here { images, kept }
    }

    /// Pulls all that `source` has. What fails is in the summary; nothing of it stops the other sources. The core zones are
    /// returned too, none where they could not be had.
    pub fn from(
        &self,
        source: &dyn Source,
        here: Here,
        each: &mut dyn FnMut(Line<'_>),
    ) -> (SourceSummary, Option<Vec<Value>>) {
        let start = Instant::now();
        let mut summary = summary(source.hostname(), source.server());
        let mut zones = None;
        if let Err(error) = self.all(source, here, &mut summary, &mut zones, each) {
            summary.why = Some(error.to_string());
        }
        summary.seconds = start.elapsed().as_secs_f64();
        summary.at = Timestamp::now();
        (summary, zones)
    }

    fn all(
        &self,
        source: &dyn Source,
        mut here: Here,
        summary: &mut SourceSummary,
        seen: &mut Option<Vec<Value>>,
        each: &mut dyn FnMut(Line<'_>),
    ) -> Result<(), SyncError> {
        // A source that does not answer gets no new generation: carrying over what it once said would in time push out the
        // generations from before its loss.
        let zones = core_zones(source.zones()?, self.dc.admin_owner);
        let zones = &*seen.insert(zones);
        let needed = images::needed(zones, &source.images()?);
        self.records(source, zones, &needed, summary)?;
        if source.server() != self.target && !images::are_there(&needed, &here.images) {
            let _alone = self
                .installing
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            summary.images = images::install(self.pool, &needed)?;
            // They took room.
            here.kept = None;
        }
        let datasets = Datasets {
            source,
            pool: self.pool,
            store: self.store,
            target: self.target,
            pins: self.pins,
            keep: self.keep,
            reserve: self.reserve,
            now: &Timestamp::now,
        };
        let wanted = wanted(zones, self.services);
        let (results, others) =
            datasets.sync(wanted, here.kept, &mut |result| each(Line::Dataset(result)))?;
        count(&results, summary);
        let present: BTreeSet<Uuid> = zones.iter().filter_map(uuid_of).collect();
        summary.removed = datasets.remove_vanished(&others, &present, self.keep_vanished);
        Ok(())
    }

    fn records(
        &self,
        source: &dyn Source,
        zones: &[Value],
        needed: &[Value],
        summary: &mut SourceSummary,
    ) -> Result<(), SyncError> {
        let at = Timestamp::now();
        let newest = self.store.newest(source.server())?;
        for fault in &newest.faults {
            warn!("{fault}");
        }
        let previous = newest.generation.as_ref();
        let mut asked = self.answers.parts.clone();
        asked.push(Asked {
            part: Part::Vm,
            from: format!("vmadm@{}", source.hostname()),
            at,
            answer: in_full(source, zones, previous),
        });
        asked.push(Asked {
            part: Part::Images,
            from: format!("imgadm@{}", source.hostname()),
            at,
            answer: Ok(vec![(
                records::path_of(Part::Images).to_owned(),
                Value::Array(needed.to_vec()),
            )]),
        });
        asked.push(Asked {
            part: Part::Usbkey,
            from: format!("/usbkey@{}", source.hostname()),
            at,
            answer: source
                .usbkey()
                .map(|key| vec![(records::path_of(Part::Usbkey).to_owned(), key)])
                .map_err(|error| error.to_string()),
        });
        let composed = records::compose(asked, previous);
        let mut dc = self.dc.clone();
        dc.sapi_app = dc
            .sapi_app
            .or_else(|| previous.and_then(|previous| previous.description.dc.sapi_app));
        let origin = Origin {
            server: source.server(),
            hostname: source.hostname().to_owned(),
            pulled_by: self.target,
            dc,
        };
        let written = generation::write(self.store, &origin, &composed.files, at)?;
        summary.generation = Some(written.generation);
        summary.carried = composed.carried;
        if let Err(error) = generation::remove_old(self.store, source.server(), &(self.pins)()) {
            warn!("old restore data stays for now: {error}");
        }
        Ok(())
    }
}

/// The zones' payloads, as `vmadm get` has them. One that can't be read makes the part incomplete, and the one before it is kept
/// instead. `vmadm lookup -j` lists the same objects (vmadm(8)); it is tried on the first zone whether this platform's does,
/// and only where it doesn't, each zone is asked for: that would be most of a round's cost.
fn in_full(
    source: &dyn Source,
    zones: &[Value],
    previous: Option<&WholeGeneration>,
) -> Result<Vec<(String, Value)>, String> {
    let known: BTreeMap<&str, Value> = previous
        .into_iter()
        .flat_map(|generation| generation.part(Part::Vm))
        .map(|(file, payload)| (file.path.as_str(), payload))
        .collect();
    let mut files = Vec::with_capacity(zones.len());
    let mut listed_in_full = None;
    for (listed, vm) in zones.iter().filter_map(|zone| Some((zone, uuid_of(zone)?))) {
        let path = records::path_in(Part::Vm, vm);
        let payload = match known.get(path.as_str()) {
            Some(payload) if payload == listed => payload.clone(),
            _ if listed_in_full == Some(true) => listed.clone(),
            _ => {
                let payload = source.zone(vm).map_err(|error| error.to_string())?;
                listed_in_full.get_or_insert(payload == *listed);
                payload
            }
        };
        files.push((path, payload));
    }
    Ok(files)
}

/// Core zones are the admin's and have a role.
pub fn core_zones(zones: Vec<Value>, admin: Option<Uuid>) -> Vec<Value> {
    let admin = admin.map(|admin| Value::String(admin.to_string()));
    zones
        .into_iter()
        .filter(|zone| role(zone).is_some())
        .filter(|zone| {
            admin
                .as_ref()
                .is_none_or(|admin| zone["owner_uuid"] == *admin)
        })
        .collect()
}

/// Datasets of core zones that are worth syncing.
pub fn wanted(zones: &[Value], services: &Services) -> Vec<Wanted> {
    zones
        .iter()
        .filter_map(|zone| {
            let vm = uuid_of(zone)?;
            let dataset = crate::names::delegate(vm);
            let datasets = zone["datasets"].as_array()?;
            if !datasets.iter().any(|name| *name == dataset.as_str()) {
                return None;
            }
            let service = role(zone)?;
            Some(Wanted {
                vm,
                service: service.to_owned(),
                alias: zone["alias"].as_str().map(str::to_owned),
                importance: *services.get(service)?,
            })
        })
        .collect()
}

fn role(zone: &Value) -> Option<&str> {
    zone["tags"]["smartdc_role"]
        .as_str()
        .filter(|role| !role.is_empty())
}

fn uuid_of(zone: &Value) -> Option<Uuid> {
    zone["uuid"].as_str()?.parse().ok()
}

fn count(results: &[DatasetResult], summary: &mut SourceSummary) {
    let of = |outcome| results.iter().filter(|r| r.outcome == outcome).count();
    summary.sent = of(Outcome::Sent);
    summary.unchanged = of(Outcome::Unchanged);
    summary.failed = of(Outcome::Failed);
    summary.bytes = results.iter().map(|result| result.bytes).sum();
}
