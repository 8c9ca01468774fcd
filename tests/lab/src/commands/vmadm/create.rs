// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `vmadm create`: the payload is checked, unknown properties are dropped with a warning, and the zone boots at once unless
//! `autoboot` is false.

use std::io::Read;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::call::Call;
use crate::commands::zfs;
use crate::lab::Lab;
use crate::model::{Dataset, Host, Vm};
use crate::physics;
use crate::world::PLATFORM;

/// Properties that a payload may have, of those that core zones use.
const KNOWN: [&str; 44] = [
    "alias",
    "archive_on_delete",
    "autoboot",
    "billing_id",
    "brand",
    "cpu_cap",
    "cpu_shares",
    "customer_metadata",
    "delegate_dataset",
    "dns_domain",
    "do_not_inventory",
    "filesystems",
    "firewall_enabled",
    "fs_allowed",
    "hostname",
    "image_uuid",
    "indestructible_delegated",
    "indestructible_zoneroot",
    "internal_metadata",
    "limit_priv",
    "maintain_resolvers",
    "max_locked_memory",
    "max_lwps",
    "max_msg_ids",
    "max_physical_memory",
    "max_sem_ids",
    "max_shm_ids",
    "max_shm_memory",
    "max_swap",
    "nics",
    "nowait",
    "owner_uuid",
    "package_name",
    "package_version",
    "quota",
    "resolvers",
    "tags",
    "tmpfs",
    "uuid",
    "zfs_data_compression",
    "zfs_filesystem_limit",
    "zfs_io_priority",
    "zfs_storage_pool_name",
    "zpool",
];

pub fn create(lab: &Arc<Lab>, call: &mut Call, args: &[&str]) -> i32 {
    if !args.is_empty() {
        return super::usage(call);
    }
    let mut text = String::new();
    let payload = match call
        .stdin
        .read_to_string(&mut text)
        .map(|_| serde_json::from_str(&text))
    {
        Ok(Ok(Value::Object(payload))) => payload,
        _ => return call.fail(1, "Invalid JSON in payload"),
    };
    let (payload, unknown): (Map<String, Value>, Map<String, Value>) = payload
        .into_iter()
        .partition(|(key, _)| KNOWN.contains(&key.as_str()));
    for key in unknown.keys() {
        call.err(format!(
            "WARNING: removing invalid property '{key}' from payload\n"
        ));
    }
    let boots = payload.get("autoboot") != Some(&Value::Bool(false));
    match make(lab, &call.host, payload) {
        Err(why) => call.fail(1, why),
        Ok(uuid) => {
            if boots && let Err(why) = physics::boot(lab, &call.host, uuid) {
                return call.fail(1, why);
            }
            call.fail(0, format!("Successfully created VM {uuid}"))
        }
    }
}

fn make(lab: &Lab, host: &str, payload: Map<String, Value>) -> Result<Uuid, String> {
    let dc = lab.dc();
    let at = dc.hosts.get(host).ok_or("no such host")?;
    let uuid = check(at, &payload)?;
    let datacenter = dc.name.clone();
    let props = completed(at, uuid, &datacenter, payload);
    drop(dc);

    let delegated = props.get("datasets").is_some();
    let root = lab.zone_root(host, uuid);
    std::fs::create_dir_all(root.join("var/svc")).map_err(|error| error.to_string())?;
    let zone = dataset(lab, &[]);
    let data = dataset(lab, &[("zoned", "on")]);
    for one in [&zone, &data] {
        std::fs::create_dir_all(lab.dataset_files(host, &one.store))
            .map_err(|error| error.to_string())?;
    }
    let mut dc = lab.dc();
    let at = dc.hosts.get_mut(host).ok_or("no such host")?;
    at.datasets.insert(format!("zones/{uuid}"), zone);
    if delegated {
        at.datasets.insert(format!("zones/{uuid}/data"), data);
    }
    let vm = Vm {
        uuid,
        props,
        state: "stopped".to_owned(),
        ran_user_script: false,
        boot: 0,
    };
    at.vms.insert(uuid, vm);
    Ok(uuid)
}

