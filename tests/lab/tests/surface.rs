// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The lab offers only what the product uses. What is offered is read from the tables that the lab dispatches on; what is used,
//! from the product's own table of calls, its catalogue, and the call log of a whole restore.

// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::fs;

use lab::{commands, servers, ssh};
use serde_json::{Value, json};

/// Commands that no tool of the product called in the run below, and why they are there.
const UNCALLED: &[(&str, &str)] = &[
    (
        "bootparams",
        "triton-hn-setup asks it how a server was booted; in this run none is to become a headnode",
    ),
    (
        "reboot",
        "triton-apply tells a server with it that is to be a headnode; in this run none is",
    ),
    (
        "sdc-usbkey set-variable",
        "triton-apply sends a medium to the network again with it; in this run nothing is taken back",
    ),
    (
        "sdcadm create",
        "people bring clusters to three members with it, as triton-hn-setup tells them",
    ),
    (
        "sdcadm post-setup",
        "people bring clusters to three members with it, as triton-hn-setup tells them",
    ),
    (
        "ssh-keygen",
        "triton-sync-data trust makes a key with it; in this run operators' keys do",
    ),
    (
        "svccfg",
        "triton-apply has SMF take services over with it; in this run no headnode is made",
    ),
    (
        "svcs",
        "triton-apply asks it about a setup that does not end; in this run all end",
    ),
    (
        "vmadm delete",
        "cn-agent runs it when VMAPI is asked to destroy a VM",
    ),
    (
        "vmadm list",
        "people and tests look with it at what the tools did",
    ),
    (
        "vmadm stop",
        "people stop a zone to see what the tools make of it",
    ),
    (
        "zfs promote",
        "triton-sync-data branches with it from the copy of a zone whose restored dataset was promoted",
    ),
    (
        "zlogin /opt/smartdc/manatee/node_modules/.bin/manatee-adm",
        "triton-hn-setup asks it whether the database outlives a reboot; in this run none is to become a headnode",
    ),
];

const MAKE: &str = "the recordings make their objects with it";
const RETIRE: &str = "the recordings take their objects away with it";

/// Routes that the product has no call for, and why they are there.
const UNROUTED: &[(&str, &str)] = &[
    (
        "cnapi POST /servers/:/events/heartbeat",
        "cn-agent's heartbeat",
    ),
    (
        "cnapi POST /servers/:/sysinfo",
        "cn-agent registers its server",
    ),
    (
        "napi POST /nics",
        "net-agent tells of NICs that NAPI does not know",
    ),
    ("sapi DELETE /applications/:", RETIRE),
    ("sapi DELETE /manifests/:", RETIRE),
    ("sapi DELETE /services/:", RETIRE),
    ("sapi POST /applications", MAKE),
    ("sapi POST /manifests", MAKE),
    (
        "sapi POST /mode",
        "the recordings switch to full mode with it",
    ),
    ("sapi POST /services", MAKE),
    (
        "vmapi DELETE /vms/:",
        "SAPI destroys the VM of an instance that is deleted",
    ),
    ("vmapi PUT /vms", "vm-agent tells of all VMs of its server"),
];

/// Fails with every entry that is offered, not used and not explained, and with every explanation that explains nothing.
fn only_what_is_used(
    offered: &BTreeSet<String>,
    used: &BTreeSet<String>,
    explained: &[(&str, &str)],
) {
    let unused: BTreeSet<&str> = offered.difference(used).map(String::as_str).collect();
    let known: BTreeSet<&str> = explained.iter().map(|(entry, _)| *entry).collect();
    for (entry, why) in explained.iter().filter(|(entry, _)| unused.contains(entry)) {
        println!("unused: {entry} ({why})");
    }
    let unexplained: Vec<_> = unused.difference(&known).collect();
    let needless: Vec<_> = known.difference(&unused).collect();
    assert!(
        unexplained.is_empty(),
        "the lab offers what nobody uses: {unexplained:#?}"
    );
    assert!(
        needless.is_empty(),
        "explained, though used or not offered any more: {needless:#?}"
    );
}

/// Two routes are the same whatever their parameters are called.
fn route(role: &str, method: &str, path: &str) -> String {
    let segments = path
        .split('/')
        .map(|part| if part.starts_with(':') { ":" } else { part });
    let path = segments.collect::<Vec<_>>().join("/");
    format!("{role} {method} {path}")
}

/// What the catalogue asks services for to see whether they are well.
fn health_checks() -> BTreeSet<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../share/services");
    let mut checks = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let row: Value = serde_json::from_slice(&fs::read(entry.unwrap().path()).unwrap()).unwrap();
        let health = &row["health"];
        let path = match health["by"].as_str() {
            Some("http") => health["path"].as_str(),
            Some("zone-command") => {
                let url = health["argv"]
                    .as_array()
                    .and_then(|words| words.last()?.as_str());
                // Behind `http://`, the server's name.
                url.and_then(|url| url.match_indices('/').nth(2).map(|(at, _)| &url[at..]))
            }
            _ => None,
        };
        let service = row["service"].as_str().unwrap();
        checks.extend(path.map(|path| route(service, "GET", path)));
    }
    checks
}

#[test]
fn no_api_of_the_lab_answers_what_nobody_asks() {
    let offered = servers::offered();
    let offered = offered
        .iter()
        .map(|(role, method, path)| route(role, method, path));
    let mut used = health_checks();
    for (service, routes) in apis::ROUTES {
        let routes = routes.iter();
        used.extend(routes.map(|one| route(service, one.method(), one.path())));
    }
    only_what_is_used(&offered.collect(), &used, UNROUTED);
}

/// A call of a command as the lab's tables name it.
fn called(call: &Value) -> String {
    let command = call["command"].as_str().unwrap();
    let words: Vec<&str> = call["args"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let known = commands::offered(command);
    let subcommand = known.iter().find(|known| match command {
        // The command line within the zone is there as it was quoted.
        "zlogin" => words.iter().any(|word| word.trim_matches('\'') == **known),
        _ => words.first() == Some(*known),
    });
    match subcommand {
        Some(subcommand) => format!("{command} {subcommand}"),
        None => command.to_owned(),
    }
}

#[test]
fn no_command_of_the_lab_does_what_no_tool_asks_for() {
    let mut offered = BTreeSet::new();
    for name in commands::NAMES.iter().chain(&ssh::NAMES) {
        let subcommands = commands::offered(name);
        if subcommands.is_empty() {
            offered.insert((*name).to_owned());
        }
        offered.extend(subcommands.iter().map(|known| format!("{name} {known}")));
    }

    // A whole story: synced often enough that old restore points go, lost, restored, and looked at again.
    let scene = support::up();
    for round in 0..8 {
        let zone = "zones/$(vmadm lookup tags.smartdc_role=imgapi)";
        scene.ok(
            "headnode0",
            &format!("echo {round} > /{zone}/root/data/round"),
        );
        scene.ok("headnode1", "triton-sync-data");
    }
    scene.lose("headnode0");
    let tools = "triton-inventory > inventory.json && \
                 triton-svc-restore --lost headnode0 --plan -i inventory.json > plan.json && \
                 triton-apply --yes < plan.json && triton-inventory";
    scene.ok("headnode1", tools);

    let log = scene.control(json!({"do": "log"}));
    let calls = log["calls"].as_array().unwrap().iter();
    let by_a_tool = |call: &&Value| {
        let by = call["by"].as_str();
        by.is_some_and(|by| by.starts_with("triton-")) && call["command"] != "http"
    };
    let used = calls.filter(by_a_tool).map(called).collect();
    only_what_is_used(&offered, &used, UNCALLED);
}
