// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `manatee-adm` in a manatee zone. The shard's peers are the manatee zones that run, by alias: ZooKeeper drops the others.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use crate::call::Call;
use crate::lab::Lab;
use crate::model::{Dc, HostState};

/// The columns that the product asks for; the tool prints those it is asked for in that order.
const COLUMNS: &str = "role,peername,pg-online,pg-repl";

pub fn run(lab: &Arc<Lab>, call: &mut Call, _: Uuid, args: &[&str]) -> i32 {
    let peers = peers(&lab.dc());
    match args {
        ["pg-status", "-H", "-o", columns] if *columns == COLUMNS => {
            for (at, zone) in peers.iter().enumerate() {
                let (role, repl) = match at {
                    0 => ("primary", "sync"),
                    1 => ("sync", "async"),
                    _ => ("async", "async"),
                };
                let repl = if at + 1 == peers.len() { "-" } else { repl };
                call.out(format!("{role:<8} {zone} ok   {repl}\n"));
            }
            0
        }
        ["zk-state"] => {
            let named = |at: usize| peers.get(at).map(|zone| json!({"zoneId": zone}));
            let state = json!({
                "generation": 4, "primary": named(0), "sync": named(1), "async": peers.get(2..).unwrap_or_default(),
                "deposed": [], "initWal": "0/4405D30",
            });
            call.out(format!("{state}\n"));
            0
        }
        _ => call.fail(
            2,
            "manatee-adm: error: the lab knows only pg-status -H -o and zk-state",
        ),
    }
}

fn peers(dc: &Dc) -> Vec<Uuid> {
    let up = dc.hosts.values().filter(|host| host.state == HostState::Up);
    let zones = up.flat_map(|host| host.vms.values());
    let mut peers: Vec<_> = zones
        .filter(|vm| vm.role() == Some("manatee") && vm.state == "running")
        .map(|vm| (vm.alias().to_owned(), vm.uuid))
        .collect();
    peers.sort();
    peers.into_iter().map(|(_, zone)| zone).collect()
}
