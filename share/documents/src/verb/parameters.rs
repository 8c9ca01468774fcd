// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What each verb takes.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::health::Health;
use crate::inventory::Replaced;
use crate::power::PowerOff;
use crate::secret::SecretRef;

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
pub struct ZonesResolvers {
    /// Whose zones: the datacenter's administrator.
    pub owner: Uuid,
    /// They are asked first, in this order, by zones that ask one that is gone; others that are there are kept behind them.
    pub resolvers: Vec<IpAddr>,
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
