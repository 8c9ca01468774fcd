// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A VM as VMAPI keeps it: what the agents reported last, whether or not the machine still lives.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::lenient;
use crate::words::words;

type Json = Map<String, Value>;

words!(
    /// A VM on a dead server is `running` or `unknown`; both are normal.
    VmState {
        Running = "running",
        Stopped = "stopped",
        Stopping = "stopping",
        Provisioning = "provisioning",
        Failed = "failed",
        Destroyed = "destroyed",
        Incomplete = "incomplete",
        Configured = "configured",
        Ready = "ready",
        Receiving = "receiving",
        Rebooting = "rebooting",
        /// VMAPI's own word `unknown`: its server does not answer.
        NotKnown = "unknown",
    }
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vm {
    pub uuid: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<VmState>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone_state: Option<String>,
    #[serde(
        default,
        deserialize_with = "lenient::uuid",
        skip_serializing_if = "Option::is_none"
    )]
    pub owner_uuid: Option<Uuid>,
    #[serde(
        default,
        deserialize_with = "lenient::uuid",
        skip_serializing_if = "Option::is_none"
    )]
    pub server_uuid: Option<Uuid>,
    #[serde(
        default,
        deserialize_with = "lenient::uuid",
        skip_serializing_if = "Option::is_none"
    )]
    pub image_uuid: Option<Uuid>,
    #[serde(
        default,
        deserialize_with = "lenient::uuid",
        skip_serializing_if = "Option::is_none"
    )]
    pub billing_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoboot: Option<bool>,
    /// MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ram: Option<u64>,
    /// GiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<u64>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub nics: Vec<VmNic>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub tags: Json,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub customer_metadata: Json,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub internal_metadata: Json,
    /// Delegate datasets.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub datasets: Vec<String>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub resolvers: Vec<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_domain: Option<String>,
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub create_timestamp: Option<String>,
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub last_modified: Option<String>,
    /// When it was destroyed; absent on a VM that lives.
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub destroyed: Option<String>,
    #[serde(flatten)]
    pub rest: Json,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VmNic {
    pub mac: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// An address, or `dhcp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nic_tag: Option<String>,
    #[serde(
        default,
        deserialize_with = "lenient::uuid",
        skip_serializing_if = "Option::is_none"
    )]
    pub network_uuid: Option<Uuid>,
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "is_false"
    )]
    pub primary: bool,
    #[serde(flatten)]
    pub rest: Json,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Vm {
    /// Which core service it is of, if of any.
    pub fn role(&self) -> Option<&str> {
        self.tags.get("smartdc_role").and_then(Value::as_str)
    }

    pub fn is_destroyed(&self) -> bool {
        self.state == Some(VmState::Destroyed)
    }
}

impl VmNic {
    /// On the admin network. Sites with one admin network per rack tag them `admin_rack_NN`.
    pub fn is_admin(&self) -> bool {
        self.nic_tag
            .as_deref()
            .is_some_and(|tag| tag == "admin" || tag.starts_with("admin_"))
    }

    /// None where DHCP gives it.
    pub fn address(&self) -> Option<IpAddr> {
        self.ip.as_deref()?.parse().ok()
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ping {
    pub healthy: bool,
    #[serde(default)]
    pub status: Option<String>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub services: Json,
    #[serde(
        rename = "pingErrors",
        default,
        deserialize_with = "lenient::or_default"
    )]
    pub ping_errors: Json,
    #[serde(flatten)]
    pub rest: Json,
}

impl Ping {
    /// Its own verdict, and no part of it contradicting.
    pub fn healthy(&self) -> bool {
        self.healthy
            && self.status.as_deref() == Some("OK")
            && self.services.values().all(|state| state == "online")
    }
}
