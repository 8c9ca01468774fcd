// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The consistency checker: do SAPI, VMAPI, NAPI, CNAPI, DNS and the machines agree? It asks the services over the network as
//! anybody would, compares with the state model, and shares no code with the product.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use crate::dns;
use crate::http;
use crate::lab::Lab;
use crate::model::HostState;
use crate::servers::addresses;

/// Services whose instances go on when their headnode comes back, beside those that lived on: their records on a dead server are no
/// lie, until the server is given up for good.
const CLUSTERS: [&str; 4] = ["binder", "dhcpd", "manatee", "moray"];

/// A zone as the machine itself has it.
struct Zone {
    host: String,
    server: Uuid,
    host_is_up: bool,
    alias: String,
    role: String,
    state: String,
    admin_ip: Option<Ipv4Addr>,
    /// Whom it asks for names.
    resolvers: Vec<Ipv4Addr>,
    /// MAC and address of each NIC.
    nics: Vec<(String, String)>,
}

/// The machines' own truth, taken in one moment.
struct Machines {
    core: BTreeMap<Uuid, Zone>,
    hosts: BTreeMap<Uuid, (String, bool)>,
    registered: BTreeMap<String, BTreeSet<Ipv4Addr>>,
    binders: Vec<Ipv4Addr>,
    domain: String,
    given_up: Vec<String>,
}

/// Every disagreement, as a sentence. Empty is good. Of hosts that are given up no member of a cluster may be left either.
pub fn check(lab: &Arc<Lab>, given_up: &[String]) -> Vec<String> {
    let machines = machines(lab, given_up);
    let mut found = Vec::new();
    let vms = ask(&machines, "vmapi", "/vms?limit=1000", &mut found);
    let instances = ask(&machines, "sapi", "/instances", &mut found);
    let nics = ask(&machines, "napi", "/nics?limit=1000", &mut found);
    let servers = ask(&machines, "cnapi", "/servers", &mut found);
    // What did not answer was said so above; comparing with nothing would drown that.
    if let Some(vms) = &vms {
        compare_vmapi(&machines, vms, &mut found);
    }
    if let Some(instances) = &instances {
        compare_sapi(&machines, instances, &mut found);
    }
    if let Some(nics) = &nics {
        compare_napi(&machines, nics, &mut found);
    }
    if let Some(servers) = &servers {
        compare_cnapi(&machines, servers, &mut found);
    }
    compare_dns(&machines, &mut found);
    compare_resolvers(&machines, &mut found);
    compare_links(lab, &machines, &mut found);
    found
}

fn machines(lab: &Lab, given_up: &[String]) -> Machines {
    let dc = lab.dc();
    let mut core = BTreeMap::new();
    for host in dc.hosts.values() {
        for vm in host.vms.values() {
            let Some(role) = vm.role() else { continue };
            // Nobody's records need to have what the agents do not report.
            if vm.props.get("do_not_inventory") == Some(&Value::Bool(true)) {
                continue;
            }
            let nics = vm
                .props
                .get("nics")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            let text = |nic: &Value, key: &str| nic[key].as_str().unwrap_or_default().to_owned();
            core.insert(
                vm.uuid,
                Zone {
                    host: host.name.clone(),
                    server: host.uuid,
                    host_is_up: host.state == HostState::Up,
                    alias: vm.alias().to_owned(),
                    role: role.to_owned(),
                    state: vm.state.clone(),
                    admin_ip: vm.admin_ip(),
                    resolvers: addresses(vm.props.get("resolvers")),
                    nics: nics
                        .iter()
                        .map(|nic| (text(nic, "mac"), text(nic, "ip")))
                        .collect(),
                },
            );
        }
    }
    let mut registered: BTreeMap<String, BTreeSet<Ipv4Addr>> = BTreeMap::new();
    for registration in dc.registrations.iter().filter(|r| r.expires.is_none()) {
        registered
            .entry(registration.name.clone())
            .or_default()
            .insert(registration.address);
    }
    let up = |state| state == HostState::Up;
    Machines {
        core,
        hosts: dc
            .hosts
            .values()
            .map(|h| (h.uuid, (h.name.clone(), up(h.state))))
            .collect(),
        registered,
        binders: dc
            .running("binder")
            .iter()
            .filter_map(|(_, vm)| vm.admin_ip())
            .collect(),
        domain: format!("{}.{}", dc.name, dc.dns_domain),
        given_up: given_up.to_vec(),
    }
}

