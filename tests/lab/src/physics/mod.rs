// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The physics of zones: what a boot takes, when a name resolves, what becomes of everything when a host dies.

mod boot;
pub mod mount;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::commands::zfs;
use crate::lab::Lab;
use crate::model::{HostState, Registration, Vm};
use crate::servers;

/// Roles that no registrar puts into DNS under their own name: assets has none, manatee registers a host that is never part of
/// a service's answer.
const UNREGISTERED: [&str; 2] = ["assets", "manatee"];

/// Services that have one zone on each headnode.
const SEVERAL: [&str; 2] = ["binder", "moray"];

/// Starts a zone, as `vmadm start` does, and returns at once. The error is what zoneadm says of a zone that can't boot.
pub fn boot(lab: &Arc<Lab>, host: &str, vm: Uuid) -> Result<(), String> {
    let generation = {
        let mut dc = lab.dc();
        let Some(at) = dc.hosts.get_mut(host) else {
            return Err(format!("zoneadm: {vm}: No such zone configured"));
        };
        let Some(zone) = at.vms.get_mut(&vm) else {
            return Err(format!("zoneadm: {vm}: No such zone configured"));
        };
        let delegated = zone.props.get("datasets").and_then(Value::as_array);
        for dataset in delegated.into_iter().flatten().filter_map(Value::as_str) {
            if !at.datasets.contains_key(dataset) {
                return Err(format!(
                    "could not verify zfs dataset {dataset}: dataset does not exist\nzoneadm: zone {vm} failed to verify"
                ));
            }
        }
        zone.state = "running".to_owned();
        zone.props.insert("autoboot".to_owned(), json!(true));
        zone.boot += 1;
        zone.boot
    };
    mount::mount(lab, host, vm);
    boot::begin(lab, host, vm, generation);
    Ok(())
}

/// Halts a zone in good order: its port closes, its dataset is unmounted, its session runs out.
pub fn halt(lab: &Arc<Lab>, host: &str, vm: Uuid) {
    {
        let mut dc = lab.dc();
        let found = dc
            .hosts
            .get_mut(host)
            .and_then(|host| host.vms.get_mut(&vm));
        let Some(zone) = found else { return };
        zone.state = "stopped".to_owned();
        // vmadm(8): a VM that was stopped stays so when its server boots.
        zone.props.insert("autoboot".to_owned(), json!(false));
        zone.boot += 1;
    }
    mount::unmount(lab, host, vm);
    servers::close(lab, vm);
    lose_sessions(lab, &[vm]);
}

/// The power of a host is gone: nothing of it answers, and its sessions run out.
pub fn host_died(lab: &Arc<Lab>, host: &str) {
    let (server, zones) = {
        let mut dc = lab.dc();
        let Some(host) = dc.hosts.get_mut(host) else {
            return;
        };
        host.state = HostState::Down;
        host.vms.values_mut().for_each(|vm| vm.boot += 1);
        let zones: Vec<Uuid> = host.vms.keys().copied().collect();
        (host.uuid, zones)
    };
    servers::silence(lab, server);
    for zone in &zones {
        servers::silence(lab, *zone);
    }
    lose_sessions(lab, &zones);
}

/// The host has power again, and answers by ssh; its zones are down.
pub fn host_up(lab: &Arc<Lab>, host: &str) {
    let (server, address, zones) = {
        let mut dc = lab.dc();
        let Some(host) = dc.hosts.get_mut(host) else {
            return;
        };
        for vm in host.vms.values_mut() {
            vm.state = "stopped".to_owned();
        }
        let zones: Vec<Uuid> = host.vms.keys().copied().collect();
        (host.uuid, host.admin_ip, zones)
    };
    for zone in &zones {
        servers::close(lab, *zone);
    }
    servers::close(lab, server);
    if let Err(error) = servers::open_sshd(lab, server, address) {
        eprintln!("lab: {address} can't listen for ssh: {error}");
    }
}

/// Its zones come up as vmadmd finds them: those with `autoboot`. Its agents, which come after them, report from here on.
pub fn zones_boot(lab: &Arc<Lab>, host: &str) {
    let zones: Vec<Uuid> = {
        let mut dc = lab.dc();
        let Some(host) = dc.hosts.get_mut(host) else {
            return;
        };
        host.state = HostState::Up;
        let boots = |vm: &&Vm| vm.props.get("autoboot") == Some(&json!(true));
        host.vms.values().filter(boots).map(|vm| vm.uuid).collect()
    };
    for zone in zones {
        if let Err(error) = boot(lab, host, zone) {
            eprintln!("lab: {zone} on {host} does not boot: {error}");
        }
    }
}

fn lose_sessions(lab: &Lab, zones: &[Uuid]) {
    let expires = Instant::now() + lab.timings.scaled(lab.timings.session_timeout);
    let mut dc = lab.dc();
    for registration in dc
        .registrations
        .iter_mut()
        .filter(|r| zones.contains(&r.vm))
    {
        registration.expires.get_or_insert(expires);
    }
}

