// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The other headnodes, and what this one and they have of the files that should be alike on all.

use std::path::Path;

use cli::{Common, Failure, input};
use documents::Timestamp;
use documents::inventory::{Inventory, Server};
use platform::{Command, Host, SshTarget};
use sync::headnodes::Login;
use usbkey::Manifest;

use crate::arguments::Peers;
use crate::medium;

const PRODUCT: &str = concat!("triton-usbkey-image/", env!("CARGO_PKG_VERSION"));

/// `/usbkey`, the copy that a headnode makes of its medium at every boot, and what else it has there.
pub const COPY: &str = "/usbkey";

/// Another headnode; without a host when nobody knows its address.
pub struct Peer {
    pub hostname: String,
    pub host: Option<Host>,
}

/// The shared files of one headnode.
pub struct Held {
    pub medium: Manifest,
    pub copy: Manifest,
    pub at: Timestamp,
}

/// The other headnodes by hostname: those named, or all.
pub fn others(common: &Common, flags: &Peers, named: &[String]) -> Result<Vec<Peer>, Failure> {
    let inventory = inventory(common, flags)?;
    let is_other = |server: &&Server| server.headnode && server.uuid != inventory.taken_on;
    let mut others: Vec<&Server> = inventory.servers.iter().filter(is_other).collect();
    if !named.is_empty() {
        others = named
            .iter()
            .map(|name| named_one(name, &others))
            .collect::<Result<_, _>>()?;
    }
    others.sort_by(|one, other| one.hostname.cmp(&other.hostname));
    others.dedup_by(|one, other| one.uuid == other.uuid);
    Ok(others
        .into_iter()
        .map(|server| peer(server, flags))
        .collect())
}

fn named_one<'a>(name: &str, others: &[&'a Server]) -> Result<&'a Server, Failure> {
    let is_it = |server: &&&Server| server.hostname == name || server.uuid.to_string() == name;
    let known = || {
        let names: Vec<&str> = others.iter().map(|other| other.hostname.as_str()).collect();
        names.join(", ")
    };
    others.iter().find(is_it).copied().ok_or_else(|| {
        Failure::bad(format!(
            "{name} is no other headnode that the inventory knows; it knows: {}",
            known()
        ))
    })
}

fn peer(server: &Server, flags: &Peers) -> Peer {
    let target = |address| SshTarget {
        server_name: server.hostname.clone(),
        address,
        identity: flags.identity.clone(),
        known_hosts: flags.known_hosts.clone(),
    };
    Peer {
        hostname: server.hostname.clone(),
        host: server.admin_ip.map(|address| Host::ssh(target(address))),
    }
}

/// The one given, or one taken now.
fn inventory(common: &Common, flags: &Peers) -> Result<Inventory, Failure> {
    if let Some(from) = &flags.inventory {
        return input::inventory(from);
    }
    let options = gather::Options {
        host: Host::local(&common.root),
        urls: Default::default(),
        login: Login {
            identity: flags.identity.clone(),
            known_hosts: flags.known_hosts.clone(),
            canceller: None,
        },
        product: PRODUCT.to_owned(),
    };
    gather::inventory(&options).map_err(Failure::failed)
}

/// What this headnode has.
pub fn held_here(common: &Common) -> Result<Held, Failure> {
    let copy = Host::local(&common.root).path(COPY);
    Ok(Held {
        at: Timestamp::now(),
        medium: medium::own_manifest(common, true)?,
        copy: medium::manifest(&copy, true)?,
    })
}

impl Peer {
    /// What it has; or why nobody knows.
    pub fn held(&self) -> Result<Held, String> {
        let manifest = |of: &[&str]| {
            let command = Command::new("triton-usbkey-image").args(["manifest", "--shared"]);
            let host = self.host()?;
            let text = host
                .run_ok(&command.args(of))
                .map_err(|error| error.to_string())?;
            let from = format!("the manifest of {}", self.hostname);
            match text.is_empty() {
                true => Ok(Manifest::default()),
                false => Manifest::parse(text.as_bytes(), &from).map_err(|error| error.to_string()),
            }
        };
        Ok(Held {
            at: Timestamp::now(),
            medium: manifest(&[])?,
            copy: manifest(&[COPY])?,
        })
    }

    pub fn host(&self) -> Result<&Host, String> {
        self.host.as_ref().ok_or_else(|| {
            format!(
                "nobody knows the admin address of {}; give an inventory of a time when CNAPI lived (-i)",
                self.hostname
            )
        })
    }
}

/// The datacenter that a key's config is of; `None` where there is no config on it yet.
pub fn datacenter_of(folder: &Path) -> Result<Option<String>, Failure> {
    let path = folder.join("config");
    let text = match std::fs::read(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Failure::failed(format!(
                "can't read {}: {error}",
                path.display()
            )));
        }
    };
    let config = platform::usbkey::parse_config(&text)
        .map_err(|error| Failure::bad(format!("{}: {error}", path.display())))?;
    Ok(config.get("datacenter_name").map(str::to_owned))
}
