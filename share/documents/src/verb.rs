// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The closed list of verbs, each with the parameters it takes. Verbs name effects, never services: what is special about a
//! service is in the parameters that its planner and plugin chose.
//!
//! A change here is a change of the plan's version.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::health::Health;
use crate::inventory::Replaced;
use crate::power::PowerOff;
use crate::secret::SecretRef;

/// What a step does, and to what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "verb", content = "with")]
pub enum Verb {
    /// The lost server must answer nowhere: not by ssh, not by any of its zones' APIs.
    #[serde(rename = "check.silent")]
    CheckSilent(CheckSilent),
    /// A zone is no more on its server, which lives, and neither is its data.
    #[serde(rename = "check.gone")]
    CheckGone(CheckGone),
    /// Declares a server dead: in the datacenter's ZooKeeper, by the word of a majority, and with a copy on each headnode that
    /// lives. The VMs that are replaced may not run there again.
    #[serde(rename = "fence.declare")]
    FenceDeclare(FenceDeclare),
    /// An image is installed on the host, with its origins.
    #[serde(rename = "check.image")]
    CheckImage(CheckImage),
    /// A command in a zone exits 0.
    #[serde(rename = "check.zone")]
    CheckZone(CheckZone),
    /// Takes an address for a new zone in NAPI, before the zone is made. Output: `nic`, as `vmadm create` takes it.
    #[serde(rename = "address.take")]
    AddressTake(AddressTake),
    /// Gives a new zone an address that was reserved, while no NAPI lives. Output: `nic`, as `vmadm create` takes it.
    #[serde(rename = "address.assign")]
    AddressAssign(AddressAssign),
    /// Has NAPI know the NIC that a zone was given while no NAPI lived.
    #[serde(rename = "address.register")]
    AddressRegister(AddressRegister),
    /// Releases a lost zone's NIC and its address in NAPI.
    #[serde(rename = "address.release")]
    AddressRelease(AddressRelease),
    /// Writes an object to moray with moray's own tools, in a surviving moray zone. It must be absent.
    #[serde(rename = "record.put")]
    RecordPut(RecordPut),
    /// Removes an object from moray, keeping its last content in the journal.
    #[serde(rename = "record.delete")]
    RecordDelete(RecordDelete),
    /// Creates a zone that does not boot yet.
    #[serde(rename = "zone.create")]
    ZoneCreate(ZoneCreate),
    /// Gives a zone that never booted its data: the empty dataset is renamed aside, the restore point cloned in its place.
    #[serde(rename = "dataset.attach")]
    DatasetAttach(DatasetAttach),
    /// Starts a zone. Its first start is a commit point.
    #[serde(rename = "zone.start")]
    ZoneStart(ZoneStart),
    /// Waits until the zone's first boot has finished its setup; fails when the setup failed.
    #[serde(rename = "wait.setup")]
    WaitSetup(WaitSetup),
    /// Waits until the service says, in the body of its answer, that it works.
    #[serde(rename = "wait.healthy")]
    WaitHealthy(WaitHealthy),
    /// Waits until a name resolves to an address, and to none of those that must be gone.
    #[serde(rename = "wait.name")]
    WaitName(WaitName),
    /// Waits until VMAPI lists the zone as running on its server.
    #[serde(rename = "wait.listed")]
    WaitListed(WaitListed),
    /// Marks a lost zone destroyed in VMAPI. The machine it was on is not asked.
    #[serde(rename = "vm.retire")]
    VmRetire(VmRetire),
    /// Has a headnode's global zone ask these nameservers, until its next boot.
    #[serde(rename = "resolvers.set")]
    ResolversSet(ResolversSet),
    /// Has zones that are made on a network ask these nameservers.
    #[serde(rename = "network.resolvers")]
    NetworkResolvers(NetworkResolvers),
    /// Sets keys of a headnode's configuration, on its boot medium and in `/usbkey`.
    #[serde(rename = "config.set")]
    ConfigSet(ConfigSet),
    /// Sets metadata of SAPI's application or of one of its services.
    #[serde(rename = "metadata.set")]
    MetadataSet(MetadataSet),
    /// Has a path of the global zone lead elsewhere, by a symbolic link.
    #[serde(rename = "link.set")]
    LinkSet(LinkSet),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckSilent {
    pub server: Uuid,
    /// Admin address of the server, asked by ssh's port 22.
    pub address: IpAddr,
    /// `address:port` of the APIs that its zones served.
    pub apis: Vec<String>,
    /// Its zones: their registrars must not renew their sessions with ZooKeeper.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<Uuid>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckGone {
    pub vm: Uuid,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FenceDeclare {
    pub server: Uuid,
    /// Its name, for people.
    pub hostname: String,
    pub replaced: Vec<Replaced>,
    /// How its power is known to be off; nobody need know it where its zones' addresses are not given to others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_off: Option<PowerOff>,
    /// The replaced zones' own addresses are given to the new ones.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub addresses_reused: bool,
    /// Headnodes that keep a copy, which is what a server that comes back is shown.
    pub copies: Vec<Uuid>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckImage {
    pub image: Uuid,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckZone {
    pub vm: Uuid,
    /// Command in the zone, absolute path first.
    pub argv: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressTake {
    pub network: Uuid,
    pub owner: Uuid,
    /// The zone that the address is for.
    pub vm: Uuid,
    /// This address; NAPI chooses one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// `net0`, `net1`...
    pub interface: String,
    pub primary: bool,
    /// NIC properties that the zone's service needs and NAPI does not keep, such as `dhcp_server`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressAssign {
    /// The zone that the address is for.
    pub vm: Uuid,
    pub network: Uuid,
    pub ip: IpAddr,
    /// With colons.
    pub mac: String,
    pub netmask: IpAddr,
    pub nic_tag: String,
    #[serde(default)]
    pub vlan_id: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// `net0`, `net1`...
    pub interface: String,
    pub primary: bool,
    /// NIC properties that the zone's service needs, such as `dhcp_server`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressRegister {
    pub vm: Uuid,
    pub owner: Uuid,
    pub network: Uuid,
    pub ip: IpAddr,
    /// With colons.
    pub mac: String,
    pub primary: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressRelease {
    /// As NAPI writes it, with colons.
    pub mac: String,
    /// The zone it must still belong to; another owner's NIC is left alone.
    pub vm: Uuid,
}

/// The moray zone whose tools are used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MorayZone {
    pub server: Uuid,
    pub zone: Uuid,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordPut {
    pub bucket: String,
    pub key: String,
    pub object: Composed,
    pub through: MorayZone,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordDelete {
    pub bucket: String,
    pub key: String,
    pub through: MorayZone,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ZoneCreate {
    pub vm: Uuid,
    /// What `vmadm create` is given; `uuid` and `autoboot: false` are the executor's to add.
    pub payload: Composed,
}

/// A JSON object made of what was synced and what the plan changes: `base` without the keys in `drop`, then `set` merged in
/// (RFC 7396: null removes). A value `{"from": "<step>.<output>"}` inside `set` stands for that step's output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Composed {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<SecretRef>,
    /// Top-level keys to leave out of `base`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drop: Vec<String>,
    #[serde(default)]
    pub set: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetAttach {
    pub vm: Uuid,
    /// `zones/<vm>/data`
    pub dataset: String,
    /// The restore point, `dataset@snapshot`.
    pub snapshot: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ZoneStart {
    pub vm: Uuid,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitSetup {
    pub vm: Uuid,
    /// Seconds.
    pub timeout: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitHealthy {
    pub vm: Uuid,
    /// Where an HTTP check asks: an address, or `{"from": "<step>.nic.ip"}`.
    pub address: Value,
    pub check: Health,
    pub timeout: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitName {
    pub name: String,
    /// An address, or `{"from": "<step>.nic.ip"}`.
    pub address: Value,
    /// Addresses that the name must no longer have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<IpAddr>,
    pub timeout: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitListed {
    pub vm: Uuid,
    pub server: Uuid,
    pub timeout: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VmRetire {
    pub vm: Uuid,
    /// The server it was lost with; a zone that VMAPI shows elsewhere is left alone.
    pub server: Uuid,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolversSet {
    /// They are asked first, in this order; others that are there are kept behind them.
    pub resolvers: Vec<IpAddr>,
    /// Not to be asked any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<IpAddr>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkResolvers {
    pub network: Uuid,
    pub resolvers: Vec<IpAddr>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<IpAddr>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigSet {
    /// Texts, or `{"from": "<step>.<output>"}`. Only keys that the configuration has already are set.
    pub set: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SapiObject {
    Application,
    Service,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetadataSet {
    pub of: SapiObject,
    pub uuid: Uuid,
    /// Keys that get these values; others stay. A value `{"from": "<step>.<output>"}` stands for that step's output.
    pub set: Map<String, Value>,
    /// Only keys that the object has already.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub existing: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkSet {
    /// Where the link is. A file or folder that is there instead is left alone.
    pub path: String,
    /// Where it leads to.
    pub to: String,
}

/// What must hold right before a step acts. A member that is absent is not looked at.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expects {
    /// The object of the step is not there yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent: Option<bool>,
    /// State of the zone: `stopped`, `running`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// GUID of the snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guid: Option<String>,
}

impl Expects {
    pub fn is_empty(&self) -> bool {
        *self == Expects::default()
    }
}

impl Verb {
    /// The name in a plan.
    pub fn name(&self) -> &'static str {
        match self {
            Verb::CheckSilent(_) => "check.silent",
            Verb::CheckGone(_) => "check.gone",
            Verb::FenceDeclare(_) => "fence.declare",
            Verb::CheckImage(_) => "check.image",
            Verb::CheckZone(_) => "check.zone",
            Verb::AddressTake(_) => "address.take",
            Verb::AddressAssign(_) => "address.assign",
            Verb::AddressRegister(_) => "address.register",
            Verb::AddressRelease(_) => "address.release",
            Verb::RecordPut(_) => "record.put",
            Verb::RecordDelete(_) => "record.delete",
            Verb::ZoneCreate(_) => "zone.create",
            Verb::DatasetAttach(_) => "dataset.attach",
            Verb::ZoneStart(_) => "zone.start",
            Verb::WaitSetup(_) => "wait.setup",
            Verb::WaitHealthy(_) => "wait.healthy",
            Verb::WaitName(_) => "wait.name",
            Verb::WaitListed(_) => "wait.listed",
            Verb::VmRetire(_) => "vm.retire",
            Verb::ResolversSet(_) => "resolvers.set",
            Verb::NetworkResolvers(_) => "network.resolvers",
            Verb::ConfigSet(_) => "config.set",
            Verb::MetadataSet(_) => "metadata.set",
            Verb::LinkSet(_) => "link.set",
        }
    }

    /// Every name, in the order above: what an error about an unknown verb offers.
    pub const NAMES: [&'static str; 24] = [
        "check.silent",
        "check.gone",
        "fence.declare",
        "check.image",
        "check.zone",
        "address.take",
        "address.assign",
        "address.register",
        "address.release",
        "record.put",
        "record.delete",
        "zone.create",
        "dataset.attach",
        "zone.start",
        "wait.setup",
        "wait.healthy",
        "wait.name",
        "wait.listed",
        "vm.retire",
        "resolvers.set",
        "network.resolvers",
        "config.set",
        "metadata.set",
        "link.set",
    ];

    /// Waits and checks change nothing, and are done again on every run whatever the journal says.
    pub fn only_looks(&self) -> bool {
        self.name().starts_with("check.") || self.name().starts_with("wait.")
    }

    /// Somebody else is at work: it takes time, and nothing else.
    pub fn waits(&self) -> bool {
        self.name().starts_with("wait.")
    }

    /// A step after which the way back is closed.
    pub fn commits(&self) -> bool {
        matches!(self, Verb::ZoneStart(_))
    }
}
