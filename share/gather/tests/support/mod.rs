// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Facts to merge: a small datacenter of two headnodes, told by each source in its own way.

// Not every test file needs all of it.
#![allow(dead_code)]

use std::collections::BTreeMap;

use documents::inventory::{Inventory, holder_of_reserved};
use documents::restore_data::{GenerationDc, Part};
use documents::{Digest, SecretRef, Timestamp, Uuid};
use gather::facts::{ConfigFacts, Heard, Kept, KeptFile, Machine, NapiFacts, RawFacts, SapiFacts};
use serde_json::{Value, json};

pub const HEADNODE0: Uuid = Uuid::from_u128(0x44454c4c_4700_1051_8031_b4c04f334730);
pub const HEADNODE1: Uuid = Uuid::from_u128(0x44454c4c_4700_1051_8031_b4c04f334731);
pub const ADMIN: Uuid = Uuid::from_u128(0x930896af_bf8c_48d4_885c_6573a94b1853);
pub const APP: Uuid = Uuid::from_u128(0xa10c_0000);
pub const IMGAPI: Uuid = Uuid::from_u128(0x0c7e5d11_4a9b_4f65_8c3d_2e1f0a9b8c7d);
pub const SAPI: Uuid = Uuid::from_u128(0x2e907f33_6cbd_4187_8e5f_40312cbcdaef);

/// Stands in every place that may hold a secret; it must be in no inventory.
pub const CANARY: &str = "CANARY-4e21";

pub fn at(minute: u32) -> Timestamp {
    format!("2026-11-23T05:{minute:02}:00Z").parse().unwrap()
}

pub fn service(name: &str) -> Uuid {
    let mut bytes = [0; 16];
    bytes[..name.len().min(16)].copy_from_slice(&name.as_bytes()[..name.len().min(16)]);
    Uuid::from_bytes(bytes)
}

/// A core zone as `vmadm` and VMAPI tell it.
pub fn vm(uuid: Uuid, role: &str, server: Uuid, state: &str) -> Value {
    json!({
        "uuid": uuid, "alias": format!("{role}0"), "owner_uuid": ADMIN, "state": state,
        "server_uuid": server, "image_uuid": service("image"), "dns_domain": "local",
        "datasets": [format!("zones/{uuid}/data")],
        "tags": {"smartdc_role": role, "smartdc_type": "core"},
        "customer_metadata": {"secret": CANARY}, "internal_metadata": {"root_pw": CANARY},
        "nics": [{"mac": "90:b8:d0:17:2:3a", "ip": "10.99.99.21", "nic_tag": "admin",
                  "primary": true, "interface": "net0", "secret": CANARY}]
    })
}

pub fn customer(uuid: u128, server: Uuid, state: &str) -> Value {
    json!({"uuid": Uuid::from_u128(uuid), "owner_uuid": Uuid::from_u128(7), "state": state,
           "server_uuid": server, "tags": {"smartdc_role": "imgapi"}})
}

pub fn sapi_instance(uuid: Uuid, name: &str) -> Value {
    json!({"uuid": uuid, "service_uuid": service(name), "type": "vm",
           "params": {"alias": format!("{name}0")}, "metadata": {"password": CANARY}})
}

pub fn sapi(instances: Vec<Value>) -> Heard<SapiFacts> {
    let services = ["imgapi", "sapi"]
        .map(|name| json!({"uuid": service(name), "name": name, "type": "vm", "metadata": {"k": CANARY}}));
    let agent = json!({"uuid": service("vm-agent"), "name": "vm-agent", "type": "agent"});
    Heard {
        from: "sapi".to_owned(),
        at: at(10),
        what: SapiFacts {
            application: Some(APP),
            services: services.into_iter().chain([agent]).collect(),
            instances,
            zk_servers: json!([
                {"host": "10.99.99.11", "port": 2181, "num": 1},
                {"host": "10.99.99.12", "port": 2181, "num": 2, "last": true},
            ]),
        },
    }
}

pub fn vmapi(vms: Vec<Value>) -> Heard<Vec<Value>> {
    Heard {
        from: "vmapi".to_owned(),
        at: at(10),
        what: vms,
    }
}

/// One that was reserved for recovery, one that somebody else reserved, one in use.
pub fn addresses() -> Vec<Value> {
    let held = |ip: &str, by: Uuid| {
        json!({"ip": ip, "network_uuid": service("admin"), "reserved": true, "free": false,
               "belongs_to_type": "other", "belongs_to_uuid": by})
    };
    vec![
        held("10.99.99.199", holder_of_reserved(APP)),
        held("10.99.99.2", service("somebody")),
        json!({"ip": "10.99.99.7", "network_uuid": service("admin"), "reserved": false, "free": false}),
    ]
}

pub fn napi(nics: Vec<Value>) -> Heard<NapiFacts> {
    let network = |name: &str, fabric: bool| {
        json!({"uuid": service(name), "name": name, "nic_tag": name, "fabric": fabric,
               "subnet": "10.99.99.0/24", "resolvers": ["10.99.99.11"]})
    };
    Heard {
        from: "napi".to_owned(),
        at: at(10),
        what: NapiFacts {
            networks: vec![network("admin", false), network("a fabric", true)],
            nics,
            addresses: addresses(),
        },
    }
}

