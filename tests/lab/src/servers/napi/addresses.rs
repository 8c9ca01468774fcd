// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Addresses: a record exists only for one that was used or reserved; whether it is free is computed.

use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};

use super::networks::{contains, provisionable, required, usable_by};
use super::{Fault, IPS, changed, check_list, flag, ip_in, page, tagged, wanted};
use crate::http::Response;
use crate::model::etag_of;
use crate::servers::routing::{Answer, Ask, error, invalid, ok, precondition};
use crate::servers::zone::{Zone, is_uuid};

/// Who an address is for, all three together or none.
const HOLDER: [&str; 3] = ["belongs_to_type", "belongs_to_uuid", "owner_uuid"];

pub fn list(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let network = required(zone, ask)?.value;
    check_list(ask, &HOLDER)?;
    let mut found = records(zone, &network)?;
    found.retain(|ip| HOLDER.iter().all(|name| wanted(ask, name, ip)));
    found.sort_by_key(|ip| ip_in(ip, "ip"));
    page(ask, found.iter().map(shown).collect())
}

pub fn get(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let network = required(zone, ask)?.value;
    let record = record(zone, &network, checked(&network, ask.path("ip"))?)?;
    match zone.object(IPS, &key(&record))? {
        Some(known) => Ok(tagged(ask, &shown(&record), &known.etag)),
        // Nothing is there that could change.
        None => ok(&shown(&record)),
    }
}

pub fn update(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let _deciding = zone.deciding();
    let network = required(zone, ask)?.value;
    let mut record = record(zone, &network, checked(&network, ask.path("ip"))?)?;
    if let Some(failed) = precondition(ask, &etag_of(&record)) {
        return Err(failed);
    }
    let body = &ask.body;
    let flags = ["free", "unassign", "reserved", "check_owner"].map(|name| flag(body, name));
    let [free, unassign, reserved, check_owner] = flags;
    let read = |flag: Result<Option<bool>, Fault>| flag.map_err(Fault::alone);
    let (free, unassign, reserved) = (read(free)?, read(unassign)?, read(reserved)?);
    if free == Some(true) && unassign == Some(true) {
        return Err(Fault::invalid(
            "unassign",
            "free and unassign cannot both be set to \"true\"",
        )
        .alone());
    }
    if free == Some(true) {
        record["reserved"] = json!(false);
        clear(&mut record, &HOLDER);
    } else if unassign == Some(true) {
        clear(&mut record, &["belongs_to_type", "belongs_to_uuid"]);
    } else {
        check_holder(body, &record, &network, read(check_owner)? != Some(false))?;
        for key in HOLDER {
            if let Some(value) = body.get(key) {
                record[key] = value.clone();
            }
        }
        if let Some(reserved) = reserved {
            record["reserved"] = json!(reserved);
        }
    }
    save(zone, &record)?;
    Ok(changed(&shown(&record), &etag_of(&record)))
}

fn check_holder(
    body: &Map<String, Value>,
    record: &Value,
    network: &Value,
    check_owner: bool,
) -> Result<(), Response> {
    if body.contains_key("belongs_to_type") || body.contains_key("belongs_to_uuid") {
        for key in HOLDER {
            if !body.contains_key(key) && record[key].is_null() {
                return Err(Fault::missing(key).alone());
            }
        }
    }
    let Some(owner) = body.get("owner_uuid") else {
        return Ok(());
    };
    let Some(owner) = owner.as_str().filter(|owner| is_uuid(owner)) else {
        return Err(Fault::invalid("owner_uuid", "invalid UUID").alone());
    };
    if check_owner && !usable_by(network, owner) {
        return Err(Fault::invalid("owner_uuid", "network owner_uuids do not match").alone());
    }
    Ok(())
}

fn checked(network: &Value, ip: &str) -> Result<Ipv4Addr, Response> {
    let address = ip
        .parse()
        .map_err(|_| error(404, "ResourceNotFound", "Invalid IP address"))?;
    if !contains(network, ip) {
        return Err(error(404, "ResourceNotFound", "IP is not in subnet"));
    }
    Ok(address)
}

