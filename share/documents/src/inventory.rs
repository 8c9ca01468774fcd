// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The inventory: what is. Every fact says where it was learnt and when; what could not be learnt is said too.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::secret::SecretRef;
use crate::time::Timestamp;

pub const KIND: &str = "triton.inventory/1";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Inventory {
    pub kind: String,
    pub taken_at: Timestamp,
    /// Server it was taken on.
    pub taken_on: Uuid,
    pub dc: Datacenter,
    /// Everything that was asked, and whether it answered.
    pub sources: Vec<Source>,
    pub servers: Vec<Server>,
    /// SAPI's services.
    pub services: Vec<Service>,
    /// Core zones, in full, live or lost.
    pub instances: Vec<Instance>,
    /// All other VMs, as counts.
    pub other_vms: Vec<OtherVms>,
    pub networks: Vec<Network>,
    pub images: Vec<Image>,
    /// Restore points on this headnode.
    pub restore_points: Vec<RestorePoint>,
    /// Addresses set aside for a restore while no NAPI lives to give any.
    #[serde(default)]
    pub reserved: Vec<ReservedAddress>,
    /// Members of the datacenter's ZooKeeper, as `ZK_SERVERS` of SAPI's application has them.
    #[serde(default)]
    pub zk_servers: Vec<ZkServer>,
    pub fences: Vec<Fence>,
    /// What the gatherer noticed, such as two facts that contradict each other.
    pub warnings: Vec<String>,
    /// Fields of a newer version, kept as they came.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Where a fact comes from, and when it was true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Learnt {
    /// `sapi`, `vmapi`, `vmadm@headnode1`, `restore-data/<server>/<generation>`...
    pub from: String,
    pub at: Timestamp,
}

impl Learnt {
    pub fn new(from: impl Into<String>, at: Timestamp) -> Learnt {
        Learnt {
            from: from.into(),
            at,
        }
    }

    /// True when nothing live said so.
    pub fn from_restore_data(&self) -> bool {
        self.from.starts_with("restore-data/")
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Datacenter {
    pub name: String,
    pub dns_domain: String,
    /// Owner of the core zones (`ufds_admin_uuid`).
    pub admin_owner: Option<Uuid>,
    /// UUID of the SAPI application `sdc`.
    pub sapi_app: Option<Uuid>,
    pub learnt: Learnt,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// As in [`Learnt::from`].
    pub name: String,
    /// URL, host or path that was asked.
    pub asked: String,
    pub answered: bool,
    pub at: Timestamp,
    /// Why not, in the other side's words.
    pub why: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Server {
    pub uuid: Uuid,
    pub hostname: String,
    pub admin_ip: Option<IpAddr>,
    pub headnode: bool,
    pub setup: bool,
    /// CNAPI's word: `running`, `unknown`, `rebooting`. Absent when CNAPI was not reached.
    pub status: Option<String>,
    /// Whether it answered us just now, by ssh. Absent when it was not asked.
    pub answers: Option<bool>,
    pub platform: Option<String>,
    /// The platform that CNAPI has it boot next.
    #[serde(default)]
    pub boot_platform: Option<String>,
    /// Platforms under its `/usbkey/os`, which compute nodes can be booted from; absent where nobody looked.
    #[serde(default)]
    pub bootable: Option<Vec<String>>,
    /// Absent where nobody looked.
    #[serde(default)]
    pub room: Option<Room>,
    /// Whether the firewall rules that core zones rely on were set there; absent where nobody looked.
    #[serde(default)]
    pub firewall_rules: Option<bool>,
    /// NIC tags it provides, where known.
    pub nic_tags: Option<Vec<String>>,
    /// Nameservers of its global zone, where known.
    pub resolvers: Option<Vec<IpAddr>>,
    pub learnt: Learnt,
}

/// What a server has room for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Room {
    /// MiB of memory.
    pub memory: u64,
    /// MiB of it that its VMs may use at most, all together.
    pub promised: u64,
    /// Bytes that its pool has free.
    pub pool_free: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Service {
    pub uuid: Uuid,
    pub name: String,
    pub learnt: Learnt,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Instance {
    pub uuid: Uuid,
    /// Core service, from `tags.smartdc_role`.
    pub service: String,
    /// Absent where SAPI has none (old `sapi0`) and no machine told it.
    pub alias: Option<String>,
    pub server: Option<Uuid>,
    pub image: Option<Uuid>,
    /// MiB that it may use at most.
    #[serde(default)]
    pub memory: Option<u64>,
    /// Its firewall is on: only what a rule allows reaches it.
    #[serde(default)]
    pub firewall: bool,
    /// State of the zone as last seen: `running`, `stopped`...
    pub state: Option<String>,
    pub nics: Vec<Nic>,
    /// It has a dataset `zones/<uuid>/data`.
    pub delegate_dataset: bool,
    /// `dns_domain` of the VM.
    pub dns_domain: Option<String>,
    /// Its `vmadm get` payload in restore data.
    pub payload: Option<SecretRef>,
    /// Its SAPI instance record in restore data.
    pub sapi_record: Option<SecretRef>,
    /// Who knows it now: SAPI and VMAPI, where they answered.
    pub in_sapi: Option<bool>,
    pub in_vmapi: Option<bool>,
    /// Most trusted source first: live API, the machine itself, restore data.
    pub learnt: Vec<Learnt>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Nic {
    /// With colons.
    pub mac: String,
    pub ip: Option<IpAddr>,
    pub nic_tag: String,
    pub network: Option<Uuid>,
    pub primary: bool,
    /// `net0`, `net1`...
    pub interface: Option<String>,
    /// `dhcp_server`, `allow_ip_spoofing`...: what NAPI or vmadm must be told again.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OtherVms {
    pub server: Uuid,
    pub count: u64,
    pub running: u64,
    pub learnt: Learnt,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Network {
    pub uuid: Uuid,
    pub name: String,
    pub nic_tag: String,
    pub subnet: String,
    pub netmask: Option<IpAddr>,
    #[serde(default)]
    pub vlan_id: u16,
    pub gateway: Option<IpAddr>,
    pub mtu: Option<u32>,
    pub resolvers: Vec<IpAddr>,
    pub learnt: Learnt,
}

/// An address that NAPI gives to nobody, kept for a restore.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReservedAddress {
    pub network: Uuid,
    pub ip: IpAddr,
    pub learnt: Learnt,
}

/// A member of the datacenter's ZooKeeper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ZkServer {
    pub host: IpAddr,
    pub port: u16,
    /// `ZK_ID` of its binder.
    pub num: u64,
}

/// Whom addresses belong to, in NAPI, that are set aside for a restore: nobody else has this UUID.
pub fn holder_of_reserved(sapi_app: Uuid) -> Uuid {
    Uuid::new_v5(&sapi_app, b"addresses reserved for recovery")
}

/// An image, and where it is installed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Image {
    pub uuid: Uuid,
    pub name: String,
    pub version: String,
    pub origin: Option<Uuid>,
    /// Oldest platform that it runs on.
    #[serde(default)]
    pub min_platform: Option<String>,
    /// Server on which it is installed.
    pub server: Uuid,
    pub learnt: Learnt,
}

/// A delegate dataset of another headnode's zone, whole, as of a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RestorePoint {
    /// Server that the zone was on.
    pub server: Uuid,
    pub vm: Uuid,
    /// Dataset on this headnode.
    pub dataset: String,
    /// Snapshot name, without the dataset.
    pub snapshot: String,
    pub guid: String,
    /// Until when its data is that of the source.
    pub as_of: Timestamp,
    /// Bytes it refers to.
    pub bytes: u64,
    pub learnt: Learnt,
}

/// A server declared dead, with the VMs that were replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fence {
    pub server: Uuid,
    /// How often the server was declared dead.
    pub epoch: u64,
    pub replaced: Vec<Replaced>,
    /// The server may run again what it has.
    pub lifted: bool,
    pub learnt: Learnt,
}

/// A VM of a dead server, and the one that took its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replaced {
    pub old: Uuid,
    /// The new VM's, which is derived from the run and known beforehand.
    pub new: Uuid,
    pub service: String,
    /// The old VM's.
    pub alias: String,
}

