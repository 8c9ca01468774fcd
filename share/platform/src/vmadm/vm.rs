// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A VM as `vmadm get` prints it: the fields we use by name, all others kept.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use uuid::Uuid;

/// One VM. Its metadata hold keys and passwords: it has no printable form but its name.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Vm {
    pub uuid: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    #[serde(default)]
    pub brand: String,
    pub state: VmState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone_state: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoboot: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_uuid: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_uuid: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_uuid: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zonepath: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zfs_filesystem: Option<String>,
    /// Delegated datasets, `zones/<uuid>/data`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub datasets: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nics: Vec<Nic>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolvers: Vec<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub tags: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub customer_metadata: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub internal_metadata: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indestructible_delegated: Option<bool>,
    /// Agents leave such a VM out of what they report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub do_not_inventory: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_timestamp: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Nic {
    pub mac: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nic_tag: Option<String>,
    /// An address, or `dhcp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// Addresses with their prefix, `10.99.99.21/24`, or `dhcp`, `addrconf`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ips: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netmask: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlan_id: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_uuid: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<bool>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What vmadm says of a VM's life: its own states, or those of the zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VmState {
    Running,
    /// Halted; the zone itself is `installed`.
    Stopped,
    Provisioning,
    Stopping,
    /// Its first boot failed.
    Failed,
    Receiving,
    Configured,
    Incomplete,
    Installed,
    Ready,
    ShuttingDown,
    Down,
    Unknown(String),
}

const STATES: [(&str, VmState); 12] = [
    ("running", VmState::Running),
    ("stopped", VmState::Stopped),
    ("provisioning", VmState::Provisioning),
    ("stopping", VmState::Stopping),
    ("failed", VmState::Failed),
    ("receiving", VmState::Receiving),
    ("configured", VmState::Configured),
    ("incomplete", VmState::Incomplete),
    ("installed", VmState::Installed),
    ("ready", VmState::Ready),
    ("shutting_down", VmState::ShuttingDown),
    ("down", VmState::Down),
];

impl From<&str> for VmState {
    fn from(name: &str) -> VmState {
        let known = STATES.iter().find(|(known, _)| *known == name);
        known.map_or_else(
            || VmState::Unknown(name.to_owned()),
            |(_, state)| state.clone(),
        )
    }
}

impl VmState {
    pub fn as_str(&self) -> &str {
        match self {
            VmState::Unknown(name) => name,
            known => STATES
                .iter()
                .find(|(_, state)| state == known)
                .map_or("unknown", |(name, _)| name),
        }
    }
}

impl fmt::Display for VmState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for VmState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for VmState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<VmState, D::Error> {
        Ok(VmState::from(String::deserialize(deserializer)?.as_str()))
    }
}

impl Vm {
    /// The core service it is an instance of, by its tag.
    pub fn smartdc_role(&self) -> Option<&str> {
        self.tags.get("smartdc_role").and_then(Value::as_str)
    }

    /// Its NIC on the admin network.
    pub fn admin_nic(&self) -> Option<&Nic> {
        self.nics
            .iter()
            .find(|nic| nic.nic_tag.as_deref() == Some("admin"))
    }

    /// Its delegated dataset by vmadm's own naming, `<zfs_filesystem>/data`.
    pub fn delegate_dataset(&self) -> Option<&str> {
        let own = format!("/{}/data", self.uuid);
        self.datasets
            .iter()
            .map(String::as_str)
            .find(|name| name.ends_with(&own))
    }
}

impl fmt::Debug for Vm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Vm({} {} {})",
            self.uuid,
            self.alias.as_deref().unwrap_or("-"),
            self.state
        )
    }
}
