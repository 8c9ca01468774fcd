// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What CNAPI keeps: servers, headnodes among them, as they reported themselves; tasks; boot parameters.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::lenient;
use crate::words::words;

type Json = Map<String, Value>;

words!(
    ServerStatus {
        Running = "running",
        Rebooting = "rebooting",
        /// CNAPI's own word `unknown`: no heartbeat came lately.
        NotKnown = "unknown",
    }
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Server {
    pub uuid: Uuid,
    /// Absent until the server's first sysinfo came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// True on every headnode, not on the first alone.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub headnode: bool,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub setup: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ServerStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datacenter: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_platform: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_platform: Option<String>,
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub last_boot: Option<String>,
    /// Only with the extra of that name.
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub last_heartbeat: Option<String>,
    /// MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ram: Option<u64>,
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Map::is_empty"
    )]
    pub traits: Json,
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Map::is_empty"
    )]
    pub boot_params: Json,
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub comments: Option<String>,
    /// Only with the extra of that name.
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub agents: Vec<Agent>,
    /// Only with the extra of that name.
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Map::is_empty"
    )]
    pub sysinfo: Json,
    /// By UUID; only with the extra of that name.
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Map::is_empty"
    )]
    pub vms: Json,
    #[serde(flatten)]
    pub rest: Json,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(
        default,
        deserialize_with = "lenient::uuid",
        skip_serializing_if = "Option::is_none"
    )]
    pub uuid: Option<Uuid>,
    #[serde(
        default,
        deserialize_with = "lenient::uuid",
        skip_serializing_if = "Option::is_none"
    )]
    pub image_uuid: Option<Uuid>,
    #[serde(flatten)]
    pub rest: Json,
}

impl Server {
    pub fn is_running(&self) -> bool {
        self.status == Some(ServerStatus::Running)
    }

    /// From its sysinfo (ask for that extra): the address of the NIC that has the tag `admin`, or what newer platforms say.
    pub fn admin_ip(&self) -> Option<IpAddr> {
        let tag = self.sysinfo.get("Admin NIC Tag").and_then(Value::as_str);
        let tag = tag.filter(|tag| !tag.is_empty()).unwrap_or("admin");
        let of_nic = |nic: &Value| {
            let names = nic.get("NIC Names")?.as_array()?;
            if !names.iter().any(|name| name.as_str() == Some(tag)) {
                return None;
            }
            nic.get("ip4addr")?.as_str()?.parse().ok()
        };
        let nics = self
            .sysinfo
            .get("Network Interfaces")
            .and_then(Value::as_object);
        let found = nics.and_then(|nics| nics.values().find_map(of_nic));
        found.or_else(|| self.sysinfo.get("Admin IP")?.as_str()?.parse().ok())
    }

    /// All NIC tags that it provides, from its sysinfo.
    pub fn nic_tags(&self) -> Vec<String> {
        let nics = self
            .sysinfo
            .get("Network Interfaces")
            .and_then(Value::as_object);
        let mut tags: Vec<String> = nics
            .into_iter()
            .flat_map(Map::values)
            .filter_map(|nic| nic.get("NIC Names")?.as_array())
            .flatten()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect();
        tags.sort();
        tags.dedup();
        tags
    }
}

words!(
    TaskStatus { Active = "active", Complete = "complete", Failure = "failure" }
);

/// Work that CNAPI gave to a server's cn-agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    pub id: String,
    pub status: TaskStatus,
    #[serde(default)]
    pub task: Option<String>,
    #[serde(default, deserialize_with = "lenient::uuid")]
    pub server_uuid: Option<Uuid>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub history: Vec<TaskEvent>,
    #[serde(flatten)]
    pub rest: Json,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskEvent {
    pub name: String,
    #[serde(default)]
    pub event: Value,
    #[serde(flatten)]
    pub rest: Json,
}

impl Task {
    /// The server's own words about why it failed.
    pub fn failure(&self) -> Option<&str> {
        self.history
            .iter()
            .find_map(|event| event.event.get("error")?.get("message")?.as_str())
    }
}

/// How a server boots from the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BootParams {
    pub platform: String,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub kernel_args: Json,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub kernel_flags: Json,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub boot_modules: Vec<Value>,
    #[serde(default)]
    pub default_console: Option<String>,
    #[serde(default)]
    pub serial: Option<String>,
    #[serde(flatten)]
    pub rest: Json,
}

/// What a script run on a server came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Executed {
    #[serde(default)]
    pub stdout: String,
    #[serde(default)]
    pub stderr: String,
    #[serde(rename = "exitCode")]
    pub exit_code: i32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ping {
    pub ready: bool,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub services: Json,
    #[serde(flatten)]
    pub rest: Json,
}

impl Ping {
    /// The status is 200 even while it is not ready.
    pub fn healthy(&self) -> bool {
        self.ready
    }
}
