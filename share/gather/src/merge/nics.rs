// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A zone's NICs: the most trusted list of them, each completed by what the others and NAPI know of the same MAC.

use std::collections::BTreeMap;

use documents::Uuid;
use documents::inventory::Nic;

use crate::facts::RawFacts;
use crate::record::{self, Zone};

/// `zones` is what each source says of the zone, most trusted first.
pub fn of(raw: &RawFacts, vm: Uuid, zones: &[&Zone]) -> Vec<Nic> {
    let napi = in_napi(raw, vm);
    let listed = zones.iter().map(|zone| &zone.nics).find(|n| !n.is_empty());
    let mut nics = match listed {
        Some(nics) => nics.clone(),
        None => napi.values().cloned().collect(),
    };
    for nic in &mut nics {
        let elsewhere = zones
            .iter()
            .flat_map(|zone| zone.nics.iter())
            .chain(napi.values())
            .filter(|other| other.mac == nic.mac)
            .cloned()
            .collect::<Vec<Nic>>();
        for other in &elsewhere {
            complete(nic, other);
        }
    }
    nics.sort_by(|a, b| (&a.interface, &a.mac).cmp(&(&b.interface, &b.mac)));
    nics
}

fn in_napi(raw: &RawFacts, vm: Uuid) -> BTreeMap<String, Nic> {
    let Some(napi) = &raw.napi else {
        return BTreeMap::new();
    };
    napi.what
        .nics
        .iter()
        .filter(|record| record::uuid(record, "belongs_to_uuid") == Some(vm))
        .filter_map(record::nic)
        .map(|nic| (nic.mac.clone(), nic))
        .collect()
}

/// Fills in what `nic` does not say.
fn complete(nic: &mut Nic, other: &Nic) {
    nic.ip = nic.ip.or(other.ip);
    nic.network = nic.network.or(other.network);
    if nic.nic_tag.is_empty() {
        nic.nic_tag = other.nic_tag.clone();
    }
    if nic.interface.is_none() {
        nic.interface = other.interface.clone();
    }
    for (name, value) in &other.properties {
        nic.properties
            .entry(name.clone())
            .or_insert_with(|| value.clone());
    }
}
