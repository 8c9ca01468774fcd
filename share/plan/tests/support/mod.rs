// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A datacenter to plan for: three headnodes, the first of which is lost.

// No test uses all of it.
#![allow(dead_code)]

use std::collections::BTreeSet;
use std::net::IpAddr;

use contract::{InProcess, ServicePlugin};
use documents::inventory::{
    Datacenter, Image, Instance, Inventory, KIND, Learnt, Network, Nic, OtherVms, ReservedAddress,
    RestorePoint, Server, Service,
};
use documents::{Digest, SecretRef, Timestamp, Uuid};
use plan::{Catalogue, RestoreOptions};

pub const LOST: Uuid = Uuid::from_u128(0x44454c4c_4700_1051_8031_b4c04f334730);
pub const TARGET: Uuid = Uuid::from_u128(0x44454c4c_4700_1051_8031_b4c04f334731);
pub const THIRD: Uuid = Uuid::from_u128(0x44454c4c_4700_1051_8031_b4c04f334732);
const ADMIN: Uuid = Uuid::from_u128(0x8c2f6a0e);
const EXTERNAL: Uuid = Uuid::from_u128(0xd1a7c3b5);

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn learnt() -> Learnt {
    Learnt::new("restore-data/x/y", at("2026-11-23T05:09:00Z"))
}

pub fn uuid(name: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_DNS, name.as_bytes())
}

// Not every test needs it.
#[allow(dead_code)]
pub fn server(uuid: Uuid, hostname: &str, address: &str, lives: bool) -> Server {
    Server {
        uuid,
        hostname: hostname.to_owned(),
        admin_ip: Some(address.parse::<IpAddr>().unwrap()),
        headnode: true,
        setup: true,
        status: Some(if lives { "running" } else { "unknown" }.to_owned()),
        answers: Some(lives),
        platform: None,
        boot_platform: None,
        bootable: None,
        room: None,
        firewall_rules: None,
        nic_tags: Some(vec!["admin".to_owned(), "external".to_owned()]),
        resolvers: None,
        learnt: learnt(),
    }
}

pub fn instance(service: &str, ordinal: u32, on: Uuid) -> Instance {
    let alias = format!("{service}{ordinal}");
    let number = uuid(&alias).as_u128() as u8;
    let secret = |what: &str| {
        Some(SecretRef {
            secret: Digest::of_bytes(what.as_bytes()),
            from: format!("{on}/20261123T050900Z/{what}/{}.json", uuid(&alias)),
        })
    };
    Instance {
        uuid: uuid(&alias),
        service: service.to_owned(),
        alias: Some(alias.clone()),
        server: Some(on),
        image: Some(uuid(&format!("image {service}"))),
        memory: Some(1024),
        firewall: service == "imgapi",
        state: Some("running".to_owned()),
        nics: vec![Nic {
            mac: format!("90:b8:d0:00:00:{number:02x}"),
            ip: Some(format!("10.99.99.{number}").parse().unwrap()),
            nic_tag: "admin".to_owned(),
            network: Some(ADMIN),
            primary: true,
            interface: Some("net0".to_owned()),
            properties: Default::default(),
        }],
        delegate_dataset: matches!(
            service,
            "imgapi" | "sapi" | "cloudapi" | "binder" | "manatee"
        ),
        dns_domain: None,
        payload: secret("vms"),
        sapi_record: secret("sapi/instances"),
        in_sapi: None,
        in_vmapi: None,
        learnt: vec![learnt()],
    }
}

fn restore_point(of: &Instance) -> RestorePoint {
    RestorePoint {
        server: LOST,
        vm: of.uuid,
        dataset: format!("zones/triton-restore/{LOST}/{}", of.uuid),
        snapshot: "triton-sync-44454c4c-20261123T050900Z".to_owned(),
        guid: "10523049582745829".to_owned(),
        as_of: at("2026-11-23T05:09:00Z"),
        bytes: 1 << 20,
        learnt: learnt(),
    }
}

