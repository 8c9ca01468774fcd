// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Core zones: everything that anybody says of a zone, put together by UUID. The lost headnode's zones are there too, from
//! restore data.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use documents::Uuid;
use documents::inventory::{Instance, Learnt, OtherVms, Server};
use documents::restore_data::Part;
use documents::secret::SecretRef;
use serde_json::Value;

use super::nics;
use super::presence::{Presence, presence};
use crate::facts::{Kept, RawFacts};
use crate::record::{self, Zone};

/// Whom to believe, most trusted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trust {
    Sapi,
    Vmapi,
    Machine,
    Restore,
    /// A SAPI record in restore data, while SAPI itself is silent.
    RestoreSapi,
}

/// What one source says of one zone.
pub(super) struct Claim {
    pub trust: Trust,
    learnt: Learnt,
    pub zone: Zone,
}

#[derive(Default)]
pub(super) struct Heap {
    core: BTreeMap<Uuid, Vec<Claim>>,
    /// VMs that are nobody's core zone, by server: total and running.
    others: BTreeMap<Uuid, (u64, u64, Learnt)>,
    /// What VMAPI says is destroyed.
    pub destroyed: BTreeSet<Uuid>,
}

impl Heap {
    fn claim(&mut self, trust: Trust, learnt: Learnt, zone: Zone) {
        self.core.entry(zone.uuid).or_default().push(Claim {
            trust,
            learnt,
            zone,
        });
    }

    fn count(&mut self, server: Uuid, running: bool, learnt: Learnt) {
        let entry = self.others.entry(server).or_insert((0, 0, learnt));
        entry.0 += 1;
        entry.1 += u64::from(running);
    }
}

/// All core zones, sorted by service, alias and UUID; and the other VMs as counts per server.
pub fn all(
    raw: &RawFacts,
    admin: Option<Uuid>,
    warnings: &mut Vec<String>,
) -> (Vec<Instance>, Vec<OtherVms>) {
    let mut heap = Heap::default();
    vmapi(raw, admin, &mut heap, warnings);
    machines(raw, admin, &mut heap, warnings);
    restore_data(raw, admin, &mut heap, warnings);
    sapi(raw, &mut heap, warnings);
    let records = SapiRecords::of(raw);
    let mut instances: Vec<Instance> = std::mem::take(&mut heap.core)
        .into_iter()
        .filter_map(|(uuid, mut claims)| {
            // Of those who are trusted alike, the youngest word goes first.
            let order = |claim: &Claim| {
                (
                    claim.trust,
                    Reverse(claim.learnt.at),
                    claim.learnt.from.clone(),
                )
            };
            claims.sort_by_key(order);
            let presence = presence(raw, &heap, uuid, &claims, warnings);
            if presence == Presence::Nowhere {
                return None;
            }
            let mut instance = one(raw, uuid, &claims, &records, warnings)?;
            if presence == Presence::OnlyOnRecord {
                instance.state = Some("destroyed".to_owned());
            }
            Some(instance)
        })
        .collect();
    instances.sort_by(|a, b| (&a.service, &a.alias, a.uuid).cmp(&(&b.service, &b.alias, b.uuid)));
    let other_vms = heap
        .others
        .into_iter()
        .map(|(server, (count, running, learnt))| OtherVms {
            server,
            count,
            running,
            learnt,
        })
        .collect();
    (instances, other_vms)
}

fn vmapi(raw: &RawFacts, admin: Option<Uuid>, heap: &mut Heap, warnings: &mut Vec<String>) {
    let Some(vmapi) = &raw.vmapi else { return };
    let learnt = Learnt::new(&vmapi.from, vmapi.at);
    for record in &vmapi.what {
        match Zone::of_vm(record) {
            Err(why) => warnings.push(format!("VMAPI: {why}; left out")),
            Ok(zone) if zone.state.as_deref() == Some("destroyed") => {
                heap.destroyed.insert(zone.uuid);
            }
            Ok(zone) if zone.is_core(admin) => heap.claim(Trust::Vmapi, learnt.clone(), zone),
            Ok(zone) => {
                if let Some(server) = zone.server {
                    heap.count(server, is_running(&zone), learnt.clone());
                }
            }
        }
    }
}

fn machines(raw: &RawFacts, admin: Option<Uuid>, heap: &mut Heap, warnings: &mut Vec<String>) {
    for machine in &raw.machines {
        let from = format!("vmadm@{}", machine.hostname);
        let learnt = Learnt::new(&from, machine.at);
        for record in machine.zones.iter().flatten() {
            match Zone::of_vm(record) {
                Err(why) => warnings.push(format!("{from}: {why}; left out")),
                Ok(mut zone) if zone.is_core(admin) => {
                    zone.server = Some(machine.server);
                    heap.claim(Trust::Machine, learnt.clone(), zone);
                }
                // VMAPI counts every server's; a machine only its own.
                Ok(zone) if raw.vmapi.is_none() => {
                    heap.count(machine.server, is_running(&zone), learnt.clone());
                }
                Ok(_) => (),
            }
        }
    }
}