fn ask(
    machines: &Machines,
    service: &str,
    path: &str,
    found: &mut Vec<String>,
) -> Option<Vec<Value>> {
    let name = format!("{service}.{}", machines.domain);
    let Some(address) = dns::lookup(&machines.binders, &name).and_then(|all| all.first().copied())
    else {
        found.push(format!("{name} does not resolve"));
        return None;
    };
    match http::get(SocketAddr::from((address, 80)), &name, path) {
        Ok((200, body)) => match serde_json::from_slice(&body) {
            Ok(Value::Array(items)) => Some(items),
            _ => {
                found.push(format!("{service}: GET {path} is no JSON array"));
                None
            }
        },
        Ok((status, _)) => {
            found.push(format!("{service}: GET {path} answers {status}"));
            None
        }
        Err(error) => {
            found.push(format!("{service} at {address} does not answer: {error}"));
            None
        }
    }
}

impl Machines {
    /// Core zones that run on live hosts.
    fn live(&self) -> impl Iterator<Item = (&Uuid, &Zone)> {
        self.core.iter().filter(|(_, zone)| zone.host_is_up)
    }

    /// True for a record of a cluster member that went down with its host.
    fn down_member(&self, vm: Uuid) -> bool {
        self.is_down_member(vm)
            && self
                .core
                .get(&vm)
                .is_some_and(|zone| !self.given_up.contains(&zone.host))
    }

    /// Its addresses stay its own, given up or not: nobody else may be given them while it may come back.
    fn is_down_member(&self, vm: Uuid) -> bool {
        self.core
            .get(&vm)
            .is_some_and(|zone| !zone.host_is_up && CLUSTERS.contains(&zone.role.as_str()))
    }

    fn name(&self, vm: Uuid) -> String {
        match self.core.get(&vm) {
            Some(zone) => format!("{} ({vm}, {})", zone.alias, zone.host),
            None => vm.to_string(),
        }
    }
}

fn uuid_in(value: &Value, key: &str) -> Option<Uuid> {
    value[key].as_str().and_then(|text| text.parse().ok())
}

fn compare_vmapi(machines: &Machines, vms: &[Value], found: &mut Vec<String>) {
    let listed: BTreeMap<Uuid, &Value> = vms
        .iter()
        .filter_map(|vm| Some((uuid_in(vm, "uuid")?, vm)))
        .collect();
    for (uuid, zone) in machines.live() {
        let name = machines.name(*uuid);
        let Some(vm) = listed.get(uuid) else {
            found.push(format!("VMAPI does not know {name}"));
            continue;
        };
        if vm["state"] != zone.state.as_str() {
            found.push(format!(
                "VMAPI says {name} is {}, the machine says {}",
                vm["state"], zone.state
            ));
        }
        if uuid_in(vm, "server_uuid") != Some(zone.server) {
            found.push(format!("VMAPI has {name} on server {}", vm["server_uuid"]));
        }
        if vm["alias"] != zone.alias.as_str() {
            found.push(format!("VMAPI calls {name} {}", vm["alias"]));
        }
    }
    for (uuid, vm) in &listed {
        let core = vm["tags"]["smartdc_role"].is_string();
        let active = vm["state"] != "destroyed" && vm["state"] != "failed";
        let lives = machines.core.get(uuid).is_some_and(|zone| zone.host_is_up);
        if core && active && !lives && !machines.down_member(*uuid) {
            found.push(format!(
                "VMAPI lists {} as {}, no live machine has it",
                machines.name(*uuid),
                vm["state"]
            ));
        }
    }
}

fn compare_sapi(machines: &Machines, instances: &[Value], found: &mut Vec<String>) {
    let listed: BTreeMap<Uuid, &Value> = instances
        .iter()
        .filter_map(|i| Some((uuid_in(i, "uuid")?, i)))
        .collect();
    // `assets` has no SAPI service at all (TOOLS-695).
    for (uuid, zone) in machines.live().filter(|(_, zone)| zone.role != "assets") {
        let name = machines.name(*uuid);
        let Some(instance) = listed.get(uuid) else {
            found.push(format!("SAPI has no instance {name}"));
            continue;
        };
        let params = &instance["params"];
        if params["alias"].is_string() && params["alias"] != zone.alias.as_str() {
            found.push(format!("SAPI calls {name} {}", params["alias"]));
        }
        if let Some(server) = uuid_in(params, "server_uuid")
            && server != zone.server
        {
            found.push(format!("SAPI has {name} on server {server}"));
        }
    }
    for uuid in listed.keys() {
        let lives = machines.core.get(uuid).is_some_and(|zone| zone.host_is_up);
        if !lives && !machines.down_member(*uuid) {
            found.push(format!(
                "SAPI has the instance {}, no live machine has it",
                machines.name(*uuid)
            ));
        }
    }
}

