// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What the machines say of themselves: this headnode in full; the others their zones and resolvers, by ssh, all at the same
//! time and with little patience.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use documents::inventory::Source;
use documents::{Timestamp, Uuid};
use platform::sysinfo::Sysinfo;
use platform::{Command, Host, imgadm, resolv_conf, vmadm, zfs};
use serde_json::Value;
use sync::SyncError;
use sync::headnodes::{Headnode, Login};

use crate::facts::Machine;

/// How long another headnode has to list its zones. Reaching it has ssh's own five seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// headnode.sh leaves it once it has added the rules that let the admin network reach core zones.
const FIREWALL_RULES: &str = "/var/fw/.default_rules_setup";

/// A machine that let us look, and the account of having asked.
pub struct Looked {
    pub server: Option<Uuid>,
    pub machine: Option<Machine>,
    pub sources: Vec<Source>,
    /// It answered by ssh.
    pub answers: bool,
}

/// This headnode.
pub fn this(host: &Host, sysinfo: Sysinfo) -> Looked {
    thread::scope(|scope| {
        let images = scope.spawn(|| {
            let images = imgadm::list(host).map_err(|error| error.to_string())?;
            let manifests = images
                .iter()
                .map(|image| serde_json::to_value(&image.manifest));
            manifests
                .collect::<Result<Vec<Value>, _>>()
                .map_err(|error| error.to_string())
        });
        let zones = zones(host, None);
        let images = images
            .join()
            .unwrap_or_else(|_| Err("asking ended in a fault of this program".to_owned()));
        let name = sysinfo.hostname.clone();
        let sources = vec![
            account(&format!("vmadm@{name}"), &name, zones.as_ref().err()),
            account(&format!("imgadm@{name}"), &name, images.as_ref().err()),
        ];
        Looked {
            server: Some(sysinfo.uuid),
            machine: Some(Machine {
                server: sysinfo.uuid,
                hostname: name,
                at: Timestamp::now(),
                zones: zones.ok(),
                images: images.ok(),
                bootable: bootable(host),
                firewall_rules: host.exists(FIREWALL_RULES).ok(),
                pool_free: zfs::dataset(host, "zones")
                    .ok()
                    .flatten()
                    .map(|pool| pool.avail),
                resolvers: resolvers(host),
                sysinfo: Some(sysinfo),
            }),
            sources,
            answers: true,
        }
    })
}

/// Other headnodes, each in a thread of its own.
pub fn others(headnodes: &[Headnode], login: &Login) -> Vec<Looked> {
    thread::scope(|scope| {
        let threads: Vec<_> = headnodes
            .iter()
            .map(|headnode| scope.spawn(|| other(headnode, login)))
            .collect();
        threads
            .into_iter()
            .filter_map(|thread| thread.join().ok())
            .collect()
    })
}

fn other(headnode: &Headnode, login: &Login) -> Looked {
    let name = format!("vmadm@{}", headnode.hostname);
    let asked = match headnode.address {
        Some(address) => format!("root@{address}"),
        None => headnode.hostname.clone(),
    };
    let (host, sysinfo) = match login.connect(headnode) {
        Ok(connected) => connected,
        Err(error) => {
            let why = error.to_string();
            return Looked {
                server: headnode.uuid,
                machine: None,
                answers: is_alive(&error),
                sources: vec![account(&name, &asked, Some(&why))],
            };
        }
    };
    let zones = zones(&host, Some(PATIENCE));
    Looked {
        server: Some(sysinfo.uuid),
        sources: vec![account(&name, &asked, zones.as_ref().err())],
        answers: true,
        machine: Some(Machine {
            server: sysinfo.uuid,
            hostname: sysinfo.hostname.clone(),
            at: Timestamp::now(),
            zones: zones.ok(),
            images: None,
            bootable: None,
            firewall_rules: None,
            pool_free: None,
            resolvers: resolvers(&host),
            sysinfo: Some(sysinfo),
        }),
    }
}

/// Whether a server that we could not look at is there all the same: one that lets nobody in is up.
fn is_alive(error: &SyncError) -> bool {
    match error {
        SyncError::Unreachable { why, .. } => {
            why.contains("Permission denied") || why.contains("Host key verification failed")
        }
        // Its address belongs to another server now.
        SyncError::WrongServer { .. } => false,
        _ => true,
    }
}

fn zones(host: &Host, patience: Option<Duration>) -> Result<Vec<Value>, String> {
    let Some(patience) = patience else {
        let zones = vmadm::lookup_json(host, &[]).map_err(|error| error.to_string())?;
        return Ok(zones.into_iter().map(Value::Object).collect());
    };
    let command = Command::new("vmadm")
        .args(["lookup", "-j"])
        .timeout(patience);
    let text = host.run_ok(&command).map_err(|error| error.to_string())?;
    serde_json::from_str(&text)
        .map_err(|error| format!("what vmadm lookup printed on {}: {error}", host.name()))
}

fn resolvers(host: &Host) -> Option<Vec<std::net::IpAddr>> {
    let conf = resolv_conf::get(host).ok()?;
    Some(conf.nameservers)
}

/// Platforms that a headnode can boot others from.
fn bootable(host: &Host) -> Option<Vec<String>> {
    host.list("/usbkey/os").ok()
}

/// Snapshots below a dataset here, as `dataset@snapshot` and GUID.
pub fn snapshots(host: &Host, below: &str) -> Result<BTreeSet<(String, String)>, String> {
    let listed = zfs::snapshot_tree(host, below).map_err(|error| error.to_string())?;
    Ok(listed
        .into_iter()
        .map(|snapshot| (snapshot.name, snapshot.guid.to_string()))
        .collect())
}

/// The account of having asked.
pub fn account(name: &str, asked: &str, why: Option<&String>) -> Source {
    Source {
        name: name.to_owned(),
        asked: asked.to_owned(),
        answered: why.is_none(),
        at: Timestamp::now(),
        why: why.cloned(),
    }
}