fn restore_data(raw: &RawFacts, admin: Option<Uuid>, heap: &mut Heap, warnings: &mut Vec<String>) {
    for kept in &raw.kept {
        for file in kept.part(Part::Vm) {
            match Zone::of_vm(&file.content) {
                Err(why) => warnings.push(format!("{}: {why}; left out", kept.from)),
                Ok(mut zone) if zone.is_core(admin) => {
                    zone.server = Some(kept.server);
                    heap.claim(Trust::Restore, Learnt::new(&kept.from, file.at), zone);
                }
                Ok(_) => (),
            }
        }
    }
    if raw.sapi.is_some() {
        return;
    }
    // Every headnode's restore data has all SAPI instances; the newest says it.
    if let Some(kept) = raw
        .kept_newest_first()
        .into_iter()
        .find(|kept| kept.part(Part::SapiInstance).next().is_some())
    {
        let services = service_names(kept.records(Part::SapiServices).map(|(_, record)| record));
        for file in kept.part(Part::SapiInstance) {
            if let Some(zone) = sapi_zone(&file.content, &services, warnings) {
                heap.claim(Trust::RestoreSapi, Learnt::new(&kept.from, file.at), zone);
            }
        }
    }
}

fn sapi(raw: &RawFacts, heap: &mut Heap, warnings: &mut Vec<String>) {
    let Some(sapi) = &raw.sapi else { return };
    let services = service_names(sapi.what.services.iter());
    for record in &sapi.what.instances {
        if let Some(zone) = sapi_zone(record, &services, warnings) {
            heap.claim(Trust::Sapi, Learnt::new(&sapi.from, sapi.at), zone);
        }
    }
}

/// Names and types of services, by UUID.
fn service_names<'a>(records: impl Iterator<Item = &'a Value>) -> BTreeMap<Uuid, (String, bool)> {
    records
        .filter_map(|record| {
            let uuid = record::uuid(record, "uuid")?;
            let is_agent = record["type"] == "agent";
            Some((uuid, (record::text(&record["name"])?, is_agent)))
        })
        .collect()
}

/// A SAPI instance as a zone; none for agents, which are no zones.
fn sapi_zone(
    record: &Value,
    services: &BTreeMap<Uuid, (String, bool)>,
    warnings: &mut Vec<String>,
) -> Option<Zone> {
    if record["type"] == "agent" {
        return None;
    }
    let service = record::uuid(record, "service_uuid").and_then(|uuid| services.get(&uuid));
    if service.is_some_and(|(_, is_agent)| *is_agent) {
        return None;
    }
    match Zone::of_sapi_instance(record, service.map(|(name, _)| name.as_str())) {
        Ok(zone) => Some(zone),
        Err(why) => {
            warnings.push(format!("SAPI: {why}; left out"));
            None
        }
    }
}

fn one(
    raw: &RawFacts,
    uuid: Uuid,
    claims: &[Claim],
    records: &SapiRecords<'_>,
    warnings: &mut Vec<String>,
) -> Option<Instance> {
    let by = |trust| claims.iter().find(|claim| claim.trust == trust);
    let Some(service) = first(claims, |zone| zone.role.clone()) else {
        warnings.push(format!(
            "{uuid}: an instance of a service that SAPI does not have; left out"
        ));
        return None;
    };
    let alias = first(claims, |zone| zone.alias.clone());
    let name = alias.clone().unwrap_or_else(|| uuid.to_string());
    // SAPI only knows where a zone was asked for, so its word on the server comes after those who saw it.
    let server = seen(claims).find_map(|claim| claim.zone.server);
    let server = server.or_else(|| first(claims, |zone| zone.server));
    // A machine knows the state of its zones; VMAPI has it from there, a while ago.
    let state = by(Trust::Machine).and_then(|claim| claim.zone.state.clone());
    let state = state.or_else(|| first(claims, |zone| zone.state.clone()));
    warn_of_two_places(uuid, &name, claims, warnings);
    if by(Trust::Sapi).is_some() && raw.vmapi.is_some() && by(Trust::Vmapi).is_none() {
        warnings.push(format!(
            "{name} ({uuid}) is in SAPI, but VMAPI does not know it"
        ));
    }
    let zones: Vec<&Zone> = claims.iter().map(|claim| &claim.zone).collect();
    let restore = claims.iter().find(|claim| claim.trust == Trust::Restore);
    Some(Instance {
        uuid,
        service,
        alias,
        server,
        image: first(claims, |zone| zone.image),
        memory: first(claims, |zone| zone.memory),
        firewall: first(claims, |zone| zone.firewall).unwrap_or(false),
        state,
        nics: nics::of(raw, uuid, &zones),
        delegate_dataset: first(claims, |zone| zone.delegate_dataset).unwrap_or(false),
        dns_domain: first(claims, |zone| zone.dns_domain.clone()),
        payload: restore.and_then(|claim| payload(raw, &claim.learnt.from, uuid)),
        sapi_record: records.of_instance(uuid, server),
        in_sapi: raw.sapi.as_ref().map(|_| by(Trust::Sapi).is_some()),
        in_vmapi: raw.vmapi.as_ref().map(|_| by(Trust::Vmapi).is_some()),
        learnt: sources(claims),
    })
}