fn compare_napi(machines: &Machines, nics: &[Value], found: &mut Vec<String>) {
    let mut owners: BTreeMap<&str, Vec<Uuid>> = BTreeMap::new();
    let mut listed: BTreeSet<(String, String, Uuid)> = BTreeSet::new();
    for nic in nics.iter().filter(|nic| nic["belongs_to_type"] == "zone") {
        let (Some(owner), Some(ip)) = (uuid_in(nic, "belongs_to_uuid"), nic["ip"].as_str()) else {
            continue;
        };
        owners.entry(ip).or_default().push(owner);
        let mac = nic["mac"].as_str().unwrap_or_default();
        listed.insert((mac.to_owned(), ip.to_owned(), owner));
        let Some(zone) = machines.core.get(&owner) else {
            continue;
        };
        if !zone.host_is_up && !machines.is_down_member(owner) {
            found.push(format!(
                "NAPI keeps {ip} for {}, which is lost",
                machines.name(owner)
            ));
        }
    }
    for (ip, owners) in owners.iter().filter(|(_, owners)| owners.len() > 1) {
        let names: Vec<String> = owners.iter().map(|owner| machines.name(*owner)).collect();
        found.push(format!("NAPI gives {ip} to {}", names.join(" and ")));
    }
    for (uuid, zone) in machines.live() {
        for (mac, ip) in &zone.nics {
            if !listed.contains(&(mac.clone(), ip.clone(), *uuid)) {
                found.push(format!(
                    "NAPI does not have NIC {mac} {ip} of {}",
                    machines.name(*uuid)
                ));
            }
        }
    }
}

fn compare_cnapi(machines: &Machines, servers: &[Value], found: &mut Vec<String>) {
    for (uuid, (name, up)) in &machines.hosts {
        let status = servers
            .iter()
            .find(|server| uuid_in(server, "uuid") == Some(*uuid));
        match status.map(|server| server["status"] == "running") {
            None => found.push(format!("CNAPI does not know {name}")),
            Some(running) if running != *up => found.push(format!(
                "CNAPI says {name} is {}, but it is {}",
                if running { "running" } else { "not running" },
                if *up { "up" } else { "down" }
            )),
            Some(_) => {}
        }
    }
}

fn compare_dns(machines: &Machines, found: &mut Vec<String>) {
    for (name, addresses) in &machines.registered {
        let told: BTreeSet<Ipv4Addr> = dns::lookup(&machines.binders, name)
            .unwrap_or_default()
            .into_iter()
            .collect();
        if told != *addresses {
            found.push(format!(
                "DNS says {name} is {told:?}, registered are {addresses:?}"
            ));
        }
        let owned = |address| {
            machines
                .live()
                .any(|(_, zone)| zone.admin_ip == Some(address))
        };
        for address in told.into_iter().filter(|address| !owned(*address)) {
            found.push(format!(
                "DNS says {name} is {address}, which no live zone has"
            ));
        }
    }
}

/// A zone that asks a binder that is given up waits for it at every name.
fn compare_resolvers(machines: &Machines, found: &mut Vec<String>) {
    let given_up = machines.core.values().filter(|zone| {
        zone.role == "binder" && !zone.host_is_up && machines.given_up.contains(&zone.host)
    });
    let gone: BTreeSet<Ipv4Addr> = given_up.filter_map(|zone| zone.admin_ip).collect();
    for (uuid, zone) in machines.live() {
        for address in zone.resolvers.iter().filter(|one| gone.contains(one)) {
            let name = machines.name(*uuid);
            found.push(format!(
                "{name} asks the binder {address}, which is given up"
            ));
        }
    }
}

/// Where a global zone has the operators' tools, they are those of its own sdc zone.
fn compare_links(lab: &Lab, machines: &Machines, found: &mut Vec<String>) {
    for (uuid, zone) in machines.live().filter(|(_, zone)| zone.role == "sdc") {
        let link = lab.host_path(&zone.host, "/opt/smartdc/sdc");
        let to = fs::read_link(&link).unwrap_or_default();
        if to != Path::new(&format!("/zones/{uuid}/root/opt/smartdc/sdc")) {
            found.push(format!(
                "/opt/smartdc/sdc of {} leads to \"{}\", and its sdc zone is {uuid}",
                zone.host,
                to.display()
            ));
        }
    }
}
