// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a person must do, and should know, when headnodes are made.

use contract::Row;
use contract::row::Restore;
use documents::Plan;
use documents::inventory::{Inventory, Server};
use documents::plan::{Level, Notice};

/// With three of a cluster's members one may be lost.
const MEMBERS: usize = 3;

fn notice(plan: &mut Plan, level: Level, service: &str, text: String) {
    plan.notices.push(Notice {
        level,
        service: service.to_owned(),
        text,
    });
}

pub(super) fn all(inventory: &Inventory, servers: &[&Server], offline: bool, plan: &mut Plan) {
    for server in servers {
        let name = &server.hostname;
        let text = format!(
            "{name} reboots, and what runs on it stops meanwhile; its external addresses are not carried over into its new \
             configuration"
        );
        notice(plan, Level::Warn, name, text);
    }
    let names: Vec<&str> = servers.iter().map(|one| one.hostname.as_str()).collect();
    let text = format!(
        "compute nodes boot by any dhcpd, and one on each headnode outlives the loss of another: sdcadm create dhcpd -s {} \
         --dev-allow-multiple-instances",
        names.join(",")
    );
    notice(plan, Level::Must, "dhcpd", text);
    if offline {
        let text = format!(
            "no API is asked, so this goes up to the new headnodes' own word. When CNAPI and NAPI answer again: \
             triton-usbkey-image sync {} gives them what headnode.sh leaves out, and triton-svc-restore reserve sets addresses aside",
            names.join(" ")
        );
        notice(plan, Level::Must, "dc", text);
    }
    let silent = inventory
        .servers
        .iter()
        .filter(|server| server.headnode && !server.lives() && server.uuid != inventory.taken_on);
    for server in silent {
        let text = format!(
            "{} is a headnode and does not answer: it and the new ones do not trust each other yet. When it is back: \
             triton-sync-data trust show there, and trust add on each other, and the other way round",
            server.hostname
        );
        notice(plan, Level::Must, &server.hostname, text);
    }
}

/// The commands that bring each cluster to three members.
pub(super) fn clusters(inventory: &Inventory, servers: &[&Server], rows: &[&Row], plan: &mut Plan) {
    let clustered = rows
        .iter()
        .filter(|row| matches!(row.restore, Restore::Rejoin { .. }));
    for service in clustered.map(|row| row.service.as_str()) {
        let members: Vec<&str> = inventory
            .instances
            .iter()
            .filter(|one| one.service == service && !one.is_destroyed())
            .filter_map(|one| inventory.server_by_uuid(one.server?))
            .map(|server| server.hostname.as_str())
            .collect();
        let new = servers.iter().map(|server| server.hostname.as_str());
        let new: Vec<&str> = new.filter(|name| !members.contains(name)).collect();
        let wanted = MEMBERS.saturating_sub(members.len());
        if wanted == 0 || members.is_empty() {
            continue;
        }
        let text = match new.len() >= wanted {
            true => format!(
                "with fewer than three members its loss is the datacenter's: {}",
                command(service, &members, &new[..wanted])
            ),
            false => format!(
                "it has {} of three members, and room for {}: with another headnode bring it to three",
                members.len(),
                members.len() + new.len()
            ),
        };
        notice(plan, Level::Must, service, text);
    }
}

fn command(service: &str, members: &[&str], new: &[&str]) -> String {
    match service {
        "binder" => format!(
            "sdcadm post-setup ha-binder {}",
            [members, new].concat().join(" ")
        ),
        "manatee" => format!("sdcadm post-setup ha-manatee -s {}", new.join(" -s ")),
        service => format!("sdcadm create {service} -s {}", new.join(",")),
    }
}
