// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Networks, services and images: of each, the live answer, or the newest restore data that has it.

use std::collections::BTreeMap;

use documents::Uuid;
use documents::inventory::{
    Fence, Image, Learnt, Network, ReservedAddress, Service, ZkServer, holder_of_reserved,
};
use documents::restore_data::Part;
use serde_json::Value;

use crate::facts::RawFacts;
use crate::record;

/// Records of a part in the newest restore data that has any, each with where it is from.
fn kept(raw: &RawFacts, part: Part) -> Vec<(Learnt, &Value)> {
    for kept in raw.kept_newest_first() {
        let records: Vec<(Learnt, &Value)> = kept
            .records(part)
            .map(|(file, record)| (Learnt::new(&kept.from, file.at), record))
            .collect();
        if !records.is_empty() {
            return records;
        }
    }
    Vec::new()
}

/// Networks that core zones can be on. Fabrics belong to customers, and there may be thousands.
pub fn networks(raw: &RawFacts, warnings: &mut Vec<String>) -> Vec<Network> {
    let records = match &raw.napi {
        Some(napi) => {
            let learnt = Learnt::new(&napi.from, napi.at);
            let networks = napi.what.networks.iter();
            networks.map(|record| (learnt.clone(), record)).collect()
        }
        None => kept(raw, Part::Networks),
    };
    let mut networks: Vec<Network> = records
        .into_iter()
        .filter(|(_, record)| record["fabric"] != true)
        .filter_map(|(learnt, record)| {
            let network = record::uuid(record, "uuid").map(|uuid| Network {
                uuid,
                name: record::text(&record["name"]).unwrap_or_default(),
                nic_tag: record::text(&record["nic_tag"]).unwrap_or_default(),
                subnet: record::text(&record["subnet"]).unwrap_or_default(),
                netmask: record::address(&record["netmask"]),
                vlan_id: number(&record["vlan_id"]).unwrap_or_default(),
                gateway: record::address(&record["gateway"]),
                mtu: number(&record["mtu"]),
                resolvers: record::addresses(&record["resolvers"]),
                learnt,
            });
            if network.is_none() {
                warnings.push("NAPI: a network without a usable UUID; left out".to_owned());
            }
            network
        })
        .collect();
    networks.sort_by(|a, b| (&a.name, a.uuid).cmp(&(&b.name, b.uuid)));
    networks
}

/// A number that fits.
fn number<T: TryFrom<u64>>(value: &Value) -> Option<T> {
    value.as_u64()?.try_into().ok()
}

/// Addresses that belong to nobody but the restore to come.
pub fn reserved(raw: &RawFacts, sapi_app: Option<Uuid>) -> Vec<ReservedAddress> {
    let Some(holder) = sapi_app.map(holder_of_reserved) else {
        return Vec::new();
    };
    let records = match &raw.napi {
        Some(napi) => {
            let learnt = Learnt::new(&napi.from, napi.at);
            let addresses = napi.what.addresses.iter();
            addresses.map(|record| (learnt.clone(), record)).collect()
        }
        None => kept(raw, Part::Addresses),
    };
    let mut reserved: Vec<ReservedAddress> = records
        .into_iter()
        .filter(|(_, record)| record::uuid(record, "belongs_to_uuid") == Some(holder))
        .filter_map(|(learnt, record)| {
            Some(ReservedAddress {
                network: record::uuid(record, "network_uuid")?,
                ip: record::address(&record["ip"])?,
                learnt,
            })
        })
        .collect();
    reserved.sort_by_key(|one| (one.network, one.ip));
    reserved
}

/// Servers that were declared dead, as this headnode's copies have it.
pub fn fences(raw: &RawFacts) -> Vec<Fence> {
    let mut fences: Vec<Fence> = raw
        .fences
        .iter()
        .map(|heard| Fence {
            server: heard.what.server,
            epoch: heard.what.epoch,
            replaced: heard.what.replaced.clone(),
            lifted: !heard.what.stands(),
            learnt: Learnt::new(&heard.from, heard.at),
        })
        .collect();
    fences.sort_by_key(|fence| fence.server);
    fences
}

/// `ZK_SERVERS` of SAPI's application.
pub fn zk_servers(raw: &RawFacts) -> Vec<ZkServer> {
    let live = raw.sapi.as_ref().map(|sapi| &sapi.what.zk_servers);
    let newest = raw.kept_newest_first();
    let kept = newest
        .iter()
        .flat_map(|kept| kept.part(Part::SapiApplication))
        .map(|file| &file.content["metadata"]["ZK_SERVERS"]);
    let listed = live.into_iter().chain(kept).find_map(Value::as_array);
    let servers = listed.into_iter().flatten().filter_map(|server| {
        Some(ZkServer {
            host: record::address(&server["host"])?,
            port: number(&server["port"]).unwrap_or(2181),
            num: server["num"].as_u64()?,
        })
    });
    servers.collect()
}

/// SAPI's services that are zones.
pub fn services(raw: &RawFacts) -> Vec<Service> {
    let records = match &raw.sapi {
        Some(sapi) => {
            let learnt = Learnt::new(&sapi.from, sapi.at);
            let services = sapi.what.services.iter();
            services.map(|record| (learnt.clone(), record)).collect()
        }
        None => kept(raw, Part::SapiServices),
    };
    let mut services: Vec<Service> = records
        .into_iter()
        .filter(|(_, record)| record["type"] != "agent")
        .filter_map(|(learnt, record)| {
            Some(Service {
                uuid: record::uuid(record, "uuid")?,
                name: record::text(&record["name"])?,
                learnt,
            })
        })
        .collect();
    services.sort_by(|a, b| (&a.name, a.uuid).cmp(&(&b.name, b.uuid)));
    services
}

/// Images, by server and UUID: those that machines have installed, and those that restore data says silent ones had.
pub fn images(raw: &RawFacts) -> Vec<Image> {
    let mut images: BTreeMap<(Uuid, Uuid), Image> = BTreeMap::new();
    for machine in &raw.machines {
        let learnt = Learnt::new(format!("imgadm@{}", machine.hostname), machine.at);
        for record in machine.images.iter().flatten() {
            // `imgadm list -j` wraps the manifest.
            let manifest = record.get("manifest").unwrap_or(record);
            if let Some(image) = image(manifest, machine.server, learnt.clone()) {
                images.insert((machine.server, image.uuid), image);
            }
        }
    }
    for kept in &raw.kept {
        let is_known = raw.machine(kept.server).is_some_and(|m| m.images.is_some());
        if is_known {
            continue;
        }
        for (file, record) in kept.records(Part::Images) {
            let learnt = Learnt::new(&kept.from, file.at);
            if let Some(image) = image(record, kept.server, learnt) {
                images.entry((kept.server, image.uuid)).or_insert(image);
            }
        }
    }
    images.into_values().collect()
}

fn image(manifest: &Value, server: Uuid, learnt: Learnt) -> Option<Image> {
    Some(Image {
        uuid: record::uuid(manifest, "uuid")?,
        name: record::text(&manifest["name"]).unwrap_or_default(),
        version: record::text(&manifest["version"]).unwrap_or_default(),
        origin: record::uuid(manifest, "origin"),
        min_platform: record::text(&manifest["requirements"]["min_platform"]["7.0"]),
        server,
        learnt,
    })
}
