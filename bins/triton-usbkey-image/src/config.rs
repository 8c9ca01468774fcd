// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `triton-usbkey-image config`: the config that a new headnode sets itself up with.

use std::net::IpAddr;

use cli::{Common, Exit, Failure, input, output};
use usbkey::{Node, config_of};

use crate::arguments::Config;
use crate::failure;
use crate::file::NewFile;

pub fn run(common: &Common, config: &Config) -> Result<Exit, Failure> {
    let inputs = [&config.networking, &config.sysinfo, &config.inventory];
    if inputs
        .iter()
        .filter(|from| from.as_deref() == Some("-"))
        .count()
        > 1
    {
        return Err(Failure::bad("only one of the files can be standard input"));
    }
    let node = node(config)?;
    let from = match &config.from {
        Some(path) => path.clone(),
        None => common.root.join("usbkey/config"),
    };
    let name = from.display();
    let datacenter = std::fs::read(&from)
        .map_err(|error| Failure::bad(format!("can't read {name}: {error}")))?;
    let datacenter =
        String::from_utf8(datacenter).map_err(|_| Failure::bad(format!("{name} is no UTF-8")))?;
    let text = config_of(&datacenter, &node, &binders(config)?).map_err(failure)?;
    match &config.output {
        Some(path) => {
            let file = NewFile::create(path)?;
            file.write(text.as_bytes())?;
            file.finish()?;
        }
        None => output::text(&text)?,
    }
    Ok(Exit::Done)
}

fn node(config: &Config) -> Result<Node, Failure> {
    match (&config.networking, &config.sysinfo) {
        (Some(from), _) => Node::of_networking(&input::read(from)?, from),
        (None, Some(from)) => Node::of_sysinfo(&input::read(from)?, from),
        (None, None) => return Err(Failure::bad("give --networking or --sysinfo")),
    }
    .map_err(failure)
}

fn binders(config: &Config) -> Result<Vec<IpAddr>, Failure> {
    let Some(from) = &config.inventory else {
        return Ok(config.binders.clone());
    };
    let inventory = input::inventory(from)?;
    let live = inventory.live_binders();
    match live.is_empty() {
        false => Ok(live),
        true => Err(Failure::refused(
            "the inventory has no binder that is known to live; give their addresses with --binder",
        )),
    }
}

#[cfg(test)]
mod tests {
    use documents::read;
    use serde_json::json;

    use super::*;

    const AT: &str = "2026-11-23T00:00:00Z";

    fn server(number: u8, answers: Option<bool>, status: &str) -> serde_json::Value {
        json!({
            "uuid": uuid(number), "hostname": format!("headnode{number}"), "admin_ip": null, "headnode": true, "setup": true,
            "status": status, "answers": answers, "platform": null, "nic_tags": null, "resolvers": null,
            "learnt": {"from": "CNAPI", "at": AT},
        })
    }

    fn binder(number: u8, on: u8, state: &str) -> serde_json::Value {
        let nic = |tag: &str, ip: String| json!({"mac": "02:00:00:00:00:01", "ip": ip, "nic_tag": tag, "network": null, "primary": true, "interface": null});
        json!({
            "uuid": uuid(100 + number), "service": "binder", "alias": format!("binder{number}"), "server": uuid(on),
            "image": null, "state": state, "delegate_dataset": true, "dns_domain": null, "payload": null,
            "sapi_record": null, "in_sapi": true, "in_vmapi": true, "learnt": [],
            "nics": [nic("external", format!("10.88.88.{number}")), nic("admin", format!("10.99.99.1{number}"))],
        })
    }

    fn uuid(number: u8) -> String {
        format!("564dc3a8-27e1-4f60-9b55-{number:012}")
    }

    #[test]
    fn binders_that_live_are_those_that_run_where_nothing_speaks_against_it() {
        let text = json!({
            "kind": documents::inventory::KIND, "taken_at": AT, "taken_on": uuid(1),
            "dc": {"name": "coal", "dns_domain": "joyent.us", "admin_owner": null, "sapi_app": null,
                   "learnt": {"from": "config", "at": AT}},
            "sources": [], "services": [], "other_vms": [], "networks": [], "images": [], "restore_points": [],
            "reserved": [], "zk_servers": [], "fences": [], "warnings": [],
            "servers": [server(1, None, "unknown"), server(2, Some(false), "running"), server(3, None, "running"),
                        server(4, Some(true), "unknown"), server(5, None, "unknown")],
            "instances": [binder(4, 4, "running"), binder(1, 1, "running"), binder(2, 2, "running"), binder(3, 3, "running"),
                          binder(5, 5, "running"), binder(6, 1, "stopped")],
        });
        let (inventory, _) = read::inventory(text.to_string().as_bytes()).unwrap();
        let told: Vec<String> = inventory
            .live_binders()
            .iter()
            .map(IpAddr::to_string)
            .collect();
        assert_eq!(told, ["10.99.99.11", "10.99.99.13", "10.99.99.14"]);
    }
}
