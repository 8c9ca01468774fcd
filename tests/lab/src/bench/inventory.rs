// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! An inventory of any size to plan from, as `triton-inventory` would print it.

use serde_json::{Value, json};
use uuid::Uuid;

const AT: &str = "2026-11-23T05:10:00.000Z";

/// `servers` servers (three of them headnodes), `core` core zones, `others` other VMs. headnode0 is lost.
pub fn of(servers: usize, core: usize, others: usize) -> Value {
    let names: Vec<String> = (0..servers)
        .map(|n| {
            if n < 3 {
                format!("headnode{n}")
            } else {
                format!("cn{n}")
            }
        })
        .collect();
    let services = [
        "sapi", "vmapi", "cloudapi", "imgapi", "binder", "manatee", "moray", "napi", "cnapi",
        "papi", "nat",
    ];
    let zones = zones(core, &names);
    json!({
        "kind": "triton.inventory/1",
        "taken_at": AT,
        "taken_on": id("headnode1"),
        "dc": {"name": "east-1", "dns_domain": "triton.example", "admin_owner": id("admin"),
               "sapi_app": id("sdc"), "learnt": learnt()},
        "sources": [],
        "servers": names.iter().enumerate().map(|(n, name)| server(n, name)).collect::<Vec<_>>(),
        "services": services.map(|name| json!({"uuid": id(&format!("service {name}")), "name": name, "learnt": learnt()})),
        "instances": zones.iter().map(|(service, ordinal, on)| instance(service, *ordinal, on)).collect::<Vec<_>>(),
        "other_vms": names.iter().map(|name| json!({
            "server": id(name), "count": others / servers.max(1), "running": 0, "learnt": learnt(),
        })).collect::<Vec<_>>(),
        "networks": [{"uuid": id("admin network"), "name": "admin", "nic_tag": "admin", "subnet": "10.99.99.0/24",
                      "resolvers": [], "learnt": learnt()}],
        "images": services.map(|name| json!({"uuid": id(&format!("image {name}")), "name": name, "version": "1",
                      "origin": null, "server": id("headnode1"), "learnt": learnt()})),
        "restore_points": zones
            .iter()
            .filter(|(service, ..)| matches!(*service, "sapi" | "cloudapi" | "imgapi"))
            .map(|(service, ordinal, _)| restore_point(service, *ordinal))
            .collect::<Vec<_>>(),
        "fences": [],
        "warnings": [],
    })
}

/// The four that are lost with headnode0, a member of each cluster on every headnode, the rest of the APIs on headnode1, and
/// NAT zones all over the datacenter.
fn zones(core: usize, servers: &[String]) -> Vec<(&'static str, usize, String)> {
    let mut zones = Vec::new();
    for service in ["sapi", "vmapi", "cloudapi", "imgapi"] {
        zones.push((service, 0, "headnode0".to_owned()));
    }
    for service in ["binder", "manatee", "moray"] {
        zones.extend((0..3).map(|n| (service, n, format!("headnode{n}"))));
    }
    for service in ["napi", "cnapi", "papi"] {
        zones.push((service, 0, "headnode1".to_owned()));
    }
    let nat = core.saturating_sub(zones.len());
    zones.extend((0..nat).map(|n| ("nat", n, servers[n % servers.len()].clone())));
    zones
}

fn id(name: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_DNS, name.as_bytes())
}

fn learnt() -> Value {
    json!({"from": "restore-data/x/y", "at": AT})
}

fn server(number: usize, name: &str) -> Value {
    json!({
        "uuid": id(name), "hostname": name, "admin_ip": format!("10.{}.{}.7", number / 250, number % 250),
        "headnode": number < 3, "setup": true, "status": if number == 0 { "unknown" } else { "running" },
        "answers": number != 0, "platform": null, "nic_tags": ["admin"], "resolvers": null, "learnt": learnt(),
    })
}

fn instance(service: &str, ordinal: usize, server: &str) -> Value {
    let alias = format!("{service}{ordinal}");
    let secret = json!({"secret": "sha256:00", "from": format!("x/y/vms/{alias}.json")});
    let number = id(&alias).as_u128();
    json!({
        "uuid": id(&alias), "service": service, "alias": alias, "server": id(server),
        "image": id(&format!("image {service}")), "state": "running",
        "nics": [{"mac": format!("90:b8:d0:{:02x}:{:02x}:{:02x}", number as u8, (number >> 8) as u8, (number >> 16) as u8),
                  "ip": format!("10.99.{}.{}", ordinal % 250, number as u8), "nic_tag": "admin",
                  "network": id("admin network"), "primary": true, "interface": "net0"}],
        "delegate_dataset": matches!(service, "sapi" | "cloudapi" | "imgapi"),
        "dns_domain": null, "payload": secret, "sapi_record": secret, "in_sapi": null, "in_vmapi": null,
        "learnt": [learnt()],
    })
}

fn restore_point(service: &str, ordinal: usize) -> Value {
    let vm = id(&format!("{service}{ordinal}"));
    json!({
        "server": id("headnode0"), "vm": vm, "dataset": format!("zones/triton-restore/{}/{vm}", id("headnode0")),
        "snapshot": "triton-sync-x", "guid": "1", "as_of": AT, "bytes": 1, "learnt": learnt(),
    })
}