impl Server {
    /// Nothing speaks against its being alive: it answered just now, or nobody asked and CNAPI says so.
    pub fn lives(&self) -> bool {
        let said = self.answers.is_none() && self.status.as_deref() == Some("running");
        self.answers == Some(true) || said
    }
}

impl Instance {
    /// Its machine, or VMAPI, knows that it is no more.
    pub fn is_destroyed(&self) -> bool {
        self.state.as_deref() == Some("destroyed")
    }
}

impl Inventory {
    /// A server by hostname or UUID.
    pub fn server(&self, name: &str) -> Option<&Server> {
        self.servers
            .iter()
            .find(|s| s.hostname == name || s.uuid.to_string() == name)
    }

    pub fn server_by_uuid(&self, uuid: Uuid) -> Option<&Server> {
        self.servers.iter().find(|server| server.uuid == uuid)
    }

    /// The newest restore point of a zone.
    pub fn newest_restore_point(&self, vm: Uuid) -> Option<&RestorePoint> {
        self.restore_points
            .iter()
            .filter(|p| p.vm == vm)
            .max_by_key(|p| p.as_of)
    }

    /// Admin addresses of the binders that run on servers that live, in the order of their names.
    pub fn live_binders(&self) -> Vec<IpAddr> {
        let lives = |instance: &&Instance| {
            let server = instance.server.and_then(|uuid| self.server_by_uuid(uuid));
            let alive = server.is_some_and(|at| at.lives() || at.uuid == self.taken_on);
            instance.service == "binder" && instance.state.as_deref() == Some("running") && alive
        };
        let mut binders: Vec<&Instance> = self.instances.iter().filter(lives).collect();
        binders.sort_by_key(|binder| (binder.alias.clone(), binder.uuid));
        let admin = |binder: &Instance| {
            let of_admin = |nic: &&Nic| nic.nic_tag == "admin" || nic.nic_tag.starts_with("admin_");
            binder.nics.iter().find(of_admin)?.ip
        };
        binders.into_iter().filter_map(admin).collect()
    }

    pub fn network_named(&self, name: &str) -> Option<&Network> {
        self.networks.iter().find(|network| network.name == name)
    }
}
