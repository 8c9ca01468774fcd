// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The one state model of the lab: what a datacenter is made of. Commands, API servers, DNS and the physics all read and
//! change this and nothing else, so that they can't contradict each other by accident.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// A whole datacenter.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Dc {
    pub name: String,
    pub dns_domain: String,
    /// Owner of every core zone (`ufds_admin_uuid`).
    pub admin_owner: Uuid,
    /// UUID of the SAPI application `sdc`.
    pub sdc_app: Uuid,
    /// By hostname.
    pub hosts: BTreeMap<String, Host>,
    /// What the manatee shard holds. It answers while any moray zone runs on a live host.
    pub moray: Moray,
    /// What registrars wrote into ZooKeeper. It answers while any binder zone runs.
    pub registrations: Vec<Registration>,
}

/// A server: a headnode or a compute node.
#[derive(Debug, Serialize, Deserialize)]
pub struct Host {
    pub name: String,
    pub uuid: Uuid,
    pub admin_ip: Ipv4Addr,
    pub headnode: bool,
    pub state: HostState,
    /// When it booted last, in seconds since the epoch.
    pub booted: u64,
    /// Zones, by UUID.
    pub vms: BTreeMap<Uuid, Vm>,
    /// Datasets by full name (`zones/<uuid>/data`); snapshots live in their dataset.
    pub datasets: BTreeMap<String, Dataset>,
    /// Installed images: UUID to manifest.
    pub images: BTreeMap<Uuid, Value>,
    /// NIC tags that this host provides.
    pub nic_tags: Vec<String>,
    /// Bytes of pool left (what `zfs list` and `sysinfo` tell of it).
    pub pool_size: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostState {
    Up,
    /// Power is off or the machine hangs: nothing of it answers.
    Down,
}

/// A zone as `vmadm` knows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Vm {
    pub uuid: Uuid,
    /// What `vmadm get` prints but for the live fields below (alias, tags, nics, resolvers, ...).
    pub props: Map<String, Value>,
    /// `running`, `stopped`, `provisioning`, `failed`...
    pub state: String,
    /// Set once the first boot ran, whatever came of it.
    pub ran_user_script: bool,
    /// Counts boots; a boot thread of an older generation stops when it sees a newer one.
    pub boot: u64,
}

impl Vm {
    /// The core service this zone is (`tags.smartdc_role`).
    pub fn role(&self) -> Option<&str> {
        self.props.get("tags")?.get("smartdc_role")?.as_str()
    }

    pub fn alias(&self) -> &str {
        self.props
            .get("alias")
            .and_then(Value::as_str)
            .unwrap_or("")
    }

    /// Address of the NIC on the `admin` tag.
    pub fn admin_ip(&self) -> Option<Ipv4Addr> {
        let nics = self.props.get("nics")?.as_array()?;
        let nic = nics.iter().find(|nic| nic["nic_tag"] == "admin")?;
        nic["ip"].as_str()?.parse().ok()
    }
}

/// A ZFS dataset. Its files lie on disk, see `Lab::dataset_files`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Dataset {
    pub guid: u64,
    /// Seconds since the epoch.
    pub creation: u64,
    /// Properties set here (local), by name; user properties (`a:b`) too.
    pub properties: BTreeMap<String, String>,
    /// Oldest first.
    pub snapshots: Vec<Snapshot>,
    /// What is left of snapshots, to send from.
    pub bookmarks: Vec<Snapshot>,
    /// `dataset@snapshot` this is a clone of.
    pub origin: Option<String>,
    /// Names its folder of files; stays the same when the dataset is renamed.
    pub store: String,
    /// Set while a resumable receive is unfinished.
    pub receive_resume_token: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Snapshot {
    pub name: String,
    pub guid: u64,
    pub creation: u64,
    pub createtxg: u64,
    /// Bytes that its files hold.
    pub referenced: u64,
    /// Hold tags.
    pub holds: Vec<String>,
    pub properties: BTreeMap<String, String>,
    /// Names its folder of files.
    pub store: String,
}

/// Moray's buckets: bucket name to key to object.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Moray {
    pub buckets: BTreeMap<String, BTreeMap<String, MorayObject>>,
    pub next_id: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MorayObject {
    pub value: Value,
    pub etag: String,
    pub id: u64,
    /// Milliseconds since the epoch.
    pub mtime: u64,
}

impl Moray {
    pub fn get(&self, bucket: &str, key: &str) -> Option<&MorayObject> {
        self.buckets.get(bucket)?.get(key)
    }

    /// Writes an object as `putObject` does: a new id on creation, an etag from the content.
    pub fn put(&mut self, bucket: &str, key: &str, value: Value, now_ms: u64) {
        let etag = etag_of(&value);
        let objects = self.buckets.entry(bucket.to_owned()).or_default();
        let id = objects.get(key).map(|object| object.id).unwrap_or_else(|| {
            self.next_id += 1;
            self.next_id
        });
        objects.insert(
            key.to_owned(),
            MorayObject {
                value,
                etag,
                id,
                mtime: now_ms,
            },
        );
    }

    pub fn delete(&mut self, bucket: &str, key: &str) -> Option<MorayObject> {
        self.buckets.get_mut(bucket)?.remove(key)
    }

    /// Objects of a bucket in creation order, as moray's `_id` order gives them.
    pub fn list(&self, bucket: &str) -> Vec<&MorayObject> {
        let mut objects: Vec<_> = self
            .buckets
            .get(bucket)
            .map(|b| b.values().collect())
            .unwrap_or_default();
        objects.sort_by_key(|object: &&MorayObject| object.id);
        objects
    }
}

/// Eight upper-case hex digits, as moray's etags are.
pub fn etag_of(value: &Value) -> String {
    use sha1::Digest;
    let digest = sha1::Sha1::digest(value.to_string().as_bytes());
    format!(
        "{:02X}{:02X}{:02X}{:02X}",
        digest[0], digest[1], digest[2], digest[3]
    )
}

/// One ephemeral node that a zone's registrar wrote: NAME resolves to ADDRESS.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Registration {
    /// `vmapi.dc.domain`
    pub name: String,
    pub address: Ipv4Addr,
    pub vm: Uuid,
    /// When the session of a dead registrar runs out; `None` while it lives.
    #[serde(skip)]
    pub expires: Option<Instant>,
}

impl Dc {
    /// `<service>.<dc>.<domain>`
    pub fn name_of(&self, service: &str) -> String {
        format!("{service}.{}.{}", self.name, self.dns_domain)
    }

    pub fn host_by_ip(&self, ip: Ipv4Addr) -> Option<&Host> {
        self.hosts.values().find(|host| host.admin_ip == ip)
    }

    /// Running zones of a service on live hosts.
    pub fn running(&self, role: &str) -> Vec<(&Host, &Vm)> {
        self.hosts
            .values()
            .filter(|host| host.state == HostState::Up)
            .flat_map(|host| host.vms.values().map(move |vm| (host, vm)))
            .filter(|(_, vm)| vm.state == "running" && vm.role() == Some(role))
            .collect()
    }

    /// True while some moray zone can answer.
    pub fn moray_answers(&self) -> bool {
        !self.running("moray").is_empty()
    }
}
