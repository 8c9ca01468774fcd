// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What the operator is told besides the steps: what is left alone, what must be done by hand, how old the data is.

use std::net::IpAddr;

use contract::row::{Restore, Row};
use documents::inventory::Instance;
use documents::plan::{Level, Notice};
use documents::{Plan, Uuid};

use super::addresses::Addresses;
use super::facts::{World, is_admin};
use super::select::{Replacement, Selection};

pub fn notice(plan: &mut Plan, level: Level, service: &str, text: String) {
    plan.notices.push(Notice {
        level,
        service: service.to_owned(),
        text,
    });
}

/// Everything on the lost servers that gets no replacement, each by name.
pub fn left_alone(world: &World<'_>, selection: &Selection<'_>, plan: &mut Plan) {
    for left in selection.left.iter().filter(|left| !left.refused) {
        let service = left.lost.service.as_str();
        let name = left
            .lost
            .alias
            .clone()
            .unwrap_or_else(|| left.lost.uuid.to_string());
        let members = match world.row(service).map(|row| &row.restore) {
            Some(Restore::Rejoin { .. }) => {
                let alive = world.survivors(service).len();
                let lost = world
                    .lost_instances()
                    .filter(|i| i.service == service)
                    .count();
                format!("; {alive} of {} members live", alive + lost)
            }
            _ => String::new(),
        };
        notice(
            plan,
            Level::Info,
            service,
            format!("{name} is left alone: {}{members}", left.why),
        );
    }
    for others in &world.inventory.other_vms {
        if world.is_lost(Some(others.server)) && others.count > 0 {
            let text = format!(
                "{} VMs that are not core zones are on {}; they are left alone",
                others.count,
                world.hostname(others.server)
            );
            notice(plan, Level::Info, "dc", text);
        }
    }
    if selection.replace.is_empty() {
        notice(
            plan,
            Level::Info,
            "dc",
            "nothing is there to restore".to_owned(),
        );
    }
}

/// Core zones that run on where no step of the plan reaches: on compute nodes, and on headnodes that did not answer.
pub fn zones_out_of_reach(world: &World<'_>, plan: &mut Plan) {
    let resolvers = world.resolvers();
    if resolvers.is_empty() || world.lost_resolvers().is_empty() {
        return;
    }
    let reached: Vec<Uuid> = world.headnodes().iter().map(|one| one.uuid).collect();
    let runs_on = |zone: &&Instance| {
        let is_gone = matches!(zone.state.as_deref(), Some("destroyed" | "failed"));
        let server = zone.server.filter(|server| !world.is_lost(Some(*server)));
        !is_gone && server.is_some_and(|server| !reached.contains(&server))
    };
    let resolvers: Vec<String> = resolvers.iter().map(|ip| format!("\"{ip}\"")).collect();
    for zone in world.inventory.instances.iter().filter(runs_on) {
        let server = zone.server.map(|server| world.hostname(server));
        let text = format!(
            "{} on {} asks the binder that is gone first, name by name, until it is told; there, as root: \
             echo '{{\"resolvers\": [{}]}}' | vmadm update {}",
            zone.alias.clone().unwrap_or_else(|| zone.uuid.to_string()),
            server.unwrap_or_default(),
            resolvers.join(", "),
            zone.uuid
        );
        notice(plan, Level::Warn, &zone.service, text);
    }
}

/// What the dead headnode was to others besides its zones.
pub fn dead_headnodes(world: &World<'_>, reused: bool, plan: &mut Plan) {
    for uuid in &world.goal.lost {
        let Some(server) = world.inventory.server_by_uuid(*uuid) else {
            continue;
        };
        if !server.headnode {
            continue;
        }
        let name = &server.hostname;
        if reused {
            let text = format!(
                "addresses of {name}'s zones belong to others from now on: leave it off, and bring it back only where its guard \
                 reaches another headnode (triton-hn-guard status {name})"
            );
            notice(plan, Level::Must, "dc", text);
        }
        let text = format!(
            "CNAPI asks the first server that it calls a headnode for platforms, which may be {name}: while its record is \
             there, listing and assigning platforms can hang. When it is given up for good: sdc-cnapi /servers/{uuid} -X DELETE"
        );
        notice(plan, Level::Must, "cnapi", text);
        if let Some(ip) = server.admin_ip {
            let text = format!(
                "compute nodes set their clocks by {ip}, which was {name}'s: put a live headnode's address into ntp_hosts of \
                 /usbkey/extra/joysetup/node.config and of each compute node's /opt/smartdc/config/node.config"
            );
            notice(plan, Level::Must, "dc", text);
        }
    }
}

/// What concerns one replaced service.
pub fn service(
    world: &World<'_>,
    replacement: &Replacement<'_>,
    row: &Row,
    addresses: &Addresses,
    plan: &mut Plan,
) {
    let service = replacement.service;
    let lost = replacement.lost;
    let changes = |ip: &IpAddr| !addresses.gives(replacement.new, *ip);
    for note in &row.operator {
        notice(plan, note.level, service, note.text.clone());
    }
    let moves = world.admin_ip(lost).is_none_or(|ip| changes(&ip));
    for consumer in row.fixed_ip_consumers.iter().filter(|_| moves) {
        let text = format!("its admin address changes, and this holds it by address: {consumer}");
        notice(plan, Level::Must, service, text);
    }
    for nic in lost.nics.iter().filter(|nic| !is_admin(nic)) {
        if let Some(ip) = nic.ip.filter(changes) {
            let text = format!(
                "its address {ip} on {} changes: whatever names it outside (public DNS, firewalls) must follow",
                nic.nic_tag
            );
            notice(plan, Level::Must, service, text);
        }
    }
    match world.inventory.newest_restore_point(lost.uuid) {
        Some(point) if lost.delegate_dataset => {
            let age = world.inventory.taken_at.seconds_since(point.as_of);
            let text = format!(
                "its data is that of {} ({age} s before the inventory was taken)",
                point.as_of
            );
            notice(plan, Level::Info, service, text);
        }
        None if lost.delegate_dataset => {
            let loss = row
                .delegate_dataset
                .as_ref()
                .and_then(|d| d.regenerates.clone());
            let text = format!(
                "it starts with an empty dataset: there is no restore point. {}",
                loss.unwrap_or_else(|| "What it held is gone.".to_owned())
            );
            notice(plan, Level::Warn, service, text);
        }
        _ => {}
    }
    // Where SAPI's services are known, one that is not among them (assets) has no records to miss.
    let has_records = world.inventory.services.is_empty() || world.sapi_service(service).is_some();
    let misses_one = has_records && lost.sapi_record.is_none();
    if world.catalogue.fault(service).is_none() && misses_one {
        let text = "restore data has no SAPI record of it: the new one gets no metadata of its own"
            .to_owned();
        notice(plan, Level::Warn, service, text);
    }
}
