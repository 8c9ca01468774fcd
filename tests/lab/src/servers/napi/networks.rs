// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Networks: few, made with the datacenter; what changes is mostly their resolvers.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::{Fault, NETWORKS, check_list, ip_in, page, tagged, wanted};
use crate::http::Response;
use crate::model::MorayObject;
use crate::servers::routing::{Answer, Ask, error, precondition};
use crate::servers::zone::{Zone, addresses};

const FILTERS: &[&str] = &[
    "name",
    "nic_tag",
    "uuid",
    "vlan_id",
    "fabric",
    "family",
    "owner_uuid",
    "provisionable_by",
];

/// What may be changed of a network; anything else of it is refused, what is no field at all is ignored.
const CHANGEABLE: &[&str] = &[
    "name",
    "description",
    "gateway",
    "provision_start_ip",
    "provision_end_ip",
    "resolvers",
    "routes",
    "owner_uuids",
    "mtu",
];
const FIXED: &[&str] = &["subnet", "nic_tag", "vlan_id"];

pub fn list(zone: &Zone, ask: &Ask<'_>) -> Answer {
    check_list(ask, FILTERS)?;
    let mut found = zone.values(NETWORKS)?;
    found.retain(|network| {
        let plain = ["name", "nic_tag", "uuid", "vlan_id", "fabric", "family"];
        let may = |name: &str| {
            ask.text(name)
                .is_none_or(|owner| usable_by(network, &owner))
        };
        plain.iter().all(|name| wanted(ask, name, network))
            && may("owner_uuid")
            && may("provisionable_by")
    });
    page(ask, found)
}

pub fn get(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let network = required(zone, ask)?;
    if ask
        .text("provisionable_by")
        .is_some_and(|owner| !usable_by(&network.value, &owner))
    {
        return Err(error(
            403,
            "NotAuthorized",
            "owner cannot provision on network",
        ));
    }
    Ok(tagged(ask, &network.value, &network.etag))
}

pub fn update(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let mut network = required(zone, ask)?;
    if let Some(failed) = precondition(ask, &network.etag) {
        return Err(failed);
    }
    for (key, value) in &ask.body {
        if let Some(&fixed) = FIXED.iter().find(|fixed| *fixed == key) {
            return Err(
                Fault::invalid(fixed, "Network updates for this field are not supported").alone(),
            );
        }
        if key == "gateway"
            && !value
                .as_str()
                .is_some_and(|ip| contains(&network.value, ip))
        {
            return Err(Fault::invalid("gateway", "gateway cannot be outside subnet").alone());
        }
        let list = value.as_array().map(Vec::len);
        if key == "resolvers" && list != Some(addresses(Some(value)).len()) {
            return Err(Fault::invalid("resolvers", "invalid IP").alone());
        }
        if CHANGEABLE.contains(&key.as_str()) {
            network.value[key] = value.clone();
        }
    }
    let uuid = network.value["uuid"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    zone.put(NETWORKS, &uuid, network.value)?;
    let changed = find(zone, &uuid)?.ok_or_else(not_found)?;
    Ok(super::changed(&changed.value, &changed.etag))
}

/// The network in the path, by uuid or by the one name that works there.
pub fn required(zone: &Zone, ask: &Ask<'_>) -> Result<MorayObject, Response> {
    find(zone, ask.path("network"))?.ok_or_else(not_found)
}

pub fn find(zone: &Zone, id: &str) -> Result<Option<MorayObject>, Response> {
    if id == "admin" {
        let all = zone.objects(NETWORKS)?;
        return Ok(all
            .into_iter()
            .find(|network| network.value["name"] == "admin"));
    }
    zone.object(NETWORKS, id)
}

fn not_found() -> Response {
    error(404, "ResourceNotFound", "network not found")
}

/// A network without owners is everybody's.
pub fn usable_by(network: &Value, owner: &str) -> bool {
    match network["owner_uuids"].as_array() {
        Some(owners) => owners.contains(&json!(owner)),
        None => true,
    }
}

pub fn contains(network: &Value, ip: &str) -> bool {
    let range = range(network);
    let address = ip.parse::<Ipv4Addr>().map(u32::from);
    range
        .is_some_and(|(first, last)| address.is_ok_and(|address| (first..=last).contains(&address)))
}

/// First and last address of the subnet.
fn range(network: &Value) -> Option<(u32, u32)> {
    let (address, bits) = network["subnet"].as_str()?.split_once('/')?;
    let mask = u32::MAX
        .checked_shl(32_u32.checked_sub(bits.parse().ok()?)?)
        .unwrap_or(0);
    let first = u32::from(address.parse::<Ipv4Addr>().ok()?) & mask;
    Some((first, first | !mask))
}

/// The addresses that NAPI hands out by itself.
pub fn provisionable(network: &Value) -> impl Iterator<Item = Ipv4Addr> + use<> {
    let bounds = ip_in(network, "provision_start_ip").zip(ip_in(network, "provision_end_ip"));
    let (first, last) = bounds
        .map(|(first, last)| (first.into(), last.into()))
        .unwrap_or((1_u32, 0));
    (first..=last).map(Ipv4Addr::from)
}
