// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Preflight: what stands against a restore, as refusals that name the flag which accepts the risk, where one may.

use contract::row::SyncUse;
use documents::plan::{Level, Refusal};
use documents::{Inventory, Plan, power};

use super::RestoreOptions;
use super::accept;
use super::addresses::{Addresses, needed};
use super::facts::World;
use super::notices::notice;
use super::select::{Replacement, Selection};
use super::target;

pub fn refuse(plan: &mut Plan, service: &str, text: String, accepted_by: Option<&str>) {
    plan.refusals.push(Refusal {
        service: service.to_owned(),
        text,
        accepted_by: accepted_by.map(str::to_owned),
    });
}

/// What concerns the whole datacenter.
pub fn datacenter(world: &World<'_>, plan: &mut Plan) {
    for uuid in &world.goal.lost {
        let Some(server) = world.inventory.server_by_uuid(*uuid) else {
            continue;
        };
        let name = &server.hostname;
        if server.answers == Some(true) {
            let text = format!(
                "{name} answers by ssh: it is not lost. Move services off a live headnode by a migration"
            );
            refuse(plan, "dc", text, None);
        } else if server.status.as_deref() == Some("running") {
            let text = format!(
                "CNAPI still hears {name}'s heartbeat; if it really is dead that stops within half a minute: take the \
                 inventory again then"
            );
            refuse(plan, "dc", text, None);
        }
    }
    match world.target() {
        Some(target) if !target.headnode => {
            let text = format!(
                "{} is no headnode; core services come back on one",
                target.hostname
            );
            refuse(plan, "dc", text, None);
        }
        Some(target) => target::in_reach(world, target, plan),
        None => refuse(
            plan,
            "dc",
            format!("the target {} is not in the inventory", world.goal.on),
            None,
        ),
    }
    unreached(world, plan);
    for warning in contradictions(world.inventory) {
        refuse(plan, "dc", warning, None);
    }
}

/// Headnodes that are not given up, and on which nothing can be put right: the plan has no steps for them.
fn unreached(world: &World<'_>, plan: &mut Plan) {
    let others = world.inventory.servers.iter().filter(|server| {
        server.headnode && server.uuid != world.goal.on && !world.is_lost(Some(server.uuid))
    });
    for server in others {
        let name = &server.hostname;
        match server.answers {
            Some(true) => {}
            Some(false) => {
                let text = format!(
                    "{name} is not given up as lost, and it did not answer by ssh when the inventory was taken: \
                     its resolvers and configuration would go on naming what is lost, until the same command is run again once \
                     it answers"
                );
                refuse(plan, "dc", text, Some(accept::UNREACHED));
            }
            None => {
                let text = format!(
                    "unknown whether {name} answers by ssh: nothing asked it, and this plan has no steps for it; its \
                     resolvers and configuration go on naming what is lost"
                );
                notice(plan, Level::Warn, "dc", text);
            }
        }
    }
}

/// Two servers of one name can't be told apart by name.
fn contradictions(inventory: &Inventory) -> Vec<String> {
    let mut names: Vec<&str> = inventory
        .servers
        .iter()
        .map(|s| s.hostname.as_str())
        .collect();
    names.sort_unstable();
    let mut doubles: Vec<&str> = names
        .windows(2)
        .filter(|w| w[0] == w[1])
        .map(|w| w[0])
        .collect();
    doubles.dedup();
    let say = |name| {
        format!("two servers are named {name}; name the lost one by its UUID and rename one")
    };
    doubles.into_iter().map(say).collect()
}

/// Lost instances that should come back and can't even be planned.
pub fn unplannable(selection: &Selection<'_>, plan: &mut Plan) {
    for left in selection.left.iter().filter(|left| left.refused) {
        let name = left
            .lost
            .alias
            .clone()
            .unwrap_or_else(|| left.lost.uuid.to_string());
        refuse(
            plan,
            &left.lost.service,
            format!("{name} can't be replaced: {}", left.why),
            None,
        );
    }
}

/// What concerns one service.
pub fn service(
    world: &World<'_>,
    selection: &Selection<'_>,
    replacement: &Replacement<'_>,
    options: &RestoreOptions,
    plan: &mut Plan,
) {
    let service = replacement.service;
    if let Some(fault) = world.catalogue.fault(service) {
        refuse(plan, service, fault.to_owned(), None);
    }
    restore_data(world, replacement, options, plan);
    needs(world, selection, replacement, plan);
    target::lacks(world, replacement, plan);
}

