// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What NAPI keeps: networks, their addresses, NICs, NIC tags and pools.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::lenient;
use crate::words::words;

type Json = Map<String, Value>;

words!(
    /// Kind of the thing that a NIC or an address belongs to.
    BelongsTo { Zone = "zone", Server = "server", Other = "other" }
);

words!(
    NicState { Provisioning = "provisioning", Stopped = "stopped", Running = "running" }
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Network {
    pub uuid: Uuid,
    pub name: String,
    pub nic_tag: String,
    /// `10.99.99.0/24`
    pub subnet: String,
    pub vlan_id: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netmask: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provision_start_ip: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provision_end_ip: Option<IpAddr>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub resolvers: Vec<IpAddr>,
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Map::is_empty"
    )]
    pub routes: Json,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub owner_uuids: Vec<Uuid>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub fabric: bool,
    #[serde(flatten)]
    pub rest: Json,
}

/// An address. Those never used have no record and are not listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ip {
    pub ip: IpAddr,
    pub network_uuid: Uuid,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub reserved: bool,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub free: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub belongs_to_type: Option<BelongsTo>,
    #[serde(
        default,
        deserialize_with = "lenient::uuid",
        skip_serializing_if = "Option::is_none"
    )]
    pub belongs_to_uuid: Option<Uuid>,
    #[serde(
        default,
        deserialize_with = "lenient::uuid",
        skip_serializing_if = "Option::is_none"
    )]
    pub owner_uuid: Option<Uuid>,
    #[serde(flatten)]
    pub rest: Json,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Nic {
    /// With colons.
    pub mac: String,
    pub belongs_to_type: BelongsTo,
    pub belongs_to_uuid: Uuid,
    #[serde(
        default,
        deserialize_with = "lenient::uuid",
        skip_serializing_if = "Option::is_none"
    )]
    pub owner_uuid: Option<Uuid>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub primary: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<NicState>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netmask: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nic_tag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlan_id: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub resolvers: Vec<IpAddr>,
    #[serde(
        default,
        deserialize_with = "lenient::uuid",
        skip_serializing_if = "Option::is_none"
    )]
    pub network_uuid: Option<Uuid>,
    /// Server that it is on, where known.
    #[serde(
        default,
        deserialize_with = "lenient::uuid",
        skip_serializing_if = "Option::is_none"
    )]
    pub cn_uuid: Option<Uuid>,
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub nic_tags_provided: Vec<String>,
    /// `allow_*` and others.
    #[serde(flatten)]
    pub rest: Json,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NicTag {
    pub uuid: Uuid,
    pub name: String,
    #[serde(default)]
    pub mtu: Option<u32>,
    #[serde(flatten)]
    pub rest: Json,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetworkPool {
    pub uuid: Uuid,
    pub name: String,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub networks: Vec<Uuid>,
    #[serde(default)]
    pub nic_tag: Option<String>,
    #[serde(default)]
    pub family: Option<String>,
    #[serde(flatten)]
    pub rest: Json,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ping {
    pub healthy: bool,
    #[serde(default)]
    pub status: Option<String>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub services: Json,
    #[serde(flatten)]
    pub rest: Json,
}

impl Ping {
    /// The status is 200 even while NAPI initialises and refuses all else.
    pub fn healthy(&self) -> bool {
        self.healthy
            && self.status.as_deref() == Some("OK")
            && self.services.values().all(|state| state == "online")
    }
}
