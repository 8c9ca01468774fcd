// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The datacenter that every lab begins with: three headnodes and a compute node. Its UUIDs are derived from names, so it is the
//! same every time. VMAPI, NAPI and CNAPI learn of zones, NICs and servers from the agents, as they really do.

mod boot;
mod furnish;
mod images;
mod records;
mod zones;

use std::net::Ipv4Addr;

use uuid::Uuid;

use crate::model::{Dataset, Dc, Host, HostState};

pub use boot::{compute_node_boots, headnode_boots, kept_by_network};
pub use furnish::furnish;
pub use records::zookeeper;

/// The platform that every host runs and boots.
pub const PLATFORM: &str = "20260313T002414Z";

/// Begins every secret that the world holds; none may turn up where it does not belong.
pub const CANARY: &str = "CANARY-";

/// What a headnode has its copy of its key in.
pub const USBKEY: &str = "zones/usbkey";

#[derive(Debug, Clone)]
pub struct WorldSpec {
    pub headnodes: usize,
    /// The first headnode has one instance of every service, and the others nothing but members of clusters; else the second
    /// has most of them.
    pub all_on_first: bool,
    /// Compute nodes that have a key and no customers, ready to become headnodes, instead of the one that has neither.
    pub convertible: usize,
}

impl Default for WorldSpec {
    fn default() -> Self {
        WorldSpec {
            headnodes: 3,
            all_on_first: false,
            convertible: 0,
        }
    }
}

/// A UUID that depends on the name alone.
pub fn id(name: &str) -> Uuid {
    Uuid::new_v5(
        &Uuid::NAMESPACE_DNS,
        format!("{name}.lab.triton.example").as_bytes(),
    )
}

/// Services of the first headnode, members of clusters apart: what is lost with it.
const FIRST: [&str; 4] = ["sapi", "vmapi", "cloudapi", "imgapi"];

/// Services that run on the second headnode from the start (on the only one, where there is but one).
const OTHERS: [&str; 16] = [
    "assets",
    "dhcpd",
    "napi",
    "cnapi",
    "papi",
    "workflow",
    "fwapi",
    "ufds",
    "amon",
    "amonredis",
    "mahi",
    "adminui",
    "rabbitmq",
    "sdc",
    "cns",
    "volapi",
];

/// Services that a datacenter has besides, once somebody asked for them.
const OPTIONAL: [&str; 7] = [
    "docker",
    "cmon",
    "kbmapi",
    "portolan",
    "prometheus",
    "grafana",
    "logarchiver",
];

/// One member on each headnode.
const CLUSTERS: [&str; 3] = ["binder", "manatee", "moray"];

pub fn build(spec: &WorldSpec) -> Dc {
    let mut dc = Dc {
        name: "east-1".to_owned(),
        dns_domain: "triton.example".to_owned(),
        admin_owner: id("admin"),
        sdc_app: id("application sdc"),
        ..Dc::default()
    };
    for number in 0..spec.headnodes {
        let last = 7 + u8::try_from(number).unwrap_or(0);
        add_host(
            &mut dc,
            &format!("headnode{number}"),
            Ipv4Addr::new(10, 99, 99, last),
            true,
        );
    }
    for number in 0..spec.convertible.max(1) {
        let last = 45 + u8::try_from(number).unwrap_or(0);
        let name = format!("cn{number}");
        add_host(&mut dc, &name, Ipv4Addr::new(10, 99, 99, last), false);
    }

    for (base, service) in CLUSTERS.iter().enumerate() {
        for number in 0..spec.headnodes {
            let last = member_address(base, number);
            zones::add_core(&mut dc, &format!("headnode{number}"), service, number, last);
        }
    }
    for (at, service) in FIRST.iter().enumerate() {
        zones::add_core(&mut dc, "headnode0", service, 0, 21 + at);
    }
    let others = match spec.headnodes > 1 && !spec.all_on_first {
        true => "headnode1",
        false => "headnode0",
    };
    let optional = OPTIONAL.iter().filter(|_| spec.all_on_first);
    for (at, service) in OTHERS.iter().chain(optional).enumerate() {
        zones::add_core(&mut dc, others, service, 0, 50 + at);
    }
    for number in 0..3 {
        if spec.convertible == 0 {
            zones::add_customer(&mut dc, "cn0", number);
        }
    }
    images::install(&mut dc);
    records::write(&mut dc);
    dc
}

