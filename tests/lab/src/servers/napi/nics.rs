// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! NICs: provisioned on a network, reported by net-agent, deleted with their VM.

use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    Fault, NETWORKS, NICS, addresses, check_list, flag, networks, page, refused, tagged, wanted,
};
use crate::http::Response;
use crate::model::{MorayObject, etag_of};
use crate::servers::routing::{Answer, Ask, error, precondition};
use crate::servers::zone::{Zone, is_uuid};

const FILTERS: &[&str] = &[
    "belongs_to_uuid",
    "belongs_to_type",
    "owner_uuid",
    "cn_uuid",
    "network_uuid",
    "nic_tag",
    "nic_tags_provided",
    "state",
    "underlay",
];
const STATES: [&str; 3] = ["provisioning", "stopped", "running"];
const ALLOWANCES: &[&str] = &[
    "allow_dhcp_spoofing",
    "allow_ip_spoofing",
    "allow_mac_spoofing",
    "allow_restricted_traffic",
    "allow_unfiltered_promisc",
    "underlay",
];

pub fn list(zone: &Zone, ask: &Ask<'_>) -> Answer {
    check_list(ask, FILTERS)?;
    let mut found = zone.values(NICS)?;
    found.retain(|nic| {
        let plain = FILTERS.iter().filter(|name| **name != "nic_tags_provided");
        let tags = ask.text("nic_tags_provided").is_none_or(|tags| {
            let provided = nic["nic_tags_provided"].as_array();
            provided
                .is_some_and(|provided| tags.split(',').any(|tag| provided.contains(&json!(tag))))
        });
        tags && plain.into_iter().all(|name| wanted(ask, name, nic))
    });
    found.sort_by_key(|nic| nic["mac"].as_str().map(str::to_owned));
    page(ask, found)
}

pub fn get(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let nic = required(zone, ask)?;
    Ok(tagged(ask, &nic.value, &nic.etag))
}

/// `POST /networks/:network/nics`
pub fn provision(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let _deciding = zone.deciding();
    let mut nic = draft(zone, &ask.body)?;
    let Some(network) = networks::find(zone, ask.path("network"))? else {
        return Err(Fault::invalid("network_uuid", "network does not exist").alone());
    };
    attach(zone, &mut nic, &network.value, &ask.body)?;
    save_new(zone, nic)
}

/// `POST /nics`: with or without a network, and with the network named by uuid or by what is on it.
pub fn create(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let _deciding = zone.deciding();
    let body = &ask.body;
    let mut nic = draft(zone, body)?;
    let network = match body.get("network_uuid").and_then(Value::as_str) {
        Some(uuid) => Some(networks::find(zone, uuid)?),
        None => body
            .get("ip")
            .and_then(Value::as_str)
            .map(|ip| by_place(zone, ip, body))
            .transpose()?,
    };
    match network {
        Some(Some(network)) => attach(zone, &mut nic, &network.value, body)?,
        Some(None) => return Err(Fault::invalid("network_uuid", "network does not exist").alone()),
        None => {}
    }
    save_new(zone, nic)
}

/// The network that holds an address, on the tag and VLAN given with it.
fn by_place(
    zone: &Zone,
    ip: &str,
    body: &Map<String, Value>,
) -> Result<Option<MorayObject>, Response> {
    let fits =
        |key: &str, network: &Value| body.get(key).is_none_or(|value| network[key] == *value);
    let all = zone.objects(NETWORKS)?;
    Ok(all
        .into_iter()
        .map(Some)
        .find(|network| {
            let network = network
                .as_ref()
                .map(|network| &network.value)
                .unwrap_or(&Value::Null);
            networks::contains(network, ip) && fits("nic_tag", network) && fits("vlan_id", network)
        })
        .flatten())
}

