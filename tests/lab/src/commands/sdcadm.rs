// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `sdcadm create` and `sdcadm post-setup ha-binder|ha-manatee`: its guards, and new instances that SAPI knows and that set
//! themselves up. It never asks.

use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use uuid::Uuid;

use super::Subcommand;
use crate::call::Call;
use crate::lab::Lab;
use crate::model::HostState;
use crate::{physics, world};

pub const SUBCOMMANDS: [Subcommand; 2] = [("create", create), ("post-setup", post_setup)];

/// Services of which `create` makes more than one without being told that this is meant.
const SEVERAL: [&str; 9] = [
    "adminui", "cloudapi", "cmon", "mahi", "moray", "nat", "papi", "portolan", "workflow",
];

/// Services that `create` never makes.
const NEVER: [&str; 3] = ["binder", "manatee", "rabbitmq"];

const PATIENCE: Duration = Duration::from_secs(60);

pub fn run(lab: &Arc<Lab>, call: &mut Call) -> i32 {
    match super::dispatch(lab, call, &SUBCOMMANDS) {
        Some(code) => code,
        None => call.fail(1, "sdcadm: error: the lab knows only create and post-setup"),
    }
}

/// Servers after each `-s`, flags, and what else there is.
fn words<'a>(args: &[&'a str]) -> (Vec<&'a str>, Vec<&'a str>, Vec<&'a str>) {
    let (mut servers, mut flags, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match *arg {
            "-s" => servers.extend(args.next().into_iter().flat_map(|list| list.split(','))),
            flag if flag.starts_with('-') => flags.push(flag),
            word => rest.push(word),
        }
    }
    (servers, flags, rest)
}

fn create(lab: &Arc<Lab>, call: &mut Call, args: &[&str]) -> i32 {
    let (servers, flags, rest) = words(args);
    let [service] = rest[..] else {
        return call.fail(1, "sdcadm create: error (Usage): exactly one SERVICE");
    };
    let meant = flags.contains(&"--dev-allow-multiple-instances");
    if NEVER.contains(&service) || !(meant || SEVERAL.contains(&service)) {
        let line = format!(
            "sdcadm create: error (Usage): Must provide '--dev-allow-multiple-instances' for service '{service}'"
        );
        return call.fail(1, line);
    }
    add(lab, call, service, &servers)
}

fn post_setup(lab: &Arc<Lab>, call: &mut Call, args: &[&str]) -> i32 {
    let Some((what, args)) = args.split_first() else {
        return call.fail(1, "sdcadm post-setup: error (Usage): which?");
    };
    let (servers, _, rest) = words(args);
    match *what {
        "ha-manatee" => add(lab, call, "manatee", &servers),
        "ha-binder" if !matches!(rest.len(), 1 | 3 | 5) => {
            call.fail(1, "sdcadm post-setup: error (Usage): 1, 3 or 5 servers")
        }
        "ha-binder" => {
            let there: Vec<String> = {
                let dc = lab.dc();
                let binders = dc.running("binder");
                binders.iter().map(|(host, _)| host.name.clone()).collect()
            };
            if let Some(left_out) = there.iter().find(|host| !rest.contains(&host.as_str())) {
                let line = format!(
                    "sdcadm post-setup: error: binder on {left_out} would be deleted; see --allow-delete"
                );
                return call.fail(1, line);
            }
            let new: Vec<&str> = rest
                .into_iter()
                .filter(|server| !there.iter().any(|host| host == server))
                .collect();
            let code = add(lab, call, "binder", &new);
            name_ensemble(lab);
            code
        }
        _ => call.fail(1, format!("sdcadm post-setup: error: unknown: {what}")),
    }
}

/// SAPI's application names the members that there are now.
fn name_ensemble(lab: &Lab) {
    let mut dc = lab.dc();
    let (app, now) = (dc.sdc_app.to_string(), lab.now_ms());
    let Some(object) = dc.moray.get("sapi_applications", &app) else {
        return;
    };
    let mut application = object.value.clone();
    application["metadata"]["ZK_SERVERS"] = world::zookeeper(&dc);
    dc.moray.put("sapi_applications", &app, application, now);
}

fn add(lab: &Arc<Lab>, call: &mut Call, service: &str, servers: &[&str]) -> i32 {
    for server in servers {
        let known = {
            let dc = lab.dc();
            let host = dc.hosts.get(*server);
            host.is_some_and(|host| host.state == HostState::Up)
        };
        if !known {
            let line = format!("sdcadm: error (Usage): server \"{server}\" is not running");
            return call.fail(1, line);
        }
        let vm = instance(lab, server, service);
        if let Err(why) = up(lab, server, vm) {
            return call.fail(1, format!("sdcadm: error: {service} on {server}: {why}"));
        }
        call.out(format!("{service} instance {vm} on {server} is up\n"));
    }
    0
}

/// Its zone, with the image it is made of, and its record in SAPI.
fn instance(lab: &Lab, server: &str, service: &str) -> Uuid {
    let now = lab.now_ms();
    let mut dc = lab.dc();
    let zones = dc.hosts.values().flat_map(|host| host.vms.values());
    let ordinal = zones.filter(|vm| vm.role() == Some(service)).count();
    let vm = world::add_instance(&mut dc, server, service, ordinal);
    let host = dc.hosts.get(server).map(|host| host.uuid);
    let record = json!({
        "uuid": vm, "service_uuid": world::id(&format!("service {service}")),
        "params": {"alias": format!("{service}{ordinal}"), "server_uuid": host},
        "metadata": {}, "manifests": {}, "type": "vm",
    });
    dc.moray.put("sapi_instances", &vm.to_string(), record, now);
    let stores: Vec<String> = dc
        .hosts
        .get(server)
        .into_iter()
        .flat_map(|host| host.datasets.values().map(|dataset| dataset.store.clone()))
        .collect();
    drop(dc);
    for store in stores {
        // A zone without its files shows as one that never sets itself up.
        let _ = fs::create_dir_all(lab.dataset_files(server, &store));
    }
    let _ = fs::create_dir_all(lab.zone_root(server, vm).join("var/svc"));
    vm
}

fn up(lab: &Arc<Lab>, server: &str, vm: Uuid) -> Result<(), String> {
    physics::boot(lab, server, vm)?;
    let service = lab.zone_root(server, vm).join("var/svc");
    let patience = Instant::now() + PATIENCE;
    while !service.join("setup_complete").exists() {
        if service.join("setup_failed").exists() || Instant::now() > patience {
            return Err(fs::read_to_string(service.join("setup.log")).unwrap_or_default());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