/// The zone's registrar has a session: its name resolves to it.
fn register(lab: &Lab, role: &str, vm: Uuid, address: Ipv4Addr) {
    if UNREGISTERED.contains(&role) {
        return;
    }
    let mut dc = lab.dc();
    let name = dc.name_of(role);
    dc.registrations.retain(|known| known.vm != vm);
    let twice = |known: &&Registration| known.name == name && known.expires.is_none();
    if !SEVERAL.contains(&role)
        && let Some(other) = dc.registrations.iter().find(twice)
    {
        let mut doubles = lab.doubles.lock().unwrap_or_else(|p| p.into_inner());
        doubles.push(format!("{name}: {} and {vm}", other.vm));
    }
    dc.registrations.push(Registration {
        name,
        address,
        vm,
        expires: None,
    });
}

/// Addresses that a name has now: of live registrars, and of dead ones whose session has not run out.
pub fn registered(lab: &Lab, name: &str) -> Vec<Ipv4Addr> {
    let now = Instant::now();
    let mut dc = lab.dc();
    dc.registrations
        .retain(|known| known.expires.is_none_or(|expires| expires > now));
    dc.registrations
        .iter()
        .filter(|known| known.name == name)
        .map(|known| known.address)
        .collect()
}

/// Files of a running zone's delegate dataset. A halted zone has them unmounted, and one whose dataset is not `zoned` never
/// sees them.
pub fn zone_files(lab: &Lab, host: &str, vm: Uuid) -> Option<PathBuf> {
    let name = format!("zones/{vm}/data");
    let dc = lab.dc();
    let at = dc.hosts.get(host)?;
    let running = at.vms.get(&vm).is_some_and(|zone| zone.state == "running");
    let dataset = at.datasets.get(&name)?;
    (running && zfs::zoned(at, &name)).then(|| lab.dataset_files(host, &dataset.store))
}

/// Brings up the zones that a datacenter has from the start: set up long ago, running for weeks.
pub fn start_all(lab: &Arc<Lab>) {
    let zones: Vec<(String, Uuid, String, Option<Ipv4Addr>)> = {
        let mut dc = lab.dc();
        let mut zones = Vec::new();
        for host in dc.hosts.values_mut() {
            for vm in host.vms.values_mut() {
                vm.state = "running".to_owned();
                vm.ran_user_script = true;
                zones.push((
                    host.name.clone(),
                    vm.uuid,
                    vm.role().unwrap_or_default().to_owned(),
                    vm.admin_ip(),
                ));
            }
        }
        zones
    };
    open_doors(lab);
    for (host, vm, role, address) in zones {
        mount::mount(lab, &host, vm);
        let service = lab.zone_root(&host, vm).join("var/svc");
        // A zone without its folder shows as one that never finished its setup.
        let _ = std::fs::create_dir_all(&service)
            .and_then(|()| std::fs::write(service.join("setup_complete"), ""));
        if let Err(error) = servers::open(lab, &host, vm) {
            eprintln!("lab: {role} on {host} can't listen: {error}");
        }
        if let Some(address) = address.filter(|_| !role.is_empty()) {
            register(lab, &role, vm, address);
        }
    }
}

/// Takes up a datacenter that was kept: what ran runs on, its names are registered already; what is without power is silent.
pub fn go_on(lab: &Arc<Lab>) {
    let (running, down): (Vec<(String, Uuid)>, Vec<Uuid>) = {
        let dc = lab.dc();
        let zones = dc.hosts.values().flat_map(|host| {
            let running = host.vms.values().filter(|vm| vm.state == "running");
            running.map(move |vm| (host.name.clone(), vm.uuid))
        });
        let down = dc
            .hosts
            .values()
            .filter(|host| host.state == HostState::Down);
        let silent = down.flat_map(|host| host.vms.keys().copied().chain([host.uuid]));
        (zones.collect(), silent.collect())
    };
    open_doors(lab);
    for (host, vm) in running {
        mount::mount(lab, &host, vm);
        if let Err(error) = servers::open(lab, &host, vm) {
            eprintln!("lab: {vm} on {host} can't listen: {error}");
        }
    }
    // Their addresses swallow what is sent to them, as those of a machine that lost its power do.
    for zone_or_server in down {
        servers::silence(lab, zone_or_server);
    }
}

/// The global zones answer on port 22.
fn open_doors(lab: &Arc<Lab>) {
    let hosts: Vec<(Uuid, Ipv4Addr)> = {
        let dc = lab.dc();
        let hosts = dc.hosts.values();
        hosts.map(|host| (host.uuid, host.admin_ip)).collect()
    };
    for (server, address) in hosts {
        if let Err(error) = servers::open_sshd(lab, server, address) {
            eprintln!("lab: {address} can't listen for ssh: {error}");
        }
    }
}