/// The UUID that the zone will have, or why there will be none.
fn check(host: &Host, payload: &Map<String, Value>) -> Result<Uuid, String> {
    let bad = |what: &str| format!("Invalid value(s) for: {what}");
    let missing: Vec<&str> = ["brand", "image_uuid"]
        .into_iter()
        .filter(|key| !payload.contains_key(*key))
        .collect();
    if !missing.is_empty() {
        return Err(format!(
            "Missing required properties: {}",
            missing.join(", ")
        ));
    }
    let uuid = match payload.get("uuid") {
        None => Uuid::new_v4(),
        Some(text) => text
            .as_str()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| bad("uuid"))?,
    };
    if host.vms.contains_key(&uuid) {
        return Err(format!("VM already exists for UUID {uuid}"));
    }
    let image = payload["image_uuid"]
        .as_str()
        .and_then(|text| text.parse::<Uuid>().ok());
    let image = image.ok_or_else(|| bad("image_uuid"))?;
    if !host.images.contains_key(&image) {
        return Err(format!("image {image} not found in zpool 'zones'"));
    }
    let quota = payload.get("quota");
    if quota.is_some_and(|quota| {
        quota.as_u64().is_none() && quota.as_str().is_none_or(|t| t.parse::<u64>().is_err())
    }) {
        return Err(bad("quota"));
    }
    for nic in payload
        .get("nics")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let tag = nic["nic_tag"].as_str().unwrap_or_default();
        if !host.nic_tags.iter().any(|known| known == tag) {
            return Err(format!("Invalid nic tag \"{tag}\""));
        }
        let parts = nic["mac"].as_str().map(|mac| mac.split(':').count());
        if parts.is_some_and(|parts| parts != 6) {
            return Err(bad("nics.*.mac"));
        }
        if nic["ip"]
            .as_str()
            .is_none_or(|ip| ip != "dhcp" && ip.parse::<std::net::Ipv4Addr>().is_err())
        {
            return Err(bad("nics.*.ip"));
        }
    }
    Ok(uuid)
}

/// The payload with what vmadm adds.
fn completed(
    host: &Host,
    uuid: Uuid,
    datacenter: &str,
    mut props: Map<String, Value>,
) -> Map<String, Value> {
    let delegated = props.remove("delegate_dataset") == Some(Value::Bool(true));
    if let Some(nics) = props.get_mut("nics").and_then(Value::as_array_mut) {
        for (number, nic) in nics.iter_mut().enumerate() {
            if nic["interface"].is_null() {
                nic["interface"] = json!(format!("net{number}"));
            }
            if nic["mac"].is_null() {
                let bytes = Uuid::new_v4().into_bytes();
                nic["mac"] = json!(format!(
                    "90:b8:d0:{:02x}:{:02x}:{:02x}",
                    bytes[0], bytes[1], bytes[2]
                ));
            }
        }
    }
    let mut add = |key: &str, value: Value| {
        props.entry(key).or_insert(value);
    };
    add("autoboot", json!(true));
    add("zonename", json!(uuid));
    add("zonepath", json!(format!("/zones/{uuid}")));
    add("zfs_filesystem", json!(format!("zones/{uuid}")));
    add("zpool", json!("zones"));
    add("v", json!(1));
    add("type", json!("OS"));
    add("create_timestamp", json!("2026-11-23T00:00:00.000Z"));
    add("last_modified", json!("2026-11-23T00:00:00.000Z"));
    add("datacenter_name", json!(datacenter));
    add("platform_buildstamp", json!(PLATFORM));
    add("snapshots", json!([]));
    add("customer_metadata", json!({}));
    add("internal_metadata", json!({}));
    add("tags", json!({}));
    add("server_uuid", json!(host.uuid));
    if delegated {
        add("datasets", json!([format!("zones/{uuid}/data")]));
    }
    props
}

fn dataset(lab: &Lab, properties: &[(&str, &str)]) -> Dataset {
    Dataset {
        guid: zfs::guid(lab),
        creation: lab.now_ms() / 1000,
        properties: properties
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
        store: format!("z{}-{}", lab.now_ms(), zfs::fresh()),
        ..Dataset::default()
    }
}