/// The most trusted word on a field.
pub(super) fn first<T>(claims: &[Claim], field: impl Fn(&Zone) -> Option<T>) -> Option<T> {
    claims.iter().find_map(|claim| field(&claim.zone))
}

/// Those who have seen the zone itself.
pub(super) fn seen(claims: &[Claim]) -> impl Iterator<Item = &Claim> {
    claims
        .iter()
        .filter(|claim| matches!(claim.trust, Trust::Vmapi | Trust::Machine | Trust::Restore))
}

/// Who told of it, the most trusted first, each once.
fn sources(claims: &[Claim]) -> Vec<Learnt> {
    let mut sources: Vec<Learnt> = claims.iter().map(|claim| claim.learnt.clone()).collect();
    let mut seen = BTreeSet::new();
    sources.retain(|learnt| seen.insert(learnt.from.clone()));
    sources
}

fn warn_of_two_places(uuid: Uuid, name: &str, claims: &[Claim], warnings: &mut Vec<String>) {
    let live = claims
        .iter()
        .filter(|claim| matches!(claim.trust, Trust::Vmapi | Trust::Machine));
    let places: BTreeMap<Uuid, &str> = live
        .filter_map(|claim| Some((claim.zone.server?, claim.learnt.from.as_str())))
        .collect();
    if places.len() > 1 {
        let said: Vec<String> = places
            .iter()
            .map(|(server, from)| format!("on {server} ({from})"))
            .collect();
        warnings.push(format!("{name} ({uuid}) is {}", said.join(" and ")));
    }
}

/// The file of a zone's payload in the generation of that name.
fn payload(raw: &RawFacts, from: &str, uuid: Uuid) -> Option<SecretRef> {
    let kept = raw.kept.iter().find(|kept| kept.from == from)?;
    file_of(kept, Part::Vm, uuid)
}

fn file_of(kept: &Kept, part: Part, uuid: Uuid) -> Option<SecretRef> {
    kept.part(part)
        .find(|file| record::uuid(&file.content, "uuid") == Some(uuid))
        .map(|file| file.secret.clone())
}

/// SAPI instance records in restore data: that of the instance's own server if there is one, else the newest.
struct SapiRecords<'a>(Vec<&'a Kept>);

impl<'a> SapiRecords<'a> {
    fn of(raw: &'a RawFacts) -> SapiRecords<'a> {
        SapiRecords(raw.kept_newest_first())
    }

    fn of_instance(&self, uuid: Uuid, server: Option<Uuid>) -> Option<SecretRef> {
        let own = self.0.iter().filter(|kept| Some(kept.server) == server);
        let others = self.0.iter().filter(|kept| Some(kept.server) != server);
        own.chain(others)
            .find_map(|kept| file_of(kept, Part::SapiInstance, uuid))
    }
}

fn is_running(zone: &Zone) -> bool {
    zone.state.as_deref() == Some("running")
}

/// Instances without an alias or a server, with an alias that another has, or on a server that nobody knows.
pub fn warn_of_strays(instances: &[Instance], servers: &[Server], warnings: &mut Vec<String>) {
    let mut aliases: BTreeMap<&str, Vec<Uuid>> = BTreeMap::new();
    for instance in instances {
        let uuid = instance.uuid;
        let service = &instance.service;
        match &instance.alias {
            Some(alias) => aliases.entry(alias).or_default().push(uuid),
            None => warnings.push(format!("{uuid} ({service}) has no alias")),
        }
        match instance.server {
            None => warnings.push(format!(
                "{uuid} ({service}): nobody says on which server it is"
            )),
            Some(server) if servers.iter().all(|known| known.uuid != server) => {
                warnings.push(format!(
                    "{uuid} ({service}) is on the server {server}, which nobody knows"
                ));
            }
            Some(_) => (),
        }
    }
    for (alias, uuids) in aliases.into_iter().filter(|(_, uuids)| uuids.len() > 1) {
        let uuids: Vec<String> = uuids.iter().map(Uuid::to_string).collect();
        warnings.push(format!(
            "the alias {alias} is used by {}",
            uuids.join(" and ")
        ));
    }
}
