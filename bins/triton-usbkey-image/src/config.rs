// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `triton-usbkey-image config`: the config that a new headnode sets itself up with.

use std::net::IpAddr;

use cli::{Common, Exit, Failure, input, output};
use documents::inventory::{Instance, Inventory};
use documents::read;
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
    let (inventory, _) = read::inventory(&input::read(from)?)?;
    let live = live_binders(&inventory);
    match live.is_empty() {
        false => Ok(live),
        true => Err(Failure::refused(
            "the inventory has no binder that is known to live; give their addresses with --binder",
        )),
    }
}

/// Admin addresses of the binders that run on servers that nothing speaks against, in the order of their names.
fn live_binders(inventory: &Inventory) -> Vec<IpAddr> {
    let lives = |instance: &&Instance| {
        let server = instance.server.and_then(|uuid| {
            let mut servers = inventory.servers.iter();
            servers.find(|server| server.uuid == uuid)
        });
        let server_lives = server.is_some_and(|server| {
            server.answers == Some(true)
                || (server.answers.is_none() && server.status.as_deref() == Some("running"))
                || server.uuid == inventory.taken_on
        });
        instance.service == "binder" && instance.state.as_deref() == Some("running") && server_lives
    };
    let mut binders: Vec<&Instance> = inventory.instances.iter().filter(lives).collect();
    binders.sort_by_key(|binder| (binder.alias.clone(), binder.uuid));
    let admin = |binder: &Instance| {
        let mut nics = binder.nics.iter();
        let nic = nics.find(|nic| nic.nic_tag == "admin" || nic.nic_tag.starts_with("admin_"))?;
        nic.ip
    };
    binders.into_iter().filter_map(admin).collect()
}