/// Enough addresses for all that is restored, where NAPI can give none.
pub fn addresses(
    world: &World<'_>,
    selection: &Selection<'_>,
    addresses: &Addresses,
    plan: &mut Plan,
) {
    if addresses.napi_lives {
        return;
    }
    for (network, (needed, there)) in &addresses.short {
        let name = world
            .network(*network)
            .map_or_else(|| network.to_string(), |network| network.name.clone());
        let text = format!(
            "no NAPI lives to give addresses, {needed} are needed on the network {name}, and {there} are reserved for \
             recovery there (`triton-svc-restore reserve` does that while NAPI lives); bring NAPI back first by hand, or \
             restore fewer services"
        );
        refuse(plan, "dc", text, None);
    }
    for network in &world.inventory.networks {
        let is_needed = needed(world, selection, network.uuid) > 0;
        if is_needed && network.netmask.is_none() {
            let text = format!(
                "nothing says the netmask of the network {}: no zone can be given an address on it",
                network.name
            );
            refuse(plan, "dc", text, None);
        }
    }
}

/// Two owners of one address are worse than none: its old owner must be known to be off, and nobody else may have it.
pub fn reuse(
    selection: &Selection<'_>,
    addresses: &Addresses,
    options: &RestoreOptions,
    plan: &mut Plan,
) {
    if options.reuse_addresses && !options.lost.is_empty() && options.power_off.is_none() {
        let text = format!(
            "the lost zones' own addresses are given to others only once the lost servers' power is known to be off: see that it \
             is and say so with --powered-off, or have {} ask their BMC",
            power::PROGRAM
        );
        refuse(plan, "dc", text, None);
    }
    for (vm, ip, owner) in &addresses.taken {
        let mut replaced = selection.replace.iter();
        let Some(replacement) = replaced.find(|one| one.new == *vm) else {
            continue;
        };
        let text = format!(
            "{} can't have its predecessor's address {ip}: {owner} has it; restore without --ips reuse",
            replacement.alias
        );
        refuse(plan, replacement.service, text, None);
    }
}

fn restore_data(
    world: &World<'_>,
    replacement: &Replacement<'_>,
    options: &RestoreOptions,
    plan: &mut Plan,
) {
    let service = replacement.service;
    let lost = replacement.lost;
    let alias = lost.alias.as_deref().unwrap_or(service);
    if lost.payload.is_none() {
        let text = format!(
            "this headnode has no restore data of {alias} ({}): its `vmadm get` was never pulled, so it can't be made \
             again here; look on the other headnodes",
            lost.uuid
        );
        refuse(plan, service, text, None);
    }
    let sync = world
        .row(service)
        .and_then(|row| row.delegate_dataset.as_ref())
        .map(|d| d.sync);
    if !lost.delegate_dataset || sync != Some(SyncUse::Required) {
        return;
    }
    match world.inventory.newest_restore_point(lost.uuid) {
        None => {
            let text = format!(
                "this headnode has no whole restore point of {alias}'s data ({})",
                lost.uuid
            );
            refuse(plan, service, text, None);
        }
        Some(point) => {
            let age = world.inventory.taken_at.seconds_since(point.as_of);
            if age > options.max_age {
                let text = format!(
                    "{alias}'s newest restore point is {age} s old, more than {} s; another headnode may have a newer one",
                    options.max_age
                );
                refuse(plan, service, text, Some(accept::OLD_DATA));
            }
        }
    }
}

fn needs(
    world: &World<'_>,
    selection: &Selection<'_>,
    replacement: &Replacement<'_>,
    plan: &mut Plan,
) {
    let service = replacement.service;
    let Some(row) = world.row(service) else {
        return;
    };
    for need in &row.needs {
        if !selection.replaces(need) && world.survivors(need).is_empty() {
            let text = format!(
                "its first boot needs {need}, of which none lives and none is restored here; restore {need} too"
            );
            refuse(plan, service, text, None);
        }
    }
    if row.first_boot_fetches_config && world.moray().is_none() {
        let text = "no moray lives to which its SAPI record could be written, and without the record its first boot \
                    fails; bring a moray and a manatee back first"
            .to_owned();
        refuse(plan, service, text, None);
    }
    if row.first_boot_fetches_config && world.sapi_service(service).is_none() {
        refuse(
            plan,
            service,
            "neither SAPI nor restore data knows its SAPI service".to_owned(),
            None,
        );
    }
}
