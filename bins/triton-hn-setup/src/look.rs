// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a server says of itself, over ssh: how it was booted, what it is, what it could boot from, and what
//! its manatee tells. A key that is not mounted is mounted for as long as that takes.

use documents::Timestamp;
use documents::inventory::Server;
use plan::setup::{Medium, Prospect, Seen, Shard};
use platform::usbkey::{status, with_medium};
use platform::{Error, Host, SshTarget, bootparams, manatee, sysinfo, vmadm, zfs};

use crate::arguments::Check;

/// Where a headnode that boots from its pool has its boot files.
const BOOT_DATASET: &str = "zones/boot";

pub fn at(server: &Server, check: &Check) -> Prospect {
    let at = Timestamp::now();
    let seen = match server.admin_ip {
        None => Err("the inventory has no admin address of it".to_owned()),
        Some(address) => {
            let target = SshTarget {
                server_name: server.hostname.clone(),
                address,
                identity: check.identity.clone(),
                known_hosts: check.known_hosts.clone(),
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
    Ok(Seen {
        headnode: booted.is_headnode(),
        setup: about.setup,
        platform: about.live_image,
        memory: about.mib_of_memory.and_then(|text| text.parse().ok()),
        medium,
        shard: shard(host).map_err(|error| error.to_string()),
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
