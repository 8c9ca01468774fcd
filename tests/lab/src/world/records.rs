// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What moray holds from the start: SAPI's objects as headnode.sh and sdc-init.js leave them, networks, images, packages.

use serde_json::{Value, json};

use super::{CANARY, id, images, zones};
use crate::model::Dc;

/// Any moment will do, as long as it is the same every time.
const NOW: u64 = 1_771_001_539_000;

/// Every service makes its buckets when it first starts, so they are there though nothing is in them.
const BUCKETS: [&str; 11] = [
    "cnapi_servers",
    "imgapi_images",
    "napi_ips",
    "napi_networks",
    "napi_nics",
    "papi_packages",
    "sapi_applications",
    "sapi_instances",
    "sapi_manifests",
    "sapi_services",
    "vmapi_vms",
];

pub fn write(dc: &mut Dc) {
    for bucket in BUCKETS {
        dc.moray.buckets.entry(bucket.to_owned()).or_default();
    }
    for (bucket, value) in application(dc)
        .into_iter()
        .chain(networks(dc))
        .chain(catalogue(dc))
    {
        let key = value["uuid"].as_str().unwrap_or_default().to_owned();
        dc.moray.put(bucket, &key, value, NOW);
    }
}

type Record = (&'static str, Value);

fn application(dc: &Dc) -> Vec<Record> {
    let mut services = images::names(dc);
    // `assets` has no SAPI service (TOOLS-695).
    services.retain(|name| name != "base" && name != "assets");
    let mut metadata = json!({
        "datacenter_name": dc.name,
        "dns_domain": dc.dns_domain,
        "ufds_admin_uuid": dc.admin_owner,
        "ufds_admin_pw": format!("{CANARY}ufds-admin-pw"),
        "ufds_ldap_root_pw": format!("{CANARY}ufds-ldap-root-pw"),
        "SDC_PRIVATE_KEY": format!("{CANARY}sdc-private-key"),
        "assets_admin_ip": "10.99.99.50",
        "ZK_SERVERS": zookeeper(dc),
        "manatee_shard": "sdc",
    });
    for service in &services {
        let key = format!("{}_SERVICE", service.to_uppercase());
        metadata[key] = json!(dc.name_of(service));
    }
    let mut records = vec![(
        "sapi_applications",
        json!({
            "uuid": dc.sdc_app,
            "name": "sdc",
            "owner_uuid": dc.admin_owner,
            "params": {"brand": "joyent-minimal", "zfs_storage_pool_name": "zones", "dns_domain": dc.dns_domain},
            "metadata": metadata,
            "manifests": {},
        }),
    )];
    for service in &services {
        records.push((
            "sapi_services",
            json!({
                "uuid": id(&format!("service {service}")),
                "name": service,
                "application_uuid": dc.sdc_app,
                "params": {"package_name": "sdc_1024", "image_uuid": id(&format!("image {service}")),
                           "networks": [{"name": "admin"}],
                           "tags": {"smartdc_role": service, "smartdc_type": "core"}},
                "metadata": {"SERVICE_NAME": service, "SERVICE_DOMAIN": dc.name_of(service),
                             "service_secret": format!("{CANARY}service-{service}")},
                "manifests": {},
                "type": "vm",
            }),
        ));
    }
    records.extend(instances(dc));
    records
}

/// The members of the ensemble, as SAPI's application names them.
pub fn zookeeper(dc: &Dc) -> Value {
    let hosts = zones::binders(dc);
    let last = hosts.len();
    let members = hosts.iter().zip(1..).map(|(host, num)| {
        let mut member = json!({"host": host, "port": 2181, "num": num});
        if num == last {
            member["last"] = json!(true);
        }
        member
    });
    members.collect()
}

/// As headnode.sh makes them: an alias, and no server_uuid on the first ones.
fn instances(dc: &Dc) -> Vec<Record> {
    let mut records = Vec::new();
    for host in dc.hosts.values() {
        for vm in host.vms.values() {
            let Some(role) = vm.role().filter(|role| *role != "assets") else {
                continue;
            };
            let mut params = json!({"alias": vm.alias()});
            if !vm.alias().ends_with('0') {
                params["server_uuid"] = json!(host.uuid);
            }
            let record = json!({
                "uuid": vm.uuid,
                "service_uuid": id(&format!("service {role}")),
                "params": params,
                "metadata": {"instance_secret": format!("{CANARY}instance-{}", vm.alias())},
                "manifests": {},
                "type": "vm",
            });
            records.push(("sapi_instances", record));
        }
    }
    records
}

fn networks(dc: &Dc) -> Vec<Record> {
    let network = |name: &str, prefix: &str, gateway: bool| {
        let mut network = json!({
            "uuid": id(&format!("network {name}")),
            "name": name,
            "family": "ipv4",
            "nic_tag": name,
            "vlan_id": 0,
            "subnet": format!("{prefix}.0/24"),
            "netmask": "255.255.255.0",
            "provision_start_ip": format!("{prefix}.100"),
            "provision_end_ip": format!("{prefix}.199"),
            "mtu": 1500,
            "resolvers": if gateway { json!([]) } else { json!(zones::binders(dc)) },
            "owner_uuids": [dc.admin_owner],
        });
        if gateway {
            network["gateway"] = json!(format!("{prefix}.2"));
            network["owner_uuids"] = json!([]);
        }
        ("napi_networks", network)
    };
    vec![
        network("admin", "10.99.99", false),
        network("external", "10.88.88", true),
    ]
}

fn catalogue(dc: &Dc) -> Vec<Record> {
    let mut records: Vec<Record> = images::names(dc)
        .iter()
        .map(|name| {
            let mut image = images::manifest(name, dc.admin_owner);
            image["files"][0]["stor"] = json!("local");
            ("imgapi_images", image)
        })
        .collect();
    let package = json!({
        "uuid": id("package sdc_1024"), "name": "sdc_1024", "version": "1.0.0", "active": true, "max_lwps": 1000,
        "max_physical_memory": 1024, "max_swap": 2048, "quota": 25600, "zfs_io_priority": 10, "v": 1,
    });
    records.push(("papi_packages", package));
    records
}
