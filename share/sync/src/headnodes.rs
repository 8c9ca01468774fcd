// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The headnodes of the datacenter: this one, by its own word; the others, by CNAPI's or, while that is down, by what restore
//! data remembers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;

use documents::Uuid;
use documents::restore_data::Part;
use platform::sysinfo::{self, Sysinfo};
use platform::{Canceller, Host, SshTarget, usbkey};
use serde_json::Value;

use crate::error::SyncError;
use crate::hosts;
use crate::store::Store;
use crate::trust::Offer;

/// What this headnode knows of itself.
#[derive(Debug, Clone)]
pub struct ThisHeadnode {
    pub uuid: Uuid,
    pub hostname: String,
    pub datacenter: String,
    pub dns_domain: String,
    /// Owner of the core zones.
    pub admin_owner: Option<Uuid>,
}

impl ThisHeadnode {
    pub fn look(host: &Host) -> Result<ThisHeadnode, SyncError> {
        let sysinfo =
            sysinfo::get(host).map_err(|e| hosts::failed("tell which server this is", e))?;
        let config = usbkey::config(host)
            .map_err(|e| hosts::failed("read this headnode's configuration", e))?;
        let needed = |key: &str| {
            config.get(key).map(str::to_owned).ok_or_else(|| {
                SyncError::Setup(format!(
                    "/usbkey/config on {} has no {key}; is this a headnode?",
                    host.name()
                ))
            })
        };
        Ok(ThisHeadnode {
            uuid: sysinfo.uuid,
            hostname: sysinfo.hostname,
            datacenter: needed("datacenter_name")?,
            dns_domain: needed("dns_domain")?,
            admin_owner: config
                .get("ufds_admin_uuid")
                .and_then(|text| text.parse().ok()),
        })
    }
}

/// Another headnode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headnode {
    /// None for one that was only given by its address.
    pub uuid: Option<Uuid>,
    pub hostname: String,
    pub address: Option<IpAddr>,
}

/// All headnodes that CNAPI or restore data knows, or that trust was set up with, by hostname.
pub fn known(
    cnapi: Option<&[Value]>,
    store: &Store,
    peers: &[Offer],
) -> Result<Vec<Headnode>, SyncError> {
    let mut found: BTreeMap<Uuid, Headnode> = BTreeMap::new();
    let mut add = |record: &Value| {
        if let Some(headnode) = of_record(record)
            && let Some(uuid) = headnode.uuid
        {
            found.entry(uuid).or_insert(headnode);
        }
    };
    cnapi.into_iter().flatten().for_each(&mut add);
    for server in store.servers()? {
        let Some(generation) = store.newest(server)?.generation else {
            continue;
        };
        for (_, servers) in generation.part(Part::Servers) {
            servers.as_array().into_iter().flatten().for_each(&mut add);
        }
    }
    for peer in peers {
        found.entry(peer.server).or_insert_with(|| Headnode {
            uuid: Some(peer.server),
            hostname: peer.hostname.clone(),
            address: Some(peer.address),
        });
    }
    let mut headnodes: Vec<Headnode> = found.into_values().collect();
    headnodes.sort_by(|a, b| (&a.hostname, a.uuid).cmp(&(&b.hostname, b.uuid)));
    Ok(headnodes)
}

/// The others, or those that were asked for by hostname, UUID or admin address.
pub fn chosen(
    known: Vec<Headnode>,
    asked: &[String],
    this: Uuid,
) -> Result<Vec<Headnode>, SyncError> {
    if asked.is_empty() {
        let others = known.into_iter().filter(|one| one.uuid != Some(this));
        return Ok(others.collect());
    }
    let mut chosen: Vec<Headnode> = Vec::new();
    for name in asked {
        let address: Option<IpAddr> = name.parse().ok();
        let is_it = |one: &&Headnode| {
            one.hostname == *name
                || one.uuid.is_some_and(|uuid| uuid.to_string() == *name)
                || (address.is_some() && one.address == address)
        };
        let found: Vec<&Headnode> = known.iter().filter(is_it).collect();
        let headnode = match (found.as_slice(), address) {
            ([one], _) => (*one).clone(),
            ([], Some(_)) => Headnode {
                uuid: None,
                hostname: name.clone(),
                address,
            },
            ([], None) => {
                let names: Vec<&str> = known.iter().map(|one| one.hostname.as_str()).collect();
                return Err(SyncError::NoSuchHeadnode {
                    name: name.clone(),
                    known: names.join(", "),
                });
            }
            (several, _) => {
                return Err(SyncError::NoSuchHeadnode {
                    name: format!("{name} (it is the name of {}; use a UUID)", several.len()),
                    known: String::new(),
                });
            }
        };
        if headnode.uuid == Some(this) {
            return Err(SyncError::Itself(name.clone()));
        }
        if !chosen.contains(&headnode) {
            chosen.push(headnode);
        }
    }
    Ok(chosen)
}

