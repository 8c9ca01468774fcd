// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Zones of the world, with the payloads that `vmadm get` would print.

use serde_json::{Map, Value, json};

use super::{CANARY, add_dataset, id};
use crate::model::{Dc, HostState, Vm};
use crate::physics::mount;

/// Services with a delegate dataset.
const WITH_DATASET: [&str; 14] = [
    "amonredis",
    "binder",
    "cloudapi",
    "cmon",
    "cns",
    "docker",
    "fwapi",
    "grafana",
    "imgapi",
    "mahi",
    "manatee",
    "prometheus",
    "sapi",
    "ufds",
];

/// Services with a NIC on the external network, which is their primary one.
pub const EXTERNAL: [&str; 5] = ["cloudapi", "cmon", "docker", "grafana", "prometheus"];

/// A MAC as NAPI gives them: Joyent's prefix and three bytes.
pub fn mac(name: &str) -> String {
    let bytes = id(&format!("mac {name}")).into_bytes();
    format!(
        "90:b8:d0:{:02x}:{:02x}:{:02x}",
        bytes[0], bytes[1], bytes[2]
    )
}

pub fn add_core(dc: &mut Dc, host: &str, service: &str, ordinal: usize, last: usize) {
    let alias = format!("{service}{ordinal}");
    let uuid = id(&format!("vm {alias}"));
    let with_dataset = WITH_DATASET.contains(&service);
    let sapi = match service {
        // Before DNS works these need an address (sdc-init.js).
        "binder" | "assets" => "http://10.99.99.21".to_owned(),
        _ => format!("http://{}", dc.name_of("sapi")),
    };
    let mut props = object(json!({
        "alias": alias,
        "archive_on_delete": true,
        "autoboot": true,
        "billing_id": id("package sdc_1024"),
        "brand": "joyent-minimal",
        "cpu_cap": 300,
        "cpu_shares": 1024,
        "create_timestamp": "2026-02-13T16:52:19.402Z",
        "customer_metadata": {
            "sapi-url": sapi,
            "assets-ip": "10.99.99.50",
            "user-script": format!("#!/usr/bin/bash\n# {CANARY}user-script-{alias}\nexec /opt/smartdc/boot/configure.sh\n"),
        },
        "datacenter_name": dc.name,
        // What the platform says of a VM without one.
        "dns_domain": "local",
        "firewall_enabled": false,
        "image_uuid": id(&format!("image {service}")),
        "internal_metadata": {"password": format!("{CANARY}internal-{alias}")},
        "last_modified": "2026-03-13T03:04:21.000Z",
        "limit_priv": "default",
        "maintain_resolvers": true,
        "max_locked_memory": 1024,
        "max_lwps": 1000,
        "max_physical_memory": 1024,
        "max_swap": 2048,
        "nics": [nic("admin", &alias, &format!("10.99.99.{last}"), !EXTERNAL.contains(&service), 0)],
        "owner_uuid": dc.admin_owner,
        "package_name": "sdc_1024",
        "package_version": "1.0.0",
        "quota": 25,
        "resolvers": resolvers(dc, service),
        "server_uuid": id(host),
        "snapshots": [],
        "tags": {"smartdc_role": service, "smartdc_type": "core"},
        "tmpfs": 1024,
        "type": "OS",
        "v": 1,
        "zfs_filesystem": format!("zones/{uuid}"),
        "zfs_io_priority": 10,
        "zonename": uuid,
        "zonepath": format!("/zones/{uuid}"),
        "zpool": "zones",
    }));
    if service == "sapi" {
        props["customer_metadata"]["dns_domain"] = json!(dc.dns_domain);
    }
    if EXTERNAL.contains(&service) {
        let nics = props.get_mut("nics").and_then(Value::as_array_mut);
        nics.into_iter().for_each(|nics| {
            nics.push(nic(
                "external",
                &alias,
                &format!("10.88.88.{last}"),
                true,
                1,
            ));
        });
    }
    if with_dataset {
        props.insert("datasets".to_owned(), json!([format!("zones/{uuid}/data")]));
    }
    if service == "dhcpd" {
        props["nics"][0]["dhcp_server"] = json!(true);
    }
    let Some(at) = dc.hosts.get_mut(host) else {
        return;
    };
    at.vms.insert(
        uuid,
        Vm {
            uuid,
            props,
            state: "stopped".to_owned(),
            ran_user_script: true,
            boot: 0,
        },
    );
    add_dataset(at, &format!("zones/{uuid}"), &[]);
    if with_dataset {
        let properties = [("mountpoint", mount::of_role(service)), ("zoned", "on")];
        add_dataset(at, &format!("zones/{uuid}/data"), &properties);
    }
}

/// A customer's machine: counted, and nobody's business.
pub fn add_customer(dc: &mut Dc, host: &str, number: usize) {
    let alias = format!("web server.{number}");
    let uuid = id(&format!("vm {alias}"));
    let props = object(json!({
        "alias": alias,
        "autoboot": true,
        "brand": "joyent",
        "image_uuid": id("image base"),
        "max_physical_memory": 512,
        "nics": [nic("external", &alias, &format!("10.88.88.{}", 60 + number), true, 0)],
        "owner_uuid": id("a customer"),
        "server_uuid": id(host),
        "tags": {},
        "type": "OS",
        "zonename": uuid,
        "zonepath": format!("/zones/{uuid}"),
        "zpool": "zones",
    }));
    let Some(at) = dc.hosts.get_mut(host) else {
        return;
    };
    at.vms.insert(
        uuid,
        Vm {
            uuid,
            props,
            state: "stopped".to_owned(),
            ran_user_script: true,
            boot: 0,
        },
    );
    add_dataset(at, &format!("zones/{uuid}"), &[]);
}

fn nic(tag: &str, alias: &str, ip: &str, primary: bool, number: usize) -> Value {
    let mut nic = object(json!({
        "interface": format!("net{number}"),
        "mac": mac(&format!("{alias} {tag}")),
        "vlan_id": 0,
        "nic_tag": tag,
        "netmask": "255.255.255.0",
        "ip": ip,
        "ips": [format!("{ip}/24")],
        "network_uuid": id(&format!("network {tag}")),
        "mtu": 1500,
    }));
    if primary {
        nic.insert("primary".to_owned(), json!(true));
    }
    if tag == "external" {
        nic.insert("gateway".to_owned(), json!("10.88.88.2"));
    }
    Value::Object(nic)
}

/// A binder resolves by itself; all others by the binders.
fn resolvers(dc: &Dc, service: &str) -> Value {
    match service {
        "binder" => json!([]),
        _ => json!(binders(dc)),
    }
}

/// Addresses of the binders on hosts that live.
pub fn binders(dc: &Dc) -> Vec<String> {
    let live = dc.hosts.values().filter(|host| host.state == HostState::Up);
    let zones = live.flat_map(|host| host.vms.values());
    let binders = zones.filter(|vm| vm.role() == Some("binder"));
    let addresses = binders.filter_map(Vm::admin_ip);
    let mut addresses: Vec<_> = addresses.collect();
    addresses.sort();
    addresses.iter().map(ToString::to_string).collect()
}

pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