/// A NIC on no network yet.
fn draft(zone: &Zone, body: &Map<String, Value>) -> Result<Value, Response> {
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let mut faults = Vec::new();
    for key in ["belongs_to_type", "belongs_to_uuid", "owner_uuid"] {
        match text(key) {
            None => faults.push(Fault::missing(key)),
            Some(kind) if key == "belongs_to_type" => {
                if !["other", "server", "zone"].contains(&kind) {
                    let message = "must be one of: \"other\", \"server\", \"zone\"";
                    faults.push(Fault::invalid(key, message));
                }
            }
            Some(uuid) if !is_uuid(uuid) => faults.push(Fault::invalid(key, "invalid UUID")),
            Some(_) => {}
        }
    }
    let mac = match text("mac") {
        Some(mac) => digits(mac),
        None => Some(fresh_mac(
            zone,
            text("belongs_to_uuid").unwrap_or_default(),
        )?),
    };
    if mac.is_none() {
        faults.push(Fault::invalid("mac", "invalid MAC address"));
    }
    let mac = mac.unwrap_or_default();
    if faults.is_empty() && zone.value(NICS, &mac)?.is_some() {
        faults.push(Fault {
            field: "mac",
            code: "Duplicate",
            message: "Already exists".to_owned(),
        });
    }
    if !faults.is_empty() {
        return Err(refused(faults));
    }
    let now = zone.now();
    let mut nic = json!({
        "mac": coloned(&mac), "primary": false, "state": "provisioning",
        "created_timestamp": now, "modified_timestamp": now,
    });
    for key in ["belongs_to_type", "belongs_to_uuid", "owner_uuid"] {
        nic[key] = json!(text(key));
    }
    change(&mut nic, body)?;
    Ok(nic)
}

/// Puts a NIC on a network: an address, and everything that the network says.
fn attach(
    zone: &Zone,
    nic: &mut Value,
    network: &Value,
    body: &Map<String, Value>,
) -> Result<(), Response> {
    let check_owner = flag(body, "check_owner").map_err(Fault::alone)? != Some(false);
    let owner = nic["owner_uuid"].as_str().unwrap_or_default();
    // The admin's NICs go anywhere; agents of servers report as the admin.
    let admin = zone.lab.dc().admin_owner.to_string() == owner;
    if check_owner && !admin && !networks::usable_by(network, owner) {
        return Err(Fault::invalid("owner_uuid", "network owner_uuids do not match").alone());
    }
    let ip = match body.get("ip").and_then(Value::as_str) {
        Some(ip) => {
            let outside = || Fault::invalid("ip", "ip cannot be outside subnet").alone();
            let address: Ipv4Addr = ip.parse().map_err(|_| outside())?;
            if !networks::contains(network, ip) {
                return Err(outside());
            }
            address
        }
        None => addresses::choose(zone, network)?,
    };
    addresses::take(zone, network, ip, nic)?;
    nic["ip"] = json!(ip);
    nic["network_uuid"] = network["uuid"].clone();
    for key in [
        "gateway",
        "mtu",
        "netmask",
        "nic_tag",
        "resolvers",
        "vlan_id",
        "routes",
    ] {
        if let Some(value) = network.get(key) {
            nic[key] = value.clone();
        }
    }
    Ok(())
}

fn save_new(zone: &Zone, nic: Value) -> Answer {
    only_primary(zone, &nic)?;
    let mac = digits(nic["mac"].as_str().unwrap_or_default()).unwrap_or_default();
    zone.put(NICS, &mac, nic.clone())?;
    Ok(super::changed(&nic, &etag_of(&nic)))
}

pub fn update(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let _deciding = zone.deciding();
    let found = required(zone, ask)?;
    if let Some(failed) = precondition(ask, &found.etag) {
        return Err(failed);
    }
    let (mut nic, body) = (found.value, &ask.body);
    let before = nic.clone();
    change(&mut nic, body)?;
    for key in ["belongs_to_type", "belongs_to_uuid", "owner_uuid"] {
        if let Some(value) = body.get(key).filter(|value| value.is_string()) {
            nic[key] = value.clone();
        }
    }
    let moved = body.get("ip").is_some_and(|ip| *ip != before["ip"]);
    let handed_on = nic["belongs_to_uuid"] != before["belongs_to_uuid"];
    if moved || handed_on && !nic["ip"].is_null() {
        let uuid = body
            .get("network_uuid")
            .unwrap_or(&nic["network_uuid"])
            .as_str()
            .unwrap_or_default();
        let network = match networks::find(zone, uuid)? {
            Some(network) => Some(network),
            None => by_place(
                zone,
                body.get("ip").and_then(Value::as_str).unwrap_or_default(),
                body,
            )?,
        };
        let Some(network) = network else {
            return Err(Fault::invalid("network_uuid", "network does not exist").alone());
        };
        let mut place = body.clone();
        place.entry("ip").or_insert_with(|| before["ip"].clone());
        addresses::release(zone, &before)?;
        attach(zone, &mut nic, &network.value, &place)?;
    }
    nic["modified_timestamp"] = json!(zone.now());
    only_primary(zone, &nic)?;
    let mac = digits(ask.path("mac")).unwrap_or_default();
    zone.put(NICS, &mac, nic.clone())?;
    Ok(super::changed(&nic, &etag_of(&nic)))
}

