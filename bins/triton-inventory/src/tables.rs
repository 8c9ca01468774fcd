// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The inventory as tables, for people.

use cli::{Column, Failure, Table, TableFlags, output};
use documents::inventory::Inventory;
use documents::{Timestamp, Uuid};
use serde_json::json;

use crate::arguments::Subject;

const SERVERS: &[Column] = &[
    Column::new("hostname"),
    Column::new("uuid"),
    Column::new("headnode"),
    Column::new("admin_ip"),
    Column::new("status"),
    Column::new("answers"),
    Column::new("source"),
    Column::new("age_s"),
    Column::extra("platform"),
    Column::extra("setup"),
];

const INSTANCES: &[Column] = &[
    Column::new("service"),
    Column::new("alias"),
    Column::new("server"),
    Column::new("state"),
    Column::new("source"),
    Column::new("age_s"),
    Column::extra("uuid"),
    Column::extra("image"),
    Column::extra("ips"),
    Column::extra("delegate_dataset"),
    Column::extra("in_sapi"),
    Column::extra("in_vmapi"),
];

const POINTS: &[Column] = &[
    Column::new("service"),
    Column::new("alias"),
    Column::new("of"),
    Column::new("lag_s"),
    Column::new("bytes"),
    Column::new("snapshot"),
    Column::extra("vm"),
    Column::extra("guid"),
    Column::extra("as_of"),
    Column::extra("dataset"),
];

const RESERVED: &[Column] = &[
    Column::new("network"),
    Column::new("ip"),
    Column::new("source"),
    Column::new("age_s"),
    Column::extra("network_uuid"),
];

const SOURCES: &[Column] = &[
    Column::new("source"),
    Column::new("answered"),
    Column::new("asked"),
    Column::new("why"),
    Column::extra("at"),
];

/// Whether the flags name columns that the subject has: known before anything is gathered.
pub fn check(subject: Subject, flags: &TableFlags) -> Result<(), Failure> {
    let columns = match subject {
        Subject::Servers => SERVERS,
        Subject::Instances => INSTANCES,
        Subject::Points => POINTS,
        Subject::Reserved => RESERVED,
        Subject::Sources => SOURCES,
    };
    Table::check(columns, flags)
}

/// One table as the flags say.
pub fn one(inventory: &Inventory, subject: Subject, flags: &TableFlags) -> Result<(), Failure> {
    table(inventory, subject, false).print(flags)
}

/// All that a person wants to know first: what is there, what could be restored, and who is silent.
pub fn all(inventory: &Inventory) -> Result<(), Failure> {
    let mut text = String::new();
    let silent = inventory.sources.iter().any(|source| !source.answered);
    let parts = [
        ("", Subject::Servers, true),
        ("", Subject::Instances, true),
        (
            "Newest restore points here:\n",
            Subject::Points,
            !inventory.restore_points.is_empty(),
        ),
        ("Did not answer:\n", Subject::Sources, silent),
    ];
    for (title, subject, wanted) in parts {
        if wanted {
            let table = table(inventory, subject, true).render(&TableFlags::default(), false)?;
            text.push_str(&format!("{title}{table}\n"));
        }
    }
    for warning in &inventory.warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    Ok(output::text(text.trim_end())?).and_then(|()| Ok(output::text("\n")?))
}

/// `brief` leaves out what is only of interest to who asked for the whole table.
fn table(inventory: &Inventory, subject: Subject, brief: bool) -> Table {
    match subject {
        Subject::Servers => servers(inventory),
        Subject::Instances => instances(inventory),
        Subject::Points => points(inventory, brief),
        Subject::Reserved => reserved(inventory),
        Subject::Sources => sources(inventory, brief),
    }
}

fn servers(inventory: &Inventory) -> Table {
    let mut table = Table::new(SERVERS);
    for server in &inventory.servers {
        table.row(json!({
            "hostname": server.hostname,
            "uuid": server.uuid,
            "headnode": server.headnode,
            "admin_ip": server.admin_ip,
            "status": server.status,
            "answers": server.answers,
            "source": server.learnt.from,
            "age_s": age(inventory, server.learnt.at),
            "platform": server.platform,
            "setup": server.setup,
        }));
    }
    table
}

fn instances(inventory: &Inventory) -> Table {
    let mut table = Table::new(INSTANCES);
    for instance in &inventory.instances {
        let learnt = instance.learnt.first();
        let ips: Vec<String> = instance
            .nics
            .iter()
            .filter_map(|nic| nic.ip.map(|ip| ip.to_string()))
            .collect();
        table.row(json!({
            "service": instance.service,
            "alias": instance.alias,
            "server": instance.server.map(|server| hostname(inventory, server)),
            "state": instance.state,
            "source": learnt.map(|learnt| &learnt.from),
            "age_s": learnt.map(|learnt| age(inventory, learnt.at)),
            "uuid": instance.uuid,
            "image": instance.image,
            "ips": ips.join(","),
            "delegate_dataset": instance.delegate_dataset,
            "in_sapi": instance.in_sapi,
            "in_vmapi": instance.in_vmapi,
        }));
    }
    table
}

fn points(inventory: &Inventory, brief: bool) -> Table {
    let mut table = Table::new(POINTS);
    for point in &inventory.restore_points {
        let is_newest = inventory
            .newest_restore_point(point.vm)
            .is_some_and(|newest| newest.guid == point.guid);
        if brief && !is_newest {
            continue;
        }
        let instance = inventory.instances.iter().find(|i| i.uuid == point.vm);
        table.row(json!({
            "service": instance.map(|instance| &instance.service),
            "alias": instance.and_then(|instance| instance.alias.as_ref()),
            "of": hostname(inventory, point.server),
            "lag_s": age(inventory, point.as_of),
            "bytes": point.bytes,
            "snapshot": point.snapshot,
            "vm": point.vm,
            "guid": point.guid,
            "as_of": point.as_of,
            "dataset": point.dataset,
        }));
    }
    table
}

fn reserved(inventory: &Inventory) -> Table {
    let mut table = Table::new(RESERVED);
    for one in &inventory.reserved {
        let network = inventory.networks.iter().find(|n| n.uuid == one.network);
        table.row(json!({
            "network": network.map(|network| &network.name),
            "ip": one.ip,
            "source": one.learnt.from,
            "age_s": age(inventory, one.learnt.at),
            "network_uuid": one.network,
        }));
    }
    table
}

fn sources(inventory: &Inventory, brief: bool) -> Table {
    let mut table = Table::new(SOURCES);
    for source in &inventory.sources {
        if brief && source.answered {
            continue;
        }
        table.row(json!({
            "source": source.name,
            "answered": source.answered,
            "asked": source.asked,
            "why": source.why,
            "at": source.at,
        }));
    }
    table
}

fn hostname(inventory: &Inventory, server: Uuid) -> String {
    match inventory.server_by_uuid(server) {
        Some(server) => server.hostname.clone(),
        None => server.to_string(),
    }
}

fn age(inventory: &Inventory, at: Timestamp) -> i64 {
    inventory.taken_at.seconds_since(at).max(0)
}