/// Headnode0 had sapi, vmapi, cloudapi and imgapi, and one member of each cluster.
pub fn inventory() -> Inventory {
    let mut instances = Vec::new();
    for (ordinal, on) in [(0, LOST), (1, TARGET), (2, THIRD)] {
        for service in ["binder", "manatee", "moray"] {
            instances.push(instance(service, ordinal, on));
        }
    }
    let lost = ["sapi", "vmapi", "cloudapi", "imgapi"].map(|s| instance(s, 0, LOST));
    let points = lost
        .iter()
        .filter(|i| i.delegate_dataset)
        .map(restore_point)
        .collect();
    instances.extend(lost);
    for service in ["cnapi", "napi", "papi", "workflow"] {
        instances.push(instance(service, 0, TARGET));
    }
    let network = |uuid, name: &str, subnet: &str| Network {
        uuid,
        name: name.to_owned(),
        nic_tag: name.to_owned(),
        subnet: subnet.to_owned(),
        netmask: Some("255.255.255.0".parse().unwrap()),
        vlan_id: 0,
        gateway: None,
        mtu: Some(1500),
        resolvers: Vec::new(),
        learnt: learnt(),
    };
    Inventory {
        kind: KIND.to_owned(),
        taken_at: at("2026-11-23T05:10:00Z"),
        taken_on: TARGET,
        dc: Datacenter {
            name: "east-1".to_owned(),
            dns_domain: "triton.example".to_owned(),
            admin_owner: Some(uuid("admin")),
            sapi_app: Some(uuid("sdc")),
            learnt: learnt(),
        },
        sources: Vec::new(),
        servers: vec![
            server(LOST, "headnode0", "10.99.99.7", false),
            server(TARGET, "headnode1", "10.99.99.8", true),
            server(THIRD, "headnode2", "10.99.99.9", true),
        ],
        services: [
            "sapi", "vmapi", "cloudapi", "imgapi", "binder", "moray", "manatee", "napi", "dhcpd",
        ]
        .map(|name| Service {
            uuid: uuid(&format!("service {name}")),
            name: name.to_owned(),
            learnt: learnt(),
        })
        .to_vec(),
        images: ["sapi", "vmapi", "cloudapi", "imgapi"]
            .map(|name| Image {
                uuid: uuid(&format!("image {name}")),
                name: name.to_owned(),
                version: "1".to_owned(),
                origin: None,
                min_platform: None,
                server: TARGET,
                learnt: learnt(),
            })
            .to_vec(),
        instances,
        other_vms: vec![OtherVms {
            server: LOST,
            count: 2,
            running: 2,
            learnt: learnt(),
        }],
        networks: vec![
            network(ADMIN, "admin", "10.99.99.0/24"),
            network(EXTERNAL, "external", "10.88.88.0/24"),
        ],
        restore_points: points,
        reserved: Vec::new(),
        zk_servers: Vec::new(),
        fences: Vec::new(),
        warnings: Vec::new(),
        rest: Default::default(),
    }
}

// Not every test needs it.
#[allow(dead_code)]
/// The same, with NAPI lost too, and so many addresses reserved on the admin network.
pub fn without_napi(reserved: u8) -> Inventory {
    let mut inventory = inventory();
    let napi = inventory
        .instances
        .iter_mut()
        .find(|one| one.service == "napi");
    napi.unwrap().server = Some(LOST);
    inventory.images.push(Image {
        uuid: uuid("image napi"),
        ..inventory.images[0].clone()
    });
    inventory.reserved = (0..reserved)
        .map(|number| ReservedAddress {
            network: ADMIN,
            ip: format!("10.99.99.{}", 199 - number).parse().unwrap(),
            learnt: learnt(),
        })
        .collect();
    inventory
}

/// The catalogue that is installed.
pub fn catalogue() -> Catalogue {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../services");
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.display().to_string(), std::fs::read(&path).unwrap())
        })
        .filter(|(name, _)| name.ends_with(".json"))
        .collect();
    Catalogue::from_files(files).unwrap()
}

pub fn plugins() -> InProcess {
    let plugins: [Box<dyn ServicePlugin>; 3] = [
        Box::new(dhcpd::Dhcpd),
        Box::new(imgapi::Imgapi),
        Box::new(sapi::Sapi),
    ];
    InProcess::new(plugins.into())
}

pub fn options() -> RestoreOptions {
    RestoreOptions {
        lost: vec!["headnode0".to_owned()],
        local: false,
        on: None,
        services: Vec::new(),
        except: Vec::new(),
        max_age: 900,
        reuse_addresses: false,
        power_off: None,
        accept: BTreeSet::new(),
        made_by: "test".to_owned(),
    }
}