/// The fields that a NIC may be given at any time; unknown ones are ignored.
fn change(nic: &mut Value, body: &Map<String, Value>) -> Result<(), Response> {
    if let Some(state) = body.get("state") {
        if !state.as_str().is_some_and(|state| STATES.contains(&state)) {
            let message = "must be one of: \"provisioning\", \"stopped\", \"running\"";
            return Err(Fault::invalid("state", message).alone());
        }
        nic["state"] = state.clone();
    }
    if let Some(primary) = flag(body, "primary").map_err(Fault::alone)? {
        nic["primary"] = json!(primary);
    }
    for &name in ALLOWANCES {
        match flag(body, name).map_err(Fault::alone)? {
            // Shown only when true.
            Some(true) => nic[name] = json!(true),
            Some(false) => {
                nic.as_object_mut().map(|nic| nic.remove(name));
            }
            None => {}
        }
    }
    for key in ["cn_uuid", "model", "nic_tags_provided"] {
        if let Some(value) = body.get(key).filter(|value| !value.is_null()) {
            nic[key] = value.clone();
        }
    }
    Ok(())
}

/// A VM has one primary NIC: the newest one that says so.
fn only_primary(zone: &Zone, nic: &Value) -> Result<(), Response> {
    if nic["primary"] != true {
        return Ok(());
    }
    for mut other in zone.values(NICS)? {
        let same_vm =
            other["belongs_to_uuid"] == nic["belongs_to_uuid"] && other["mac"] != nic["mac"];
        if same_vm && other["primary"] == true {
            other["primary"] = json!(false);
            let mac = digits(other["mac"].as_str().unwrap_or_default()).unwrap_or_default();
            zone.put(NICS, &mac, other)?;
        }
    }
    Ok(())
}

pub fn delete(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let _deciding = zone.deciding();
    let nic = required(zone, ask)?.value;
    addresses::release(zone, &nic)?;
    zone.delete(NICS, &digits(ask.path("mac")).unwrap_or_default())?;
    Ok(Response::empty(204))
}

fn required(zone: &Zone, ask: &Ask<'_>) -> Result<MorayObject, Response> {
    let mac = digits(ask.path("mac"));
    let mac = mac.ok_or_else(|| Fault::invalid("mac", "invalid MAC address").alone())?;
    zone.object(NICS, &mac)?
        .ok_or_else(|| error(404, "ResourceNotFound", "nic not found"))
}

/// The twelve digits of a MAC, however it is written.
fn digits(mac: &str) -> Option<String> {
    let digits: String = mac.chars().filter(|c| !":-".contains(*c)).collect();
    let valid = digits.len() == 12 && digits.chars().all(|c| c.is_ascii_hexdigit());
    valid.then(|| digits.to_lowercase())
}

fn coloned(digits: &str) -> String {
    let pairs: Vec<_> = (0..12)
        .step_by(2)
        .filter_map(|at| digits.get(at..at + 2))
        .collect();
    pairs.join(":")
}

/// The same in every run of the same calls, as lists are sorted by it, and another one for each owner.
fn fresh_mac(zone: &Zone, owner: &str) -> Result<String, Response> {
    let known = zone.values(NICS)?.len();
    for number in known.. {
        let name = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{owner} {number}").as_bytes())
            .simple()
            .to_string();
        let mac = format!("90b8d0{}", name.get(..6).unwrap_or("000001"));
        if zone.value(NICS, &mac)?.is_none() {
            return Ok(mac);
        }
    }
    Err(Response::empty(500))
}