/// One more zone of a service, which was never set up, and its image; returns its UUID.
pub fn add_instance(dc: &mut Dc, host: &str, service: &str, ordinal: usize) -> Uuid {
    let cluster = CLUSTERS.iter().position(|name| *name == service);
    let last = match cluster {
        Some(cluster) if ordinal < 3 => member_address(cluster, ordinal),
        Some(cluster) => REPLACED_MEMBER + 3 * cluster + ordinal % 3,
        None => ADDITIONAL + dc.hosts.keys().position(|name| name == host).unwrap_or(0),
    };
    zones::add_core(dc, host, service, ordinal, last);
    images::install(dc);
    let uuid = id(&format!("vm {service}{ordinal}"));
    // A person has told SAPI's service of the address that a restored SAPI has, as the restore says must be done.
    let sapi = dc.running("sapi").first().and_then(|(_, vm)| vm.admin_ip());
    let host = dc.hosts.get_mut(host);
    if let Some(vm) = host.and_then(|host| host.vms.get_mut(&uuid)) {
        vm.ran_user_script = false;
        if let (Some(ip), "binder") = (sapi, service) {
            vm.props["customer_metadata"]["sapi-url"] = serde_json::json!(format!("http://{ip}"));
        }
    }
    uuid
}

/// Last part of the first admin address of instances that come later, and of members that take the place of lost ones.
const ADDITIONAL: usize = 80;
const REPLACED_MEMBER: usize = 90;

/// Last part of the admin address of a cluster's member.
fn member_address(cluster: usize, number: usize) -> usize {
    11 + 3 * cluster + number
}

fn add_host(dc: &mut Dc, name: &str, admin_ip: Ipv4Addr, headnode: bool) {
    let mut host = Host {
        name: name.to_owned(),
        uuid: id(name),
        admin_ip,
        headnode,
        state: HostState::Up,
        booted: 1_771_001_000,
        vms: Default::default(),
        datasets: Default::default(),
        images: Default::default(),
        nic_tags: vec!["admin".to_owned(), "external".to_owned()],
        pool_size: 1 << 40,
    };
    for dataset in ["zones", "zones/var", "zones/opt"] {
        add_dataset(&mut host, dataset, &[]);
    }
    if headnode {
        add_dataset(&mut host, USBKEY, &[]);
    }
    dc.hosts.insert(name.to_owned(), host);
}

/// A dataset of the world; its GUID and its folder follow from host and name.
pub fn add_dataset(host: &mut Host, name: &str, properties: &[(&str, &str)]) {
    let number = id(&format!("{} {name}", host.name)).as_u128();
    let dataset = Dataset {
        guid: (number as u64) >> 1,
        creation: 1_771_001_539,
        properties: properties
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
        store: format!("w{number:032x}"),
        ..Dataset::default()
    };
    host.datasets.insert(name.to_owned(), dataset);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_is_the_same_every_time() {
        let (one, two) = (build(&WorldSpec::default()), build(&WorldSpec::default()));
        assert_eq!(format!("{:?}", one.hosts), format!("{:?}", two.hosts));
    }

    #[test]
    fn no_address_has_two_owners() {
        let dc = build(&WorldSpec::default());
        let mut addresses: Vec<Ipv4Addr> = dc.hosts.values().map(|host| host.admin_ip).collect();
        addresses.extend(
            dc.hosts
                .values()
                .flat_map(|h| h.vms.values())
                .filter_map(|vm| vm.admin_ip()),
        );
        let count = addresses.len();
        addresses.sort();
        addresses.dedup();
        assert_eq!(addresses.len(), count);
    }
}
