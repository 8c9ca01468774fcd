// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Setting addresses aside for the day when no NAPI lives. They belong, in NAPI, to a holder that is nobody's but the restore's;
//! the next sync takes them into restore data.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use apis::Napi;
use apis::napi::{BelongsTo, IpChange};
use apply::{World, WorldOptions};
use cli::{Exit, Failure, confirm, install, output};
use documents::inventory::holder_of_reserved;
use documents::{Inventory, Uuid};
use plan::reservation::{self, Need};
use platform::{Canceller, Host};
use serde::Serialize;
use sync::headnodes::Login;

use crate::arguments::Reserve;
use crate::restore::PRODUCT;

/// What `reserve` prints.
#[derive(Serialize)]
struct Reservation {
    kind: &'static str,
    networks: Vec<Reserved>,
}

#[derive(Serialize)]
struct Reserved {
    #[serde(flatten)]
    need: Need,
    /// Set aside by this call.
    added: Vec<IpAddr>,
}

/// Whose addresses they become.
struct Holder {
    uuid: Uuid,
    owner: Uuid,
}

pub fn run(arguments: &Reserve) -> Result<Exit, Failure> {
    let inventory = inventory(arguments)?;
    let holder = holder(&inventory)?;
    let needs = reservation::needs(&inventory, &install::catalogue(&arguments.common)?);
    let missing: usize = needs.iter().map(Need::missing).sum();
    if !arguments.plan && missing > 0 {
        confirm::confirm(&question(&needs), arguments.yes)?;
    }
    let world = WorldOptions {
        root: arguments.common.root.clone(),
        product: PRODUCT.to_owned(),
        urls: arguments.urls.clone(),
        canceller: Canceller::new(),
        known: Default::default(),
    };
    let world = World::here(world, holder.uuid).map_err(Failure::failed)?;
    let napi = world.napi().map_err(Failure::failed)?;
    let mut networks = Vec::new();
    for need in needs {
        let added = match arguments.plan {
            true => Vec::new(),
            false => set_aside(&napi, &need, &holder)?,
        };
        networks.push(Reserved { need, added });
    }
    let short = networks
        .iter()
        .any(|one| one.need.reserved + one.added.len() < one.need.needed);
    output::json_line(&Reservation {
        kind: "triton.reservation/1",
        networks,
    })?;
    Ok(if short { Exit::Failed } else { Exit::Done })
}

/// Only what is live counts: restore data may not know of addresses that are used by now.
fn inventory(arguments: &Reserve) -> Result<Inventory, Failure> {
    let options = gather::Options {
        host: Host::local(&arguments.common.root),
        urls: arguments.urls.iter().cloned().collect(),
        login: Login::default(),
        product: PRODUCT.to_owned(),
    };
    let inventory = gather::inventory(&options).map_err(Failure::failed)?;
    let napi = inventory
        .sources
        .iter()
        .find(|source| source.name == "napi");
    match napi {
        Some(napi) if napi.answered => Ok(inventory),
        silent => {
            let why = silent.and_then(|source| source.why.clone());
            Err(Failure::refused(format!(
                "NAPI, which keeps the addresses, does not answer: {}; try again when it does",
                why.unwrap_or_else(|| "it was not asked".to_owned())
            )))
        }
    }
}

fn holder(inventory: &Inventory) -> Result<Holder, Failure> {
    match (inventory.dc.sapi_app, inventory.dc.admin_owner) {
        (Some(application), Some(owner)) => Ok(Holder {
            uuid: holder_of_reserved(application),
            owner,
        }),
        _ => Err(Failure::refused(
            "neither SAPI nor restore data says which datacenter this is, and addresses are set aside for one datacenter only",
        )),
    }
}

fn question(needs: &[Need]) -> String {
    let short = needs.iter().filter(|need| need.missing() > 0);
    let lines = short.map(|need| {
        format!(
            "  {}: {} of {} addresses that a restore needs are reserved, {} more\n",
            need.name,
            need.reserved,
            need.needed,
            need.missing()
        )
    });
    format!("{}reserve them in NAPI?", lines.collect::<String>())
}

/// As many addresses as are missing, or as there are.
fn set_aside(napi: &Napi, need: &Need, holder: &Holder) -> Result<Vec<IpAddr>, Failure> {
    let id = need.network.to_string();
    if need.missing() == 0 {
        return Ok(Vec::new());
    }
    let network = napi.get_network(&id).map_err(Failure::failed)?.value;
    let (Some(IpAddr::V4(first)), Some(IpAddr::V4(last))) =
        (network.provision_start_ip, network.provision_end_ip)
    else {
        return Err(Failure::failed(format!(
            "NAPI does not say from where to where the network {} gives out IPv4 addresses",
            need.name
        )));
    };
    let known = napi.list_ips(&id).map_err(Failure::failed)?;
    let used: BTreeSet<Ipv4Addr> = known
        .iter()
        .filter(|ip| !ip.free)
        .filter_map(|ip| match ip.ip {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        })
        .collect();
    let mut added = Vec::new();
    for ip in reservation::choose(first, last, &used, need.missing()) {
        let ip = IpAddr::V4(ip);
        let change = IpChange {
            belongs_to_type: Some(BelongsTo::Other),
            belongs_to_uuid: Some(holder.uuid),
            check_owner: Some(false),
            ..IpChange::reserve(Some(holder.owner))
        };
        // Somebody may have been given it since: an address that is not free any more is left alone.
        let there = napi.get_ip(&id, ip).map_err(Failure::failed)?;
        if !there.value.free {
            continue;
        }
        napi.update_ip(&id, ip, &change, there.etag.as_deref())
            .map_err(Failure::failed)?;
        added.push(ip);
    }
    Ok(added)
}
