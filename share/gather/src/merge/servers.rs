// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Servers: CNAPI's list, what the headnodes say of themselves, and restore data for those that are silent.

use std::collections::BTreeMap;

use documents::Uuid;
use documents::inventory::{Learnt, Room, Server};
use documents::restore_data::Part;
use platform::sysinfo::Sysinfo;
use serde_json::Value;

use crate::facts::{Machine, RawFacts};
use crate::record;

/// Headnodes first, then by hostname and UUID.
pub fn all(raw: &RawFacts, warnings: &mut Vec<String>) -> Vec<Server> {
    let mut servers: BTreeMap<Uuid, Server> = BTreeMap::new();
    if let Some(cnapi) = &raw.cnapi {
        let learnt = Learnt::new(&cnapi.from, cnapi.at);
        for record in &cnapi.what {
            match of_record(record, learnt.clone(), true) {
                Some(server) => drop(servers.insert(server.uuid, server)),
                None => warnings.push("CNAPI: a server without a usable UUID; left out".to_owned()),
            }
        }
    }
    for machine in &raw.machines {
        of_machine(&mut servers, machine);
    }
    for kept in raw.kept_newest_first() {
        for (file, record) in kept.records(Part::Servers) {
            let learnt = Learnt::new(&kept.from, file.at);
            if let Some(server) = of_record(record, learnt, false) {
                servers
                    .entry(server.uuid)
                    .and_modify(|known| complete(known, &server))
                    .or_insert(server);
            }
        }
        servers.entry(kept.server).or_insert_with(|| {
            unknown(
                kept.server,
                &kept.hostname,
                Learnt::new(&kept.from, kept.taken_at),
            )
        });
    }
    for (uuid, answers) in &raw.answers {
        if let Some(server) = servers.get_mut(uuid) {
            server.answers = Some(*answers);
        }
    }
    let mut servers: Vec<Server> = servers.into_values().collect();
    servers.sort_by(|a, b| {
        (!a.headnode, &a.hostname, a.uuid).cmp(&(!b.headnode, &b.hostname, b.uuid))
    });
    warn_of_one_name(&servers, warnings);
    servers
}

/// A record of CNAPI. `now` is false for one from restore data, whose status is that of another time.
fn of_record(record: &Value, learnt: Learnt, now: bool) -> Option<Server> {
    let uuid = record::uuid(record, "uuid")?;
    let sysinfo: Option<Sysinfo> = serde_json::from_value(record["sysinfo"].clone()).ok();
    let is_headnode = record["headnode"] == true || record["headnode"] == "true";
    let hostname = record::text(&record["hostname"]);
    Some(Server {
        uuid,
        hostname: hostname.unwrap_or_else(|| uuid.to_string()),
        admin_ip: sysinfo.as_ref().and_then(Sysinfo::admin_ip),
        headnode: is_headnode,
        setup: record["setup"] == true,
        status: record::text(&record["status"]).filter(|_| now),
        answers: None,
        platform: record::text(&record["current_platform"]),
        boot_platform: record::text(&record["boot_platform"]),
        bootable: None,
        room: None,
        firewall_rules: None,
        nic_tags: sysinfo.as_ref().map(nic_tags),
        resolvers: None,
        learnt,
    })
}

fn of_machine(servers: &mut BTreeMap<Uuid, Server>, machine: &Machine) {
    let learnt = Learnt::new(format!("sysinfo@{}", machine.hostname), machine.at);
    let server = servers
        .entry(machine.server)
        .or_insert_with(|| unknown(machine.server, &machine.hostname, learnt));
    server.resolvers.clone_from(&machine.resolvers);
    server.bootable.clone_from(&machine.bootable);
    server.firewall_rules = machine.firewall_rules;
    server.room = room(machine);
    if let Some(sysinfo) = &machine.sysinfo {
        server.admin_ip = server.admin_ip.or_else(|| sysinfo.admin_ip());
        server.nic_tags = Some(nic_tags(sysinfo));
        server.platform = sysinfo.live_image.clone().or(server.platform.take());
        server.setup |= sysinfo.setup;
        server.headnode |= sysinfo.is_headnode();
    }
}

/// None where its memory or what it promised of it is not known.
fn room(machine: &Machine) -> Option<Room> {
    let memory = machine.sysinfo.as_ref()?.mib_of_memory.as_ref()?;
    let zones = machine.zones.as_ref()?;
    let promised = zones
        .iter()
        .filter_map(|zone| zone["max_physical_memory"].as_u64());
    Some(Room {
        memory: memory.parse().ok()?,
        promised: promised.sum(),
        pool_free: machine.pool_free,
    })
}

/// A server of which only its name is known. Only headnodes are synced or looked at, so it is one.
fn unknown(uuid: Uuid, hostname: &str, learnt: Learnt) -> Server {
    Server {
        uuid,
        hostname: hostname.to_owned(),
        admin_ip: None,
        headnode: true,
        setup: true,
        status: None,
        answers: None,
        platform: None,
        boot_platform: None,
        bootable: None,
        room: None,
        firewall_rules: None,
        nic_tags: None,
        resolvers: None,
        learnt,
    }
}

fn complete(known: &mut Server, older: &Server) {
    known.admin_ip = known.admin_ip.or(older.admin_ip);
    known.nic_tags = known.nic_tags.take().or_else(|| older.nic_tags.clone());
    known.platform = known.platform.take().or_else(|| older.platform.clone());
    let boots = known.boot_platform.take();
    known.boot_platform = boots.or_else(|| older.boot_platform.clone());
}

/// NIC tags that a server provides.
fn nic_tags(sysinfo: &Sysinfo) -> Vec<String> {
    sysinfo.nic_tags().into_iter().map(str::to_owned).collect()
}

fn warn_of_one_name(servers: &[Server], warnings: &mut Vec<String>) {
    let mut names: BTreeMap<&str, Vec<Uuid>> = BTreeMap::new();
    for server in servers {
        names.entry(&server.hostname).or_default().push(server.uuid);
    }
    for (name, uuids) in names.into_iter().filter(|(_, uuids)| uuids.len() > 1) {
        let uuids: Vec<String> = uuids.iter().map(Uuid::to_string).collect();
        warnings.push(format!(
            "the hostname {name} is that of {}; use their UUIDs",
            uuids.join(" and ")
        ));
    }
}
