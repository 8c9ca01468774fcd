// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The agents of every live host. All that VMAPI, NAPI and CNAPI know of machines comes from here, by HTTP to whatever
//! address the name resolved to: what agents can't resolve or reach, the APIs never learn.

mod cn_agent;
mod net_agent;
#[cfg(test)]
mod tests;
mod vm_agent;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Weak};
use std::thread;

use serde_json::Value;
use uuid::Uuid;

use crate::lab::Lab;
use crate::model::{HostState, Vm};
use crate::{dns, http};

/// Starts the agents of every host. They end with the lab.
pub fn start(lab: &Arc<Lab>) {
    let hosts: Vec<String> = lab.dc().hosts.keys().cloned().collect();
    for host in hosts {
        let (lab, name) = (Arc::downgrade(lab), format!("agents {host}"));
        // Without agents the host stays unknown, which a check of the lab sees.
        let _ = thread::Builder::new()
            .name(name)
            .spawn(move || live(&lab, &host));
    }
}

fn live(lab: &Weak<Lab>, host: &str) {
    let mut agents = Agents::default();
    loop {
        let pause = match lab.upgrade() {
            Some(lab) => {
                agents.report(&lab, host);
                lab.timings.scaled(lab.timings.agent_period)
            }
            None => return,
        };
        thread::sleep(pause);
    }
}

/// The agents of one host: what each of them last told its service.
#[derive(Default)]
struct Agents {
    cn: cn_agent::CnAgent,
    vm: vm_agent::VmAgent,
    net: net_agent::NetAgent,
}

impl Agents {
    fn report(&mut self, lab: &Arc<Lab>, host: &str) {
        let Some(seen) = Seen::on(lab, host) else {
            // Powered off: what comes up again starts from nothing.
            *self = Agents::default();
            return;
        };
        let resolvers = resolvers(lab, host);
        if let Some(cnapi) = Peer::find(lab, &resolvers, "cnapi") {
            self.cn.report(lab, &seen, &cnapi);
        }
        match Peer::find(lab, &resolvers, "vmapi") {
            Some(vmapi) => self.vm.report(&seen, &vmapi),
            None => self.vm.lost(),
        }
        match Peer::find(lab, &resolvers, "napi") {
            Some(napi) => self.net.report(&seen, &napi),
            None => self.net.lost(),
        }
    }
}

/// What agents see of their host.
struct Seen {
    host: String,
    server: Uuid,
    vms: Vec<Vm>,
}

impl Seen {
    fn on(lab: &Lab, host: &str) -> Option<Seen> {
        let dc = lab.dc();
        let found = dc
            .hosts
            .get(host)
            .filter(|host| host.state == HostState::Up)?;
        let vms = found.vms.values().cloned().collect();
        Some(Seen {
            host: host.to_owned(),
            server: found.uuid,
            vms,
        })
    }

    /// VMs that agents report: a parked zone may ask to be left out.
    fn reported(&self) -> impl Iterator<Item = &Vm> {
        self.vms
            .iter()
            .filter(|vm| vm.props.get("do_not_inventory") != Some(&Value::Bool(true)))
    }

    fn has(&self, uuid: &str) -> bool {
        self.vms.iter().any(|vm| vm.uuid.to_string() == uuid)
    }
}

/// A service that was found by its name.
struct Peer {
    name: String,
    address: SocketAddr,
}

impl Peer {
    fn find(lab: &Lab, resolvers: &[Ipv4Addr], service: &str) -> Option<Peer> {
        let name = lab.dc().name_of(service);
        let address = *dns::lookup(resolvers, &name)?.first()?;
        Some(Peer {
            name,
            address: SocketAddr::new(IpAddr::V4(address), 80),
        })
    }

    /// One request; `None` when there was no answer.
    fn call(
        &self,
        agent: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Option<(u16, Value)> {
        let (status, bytes) =
            http::send(self.address, &self.name, method, path, body, agent).ok()?;
        Some((
            status,
            serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        ))
    }

    /// True when the request was answered with a success.
    fn tell(&self, agent: &str, method: &str, path: &str, body: &Value) -> bool {
        self.call(agent, method, path, Some(body))
            .is_some_and(|(status, _)| status < 300)
    }
}

/// The global zone's own resolvers, as they stand now.
pub fn resolvers(lab: &Lab, host: &str) -> Vec<Ipv4Addr> {
    let text = fs::read_to_string(lab.host_path(host, "/etc/resolv.conf")).unwrap_or_default();
    let lines = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver"));
    lines
        .filter_map(|address| address.trim().parse().ok())
        .collect()
}