fn of_record(record: &Value) -> Option<Headnode> {
    if record["headnode"] != true {
        return None;
    }
    let uuid: Uuid = record["uuid"].as_str()?.parse().ok()?;
    let sysinfo: Option<Sysinfo> = serde_json::from_value(record["sysinfo"].clone()).ok();
    let hostname = record["hostname"].as_str().map(str::to_owned);
    Some(Headnode {
        uuid: Some(uuid),
        hostname: hostname.unwrap_or_else(|| uuid.to_string()),
        address: sysinfo.and_then(|sysinfo| sysinfo.admin_ip()),
    })
}

/// Headnodes that were declared dead, as this headnode's copies of fences have it. What is left of them here is all there is.
pub fn declared_dead(host: &Host) -> Result<BTreeSet<Uuid>, SyncError> {
    let fences = quorum::copies::all(host);
    let fences =
        fences.map_err(|e| hosts::failed("read which servers were declared dead", e.into()))?;
    let standing = fences.iter().filter(|fence| fence.stands());
    Ok(standing.map(|fence| fence.server).collect())
}

/// How we log in on other headnodes. Without an identity, by ssh's own defaults.
#[derive(Debug, Clone, Default)]
pub struct Login {
    pub identity: Option<PathBuf>,
    pub known_hosts: Option<PathBuf>,
    pub canceller: Option<Canceller>,
}

impl Login {
    /// The headnode by ssh; nothing is sent yet.
    pub fn host(&self, headnode: &Headnode) -> Result<Host, SyncError> {
        let address = headnode.address.ok_or_else(|| SyncError::Unreachable {
            host: headnode.hostname.clone(),
            why: "its admin address is not known; give it with --from ADDRESS".to_owned(),
        })?;
        let host = Host::ssh(SshTarget {
            server_name: headnode.hostname.clone(),
            address,
            identity: self.identity.clone(),
            known_hosts: self.known_hosts.clone(),
        });
        Ok(match &self.canceller {
            Some(canceller) => host.with_canceller(canceller.clone()),
            None => host,
        })
    }

    /// Logs in, and makes sure that it is the server that we mean: an address may have a new owner.
    pub fn connect(&self, headnode: &Headnode) -> Result<(Host, Sysinfo), SyncError> {
        let host = self.host(headnode)?;
        let found = sysinfo::get(&host).map_err(|e| hosts::failed("ask which server it is", e))?;
        match headnode.uuid {
            Some(wanted) if wanted != found.uuid => Err(SyncError::WrongServer {
                host: headnode.hostname.clone(),
                found: found.uuid.to_string(),
                wanted: wanted.to_string(),
            }),
            _ => Ok((host, found)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const THIS: Uuid = Uuid::from_u128(1);

    fn known_here() -> Vec<Headnode> {
        let servers = [(1u128, "headnode0"), (2, "headnode1"), (3, "headnode1")].map(|(n, name)| {
            let uuid = Uuid::from_u128(n);
            json!({"uuid": uuid, "hostname": name, "headnode": true,
                   "sysinfo": {"UUID": uuid, "Hostname": name, "Admin IP": format!("10.99.99.{n}")}})
        });
        let cn = json!({"uuid": Uuid::from_u128(9), "hostname": "cn0", "headnode": false});
        let all: Vec<Value> = servers.into_iter().chain([cn]).collect();
        known(Some(&all), &Store::new("/nowhere at all"), &[]).unwrap()
    }

    #[test]
    fn the_others_are_all_headnodes_but_this_one() {
        let others = chosen(known_here(), &[], THIS).unwrap();
        assert_eq!(others.len(), 2);
        assert_eq!(others[0].address, Some("10.99.99.2".parse().unwrap()));
    }

    #[test]
    fn a_headnode_is_named_by_uuid_or_address_or_hostname() {
        let uuid = Uuid::from_u128(2).to_string();
        for name in [uuid.as_str(), "10.99.99.2"] {
            let one = chosen(known_here(), &[name.to_owned()], THIS).unwrap();
            assert_eq!(one[0].uuid, Some(Uuid::from_u128(2)), "{name}");
        }
        let unheard_of = chosen(known_here(), &["10.99.99.77".to_owned()], THIS).unwrap();
        assert_eq!(unheard_of[0].uuid, None);
    }

    #[test]
    fn a_name_that_is_unknown_or_of_two_or_of_this_one_is_refused() {
        for (name, says) in [
            ("headnode7", "headnode0, headnode1, headnode1"),
            ("headnode1", "use a UUID"),
            ("headnode0", "--local"),
        ] {
            let error = chosen(known_here(), &[name.to_owned()], THIS).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
