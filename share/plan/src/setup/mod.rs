// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What speaks against making a compute node a headnode. Nothing is assumed: what nobody could tell is `unknown`, and unknown is
//! not fit.

mod case;
mod guards;
mod notices;
mod planner;
mod steps;

use std::net::IpAddr;

use documents::inventory::{Inventory, Server};
use documents::{Timestamp, Uuid};
use serde::Serialize;

pub use guards::{GUARDS, check};
pub use planner::{SetupOptions, plan_setup, run_of};

/// A server that is to become a headnode, as it was found over ssh just now; or why it was not.
#[derive(Debug, Clone, PartialEq)]
pub struct Prospect {
    pub server: Uuid,
    pub at: Timestamp,
    pub seen: Result<Seen, String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// It was booted as a headnode.
    pub headnode: bool,
    pub setup: bool,
    /// Its setup was finished, as `/var/lib/setup.json` tells: headnode.sh makes core zones where it was not.
    pub whole: bool,
    /// What is its own in a configuration; or why nobody could tell.
    pub own: Result<Own, String>,
    /// The platform that runs.
    pub platform: Option<String>,
    /// MiB.
    pub memory: Option<u64>,
    /// What it could boot from; or why there is nothing.
    pub medium: Result<Medium, String>,
    /// The database's shard, where it has a running peer of it; or why nobody could tell.
    pub shard: Result<Option<Shard>, String>,
}

/// What a new headnode's configuration has of the headnode itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    pub hostname: String,
    /// MAC of its NIC on the admin network.
    pub admin_nic: String,
    pub admin_ip: IpAddr,
}

/// What a peer of the database tells of its shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// The role of the peer that is on the server.
    pub role: String,
    /// Peers that serve or stand by.
    pub peers: usize,
    /// What is wrong with them.
    pub faults: Vec<String>,
    /// Why nobody takes over, where somebody froze the shard.
    pub frozen: Option<String>,
    /// It is set up to have one peer alone.
    pub one_node: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Medium {
    /// A Triton key that can be mounted.
    Key,
    /// Its pool has a boot dataset.
    Pool(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Fit,
    /// Somebody took the risk by its flag.
    Accepted,
    Refused,
    Unknown,
}

/// What one guard says of one server, and by whose word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub server: String,
    pub guard: &'static str,
    pub verdict: Verdict,
    pub why: String,
    /// The flag that accepts it; absent where nothing does.
    pub accept: Option<&'static str>,
    pub from: String,
    pub at: Timestamp,
}

/// Risks that the operator takes by name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accepted {
    pub many: bool,
    pub other_vms: bool,
    pub little_room: bool,
}

/// The servers by their names, each once, in the order of their hostnames.
pub fn named<'a>(inventory: &'a Inventory, names: &[String]) -> Result<Vec<&'a Server>, String> {
    let mut servers = Vec::new();
    for name in names {
        let found = inventory.server(name).ok_or_else(|| {
            format!(
                "there is no server {name} in the inventory; triton-inventory servers lists all"
            )
        })?;
        servers.push(found);
    }
    servers.sort_by(|one, other| (&one.hostname, one.uuid).cmp(&(&other.hostname, other.uuid)));
    servers.dedup_by(|one, other| one.uuid == other.uuid);
    Ok(servers)
}
