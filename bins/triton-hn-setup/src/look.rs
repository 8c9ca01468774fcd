// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a server says of itself, over ssh: how it was booted, what it is, what it could boot from, and what
//! its manatee tells. A key that is not mounted is mounted for as long as that takes.

use std::thread;

use cli::{Common, Failure, input};
use documents::Timestamp;
use documents::inventory::{Inventory, Server};
use plan::setup::{Medium, Own, Prospect, Seen, Shard};
use platform::sysinfo::Sysinfo;
use platform::usbkey::{status, with_medium};
use platform::{Error, Host, SshTarget, bootparams, manatee, setup_json, sysinfo, vmadm, zfs};

use sync::headnodes::Login;
use usbkey::Node;

use crate::arguments::Whom;

pub const PRODUCT: &str = concat!("triton-hn-setup/", env!("CARGO_PKG_VERSION"));

/// Where a headnode that boots from its pool has its boot files.
const BOOT_DATASET: &str = "zones/boot";

/// The inventory that was given, or one taken now.
pub fn inventory(common: &Common, whom: &Whom) -> Result<Inventory, Failure> {
    if let Some(from) = &whom.inventory {
        return input::inventory(from);
    }
    let options = gather::Options {
        host: Host::local(&common.root),
        urls: whom.urls.iter().cloned().collect(),
        login: Login {
            identity: whom.identity.clone(),
            known_hosts: whom.known_hosts.clone(),
            canceller: None,
        },
        product: PRODUCT.to_owned(),
    };
    gather::inventory(&options).map_err(Failure::failed)
}

/// Each in a thread of its own.
pub fn at_all(servers: &[&Server], whom: &Whom) -> Vec<Prospect> {
    thread::scope(|scope| {
        let threads: Vec<_> = servers
            .iter()
            .map(|server| scope.spawn(|| at(server, whom)))
            .collect();
        let found = threads.into_iter().filter_map(|thread| thread.join().ok());
        found.collect()
    })
}

fn at(server: &Server, whom: &Whom) -> Prospect {
    let at = Timestamp::now();
    let seen = match server.admin_ip {
        None => Err("the inventory has no admin address of it".to_owned()),
        Some(address) => {
            let target = SshTarget {
                server_name: server.hostname.clone(),
                address,
                identity: whom.identity.clone(),
                known_hosts: whom.known_hosts.clone(),
            };
            seen(&Host::ssh(target)).map_err(|error| error.to_string())
        }
    };
    Prospect {
        server: server.uuid,
        at,
        seen,
    }
}

fn seen(host: &Host) -> Result<Seen, Error> {
    let booted = bootparams::get(host)?;
    let about = sysinfo::get(host)?;
    let medium = match booted.boot_pool() {
        Some(pool) => Ok(Medium::Pool(pool.to_owned())),
        None => key_or_pool(host),
    };
    let setup = setup_json::get(host)?;
    Ok(Seen {
        headnode: booted.is_headnode(),
        setup: about.setup,
        whole: setup.is_some_and(|setup| setup.complete && setup.has_seen("setup_complete")),
        own: own(&about),
        platform: about.live_image,
        memory: about.mib_of_memory.and_then(|text| text.parse().ok()),
        medium,
        shard: shard(host).map_err(|error| error.to_string()),
    })
}

fn own(about: &Sysinfo) -> Result<Own, String> {
    let bytes = serde_json::to_vec(about).map_err(|error| error.to_string())?;
    let node = Node::of_sysinfo(&bytes, "its sysinfo").map_err(|error| error.to_string())?;
    Ok(Own {
        hostname: node.hostname,
        admin_nic: node.admin_nic,
        admin_ip: node.admin_ip,
    })
}

/// What its manatee tells of the whole shard; on one that does not run nobody depends.
fn shard(host: &Host) -> Result<Option<Shard>, Error> {
    let zones = vmadm::lookup(host, &["tags.smartdc_role=manatee", "state=running"])?;
    let Some(zone) = zones.first().map(|zone| zone.uuid) else {
        return Ok(None);
    };
    let told = manatee::shard(host, zone)?;
    let role = told.role(zone).map(|role| role.to_string());
    Ok(Some(Shard {
        role: role.unwrap_or_else(|| "peer without a role".to_owned()),
        peers: told.assigned().count(),
        faults: told.faults(),
        frozen: told.frozen,
        one_node: told.one_node,
    }))
}

fn key_or_pool(host: &Host) -> Result<Medium, String> {
    let why = match has_key(host) {
        Ok(true) => return Ok(Medium::Key),
        Ok(false) => "what is mounted has no .joyliveusb".to_owned(),
        Err(error) => error.to_string(),
    };
    match zfs::dataset(host, BOOT_DATASET) {
        Ok(Some(_)) => Ok(Medium::Pool(BOOT_DATASET.to_owned())),
        Ok(None) => Err(why),
        Err(error) => Err(format!("{why}; {error}")),
    }
}

fn has_key(host: &Host) -> Result<bool, Error> {
    if status(host)?.ok {
        return Ok(true);
    }
    with_medium(host, |_| Ok(status(host)?.steps.marker_file))
}