fn records(zone: &Zone, network: &Value) -> Result<Vec<Value>, Response> {
    let mut all = zone.values(IPS)?;
    all.retain(|ip| ip["network_uuid"] == network["uuid"]);
    Ok(all)
}

/// The record of an address, made up for one that was never used.
pub fn record(zone: &Zone, network: &Value, ip: Ipv4Addr) -> Result<Value, Response> {
    let fresh = json!({ "ip": ip, "network_uuid": network["uuid"], "reserved": false });
    Ok(zone.value(IPS, &key(&fresh))?.unwrap_or(fresh))
}

pub fn save(zone: &Zone, record: &Value) -> Result<(), Response> {
    zone.put(IPS, &key(record), record.clone())
}

fn key(record: &Value) -> String {
    let text = |key: &str| record[key].as_str().unwrap_or_default().to_owned();
    format!("{}/{}", text("network_uuid"), text("ip"))
}

fn clear(record: &mut Value, keys: &[&str]) {
    if let Some(record) = record.as_object_mut() {
        record.retain(|key, _| !keys.contains(&key.as_str()));
    }
}

fn is_free(record: &Value) -> bool {
    record["reserved"] != true && HOLDER.iter().all(|key| record[key].is_null())
}

fn shown(record: &Value) -> Value {
    let mut shown = record.clone();
    shown["free"] = json!(is_free(record));
    shown
}

/// The lowest address never used, then the one that has been unused longest. An owner alone does not hold an address.
pub fn choose(zone: &Zone, network: &Value) -> Result<Ipv4Addr, Response> {
    let mut used = zone.objects(IPS)?;
    used.retain(|object| object.value["network_uuid"] == network["uuid"]);
    let of = |ip: Ipv4Addr| {
        used.iter()
            .find(move |object| ip_in(&object.value, "ip") == Some(ip))
    };
    if let Some(fresh) = provisionable(network).find(|ip| of(*ip).is_none()) {
        return Ok(fresh);
    }
    let unused = |ip: &Value| ip["reserved"] != true && ip["belongs_to_uuid"].is_null();
    let free = provisionable(network)
        .filter_map(of)
        .filter(|object| unused(&object.value));
    let oldest = free
        .min_by_key(|object| object.mtime)
        .and_then(|object| ip_in(&object.value, "ip"));
    oldest.ok_or_else(|| {
        let body = json!({
            "code": "SubnetFull", "message": "no more free IPs", "network_uuid": network["uuid"],
        });
        Response::json(507, &body)
    })
}

/// Gives an address to a NIC. It may be reserved, or the admin's own; anybody else's is in use.
pub fn take(zone: &Zone, network: &Value, ip: Ipv4Addr, holder: &Value) -> Result<(), Response> {
    let mut record = record(zone, network, ip)?;
    let kind = record["belongs_to_type"]
        .as_str()
        .filter(|kind| *kind != "other");
    if let (Some(kind), Some(id)) = (kind, record["belongs_to_uuid"].as_str()) {
        let message = format!("IP in use by {kind} \"{id}\"");
        let fault = json!({
            "type": kind, "id": id, "code": "UsedBy", "message": message, "field": "ip",
        });
        return Err(invalid(
            422,
            "InvalidParameters",
            "Invalid parameters",
            vec![fault],
        ));
    }
    for key in HOLDER {
        record[key] = holder[key].clone();
    }
    save(zone, &record)
}

/// A NIC gives its address back. A reservation outlives it, and so does somebody else's claim.
pub fn release(zone: &Zone, nic: &Value) -> Result<(), Response> {
    let (Some(ip), Some(network)) = (ip_in(nic, "ip"), nic["network_uuid"].as_str()) else {
        return Ok(());
    };
    let Some(network) = super::networks::find(zone, network)? else {
        return Ok(());
    };
    let mut record = record(zone, &network.value, ip)?;
    if record["belongs_to_uuid"] != nic["belongs_to_uuid"] {
        return Ok(());
    }
    clear(&mut record, &["belongs_to_type", "belongs_to_uuid"]);
    if record["reserved"] != true {
        clear(&mut record, &["owner_uuid"]);
    }
    save(zone, &record)
}