pub fn servers() -> Vec<Value> {
    [(HEADNODE0, "headnode0", 7), (HEADNODE1, "headnode1", 8)]
        .map(|(uuid, hostname, last)| {
            json!({
                "uuid": uuid, "hostname": hostname, "headnode": true, "setup": true,
                "status": "running", "current_platform": "20260313T002414Z",
                "sysinfo": {"UUID": uuid, "Hostname": hostname, "Network Interfaces": {
                    "e1000g0": {"NIC Names": ["admin"], "ip4addr": format!("10.99.99.{last}")},
                    "e1000g1": {"NIC Names": ["external"], "ip4addr": ""}
                }}
            })
        })
        .to_vec()
}

pub fn cnapi() -> Heard<Vec<Value>> {
    Heard {
        from: "cnapi".to_owned(),
        at: at(10),
        what: servers(),
    }
}

pub fn machine(server: Uuid, hostname: &str, zones: Option<Vec<Value>>) -> Machine {
    Machine {
        server,
        hostname: hostname.to_owned(),
        at: at(11),
        sysinfo: None,
        zones,
        bootable: None,
        firewall_rules: None,
        pool_free: None,
        images: None,
        resolvers: Some(vec!["10.99.99.11".parse().unwrap()]),
    }
}

/// Restore data of headnode0 as of a minute: its zones, and everything that the APIs said then.
pub fn kept(minute: u32, vms: Vec<Value>, instances: Vec<Value>) -> Kept {
    let from = format!("restore-data/{HEADNODE0}/g{minute}");
    let file = |part: Part, path: String, content: Value| KeptFile {
        part,
        at: at(minute),
        secret: SecretRef {
            secret: Digest::of(&content),
            from: format!("{HEADNODE0}/g{minute}/{path}"),
        },
        content,
    };
    let uuid = |value: &Value| value["uuid"].as_str().unwrap().to_owned();
    let mut files = vec![
        file(Part::Servers, "cnapi/servers.json".into(), json!(servers())),
        file(
            Part::SapiServices,
            "sapi/services.json".into(),
            json!(sapi(vec![]).what.services),
        ),
        file(
            Part::Networks,
            "napi/networks.json".into(),
            json!(napi(vec![]).what.networks),
        ),
        file(
            Part::Images,
            "images.json".into(),
            json!([{"uuid": service("image"), "name": "imgapi", "version": "master"}]),
        ),
    ];
    for vm in vms {
        let path = format!("vms/{}.json", uuid(&vm));
        files.push(file(Part::Vm, path, vm));
    }
    for instance in instances {
        let path = format!("sapi/instances/{}.json", uuid(&instance));
        files.push(file(Part::SapiInstance, path, instance));
    }
    Kept {
        server: HEADNODE0,
        hostname: "headnode0".to_owned(),
        from,
        taken_at: at(minute),
        dc: GenerationDc {
            name: "east-1".to_owned(),
            dns_domain: "triton.example".to_owned(),
            admin_owner: Some(ADMIN),
            sapi_app: Some(APP),
        },
        files,
    }
}

/// Only this headnode's own configuration is known.
pub fn facts() -> RawFacts {
    let mut raw = RawFacts::none(HEADNODE1, at(12));
    raw.config = Some(Heard {
        from: "config@headnode1".to_owned(),
        at: at(12),
        what: ConfigFacts {
            datacenter: Some("east-1".to_owned()),
            dns_domain: Some("triton.example".to_owned()),
            admin_owner: Some(ADMIN),
        },
    });
    raw.machines = vec![machine(HEADNODE1, "headnode1", Some(Vec::new()))];
    raw.answers = BTreeMap::from([(HEADNODE1, true)]);
    raw.snapshots = Some(Default::default());
    raw
}

/// Everything answers: the peaceful case.
pub fn peace() -> RawFacts {
    let mut raw = facts();
    raw.sapi = Some(sapi(vec![
        sapi_instance(IMGAPI, "imgapi"),
        sapi_instance(SAPI, "sapi"),
    ]));
    raw.vmapi = Some(vmapi(vec![
        vm(IMGAPI, "imgapi", HEADNODE0, "running"),
        vm(SAPI, "sapi", HEADNODE1, "running"),
        customer(1, HEADNODE0, "running"),
        customer(2, HEADNODE0, "stopped"),
    ]));
    raw.napi = Some(napi(vec![]));
    raw.cnapi = Some(cnapi());
    raw.machines = vec![
        machine(
            HEADNODE0,
            "headnode0",
            Some(vec![vm(IMGAPI, "imgapi", HEADNODE0, "running")]),
        ),
        machine(
            HEADNODE1,
            "headnode1",
            Some(vec![vm(SAPI, "sapi", HEADNODE1, "running")]),
        ),
    ];
    raw.answers.insert(HEADNODE0, true);
    raw.kept = vec![kept(
        9,
        vec![vm(IMGAPI, "imgapi", HEADNODE0, "running")],
        vec![sapi_instance(IMGAPI, "imgapi"), sapi_instance(SAPI, "sapi")],
    )];
    raw
}

/// Headnode0 is gone, and with it SAPI and VMAPI.
pub fn headnode0_dead() -> RawFacts {
    let mut raw = peace();
    raw.sapi = None;
    raw.vmapi = None;
    raw.machines.remove(0);
    raw.answers.insert(HEADNODE0, false);
    raw
}

pub fn warned(inventory: &Inventory, of: &str) -> bool {
    inventory
        .warnings
        .iter()
        .any(|warning| warning.contains(of))
}
