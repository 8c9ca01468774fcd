// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What SAPI keeps: applications hold services, services hold instances; manifests are templates of their configuration
//! files. Fields as SAPI's `lib/common/model.js` keeps them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::lenient;
use crate::words::words;

type Json = Map<String, Value>;

words!(
    /// Whether SAPI keeps its objects in files of its own (headnode setup) or in Moray.
    Mode { Proto = "proto", Full = "full" }
);

words!(
    /// What a service's instances are. Records of very old installations have none, and are VMs.
    InstanceType { Vm = "vm", Agent = "agent" }
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Application {
    pub uuid: Uuid,
    pub name: String,
    #[serde(
        default,
        deserialize_with = "lenient::uuid",
        skip_serializing_if = "Option::is_none"
    )]
    pub owner_uuid: Option<Uuid>,
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Map::is_empty"
    )]
    pub params: Json,
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Map::is_empty"
    )]
    pub metadata: Json,
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Map::is_empty"
    )]
    pub manifests: Json,
    #[serde(flatten)]
    pub rest: Json,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    pub uuid: Uuid,
    pub name: String,
    #[serde(
        default,
        deserialize_with = "lenient::uuid",
        skip_serializing_if = "Option::is_none"
    )]
    pub application_uuid: Option<Uuid>,
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<InstanceType>,
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Map::is_empty"
    )]
    pub params: Json,
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Map::is_empty"
    )]
    pub metadata: Json,
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Map::is_empty"
    )]
    pub manifests: Json,
    #[serde(flatten)]
    pub rest: Json,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    pub uuid: Uuid,
    pub service_uuid: Uuid,
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<InstanceType>,
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Map::is_empty"
    )]
    pub params: Json,
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Map::is_empty"
    )]
    pub metadata: Json,
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Map::is_empty"
    )]
    pub manifests: Json,
    /// Only in the answer to an asynchronous create.
    #[serde(
        default,
        deserialize_with = "lenient::uuid",
        skip_serializing_if = "Option::is_none"
    )]
    pub job_uuid: Option<Uuid>,
    #[serde(flatten)]
    pub rest: Json,
}

impl Service {
    pub fn is_agent(&self) -> bool {
        self.kind == Some(InstanceType::Agent)
    }
}

impl Instance {
    /// Absent on old `sapi0` records (TOOLS-1940).
    pub fn alias(&self) -> Option<&str> {
        self.params.get("alias").and_then(Value::as_str)
    }

    /// Absent on instances that headnode setup made; VMAPI and the machine itself know.
    pub fn server_uuid(&self) -> Option<Uuid> {
        let text = self.params.get("server_uuid")?.as_str()?;
        Uuid::parse_str(text).ok()
    }

    pub fn is_agent(&self) -> bool {
        self.kind == Some(InstanceType::Agent)
    }
}

/// A template of a configuration file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub uuid: Uuid,
    pub name: String,
    pub path: String,
    /// Text, or an object for files that are JSON.
    pub template: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_cmd: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_cmd_linux: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(flatten)]
    pub rest: Json,
}

/// What `GET /configs/:uuid` gives to a zone's config-agent.
#[derive(Debug, Clone, PartialEq)]
pub enum Configs {
    /// 304: as the etag that was sent.
    Unchanged,
    Changed {
        /// Unquoted, as SAPI sends and takes it.
        etag: Option<String>,
        content: ConfigContent,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfigContent {
    /// In no particular order.
    pub manifests: Vec<Manifest>,
    pub metadata: Json,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ping {
    pub mode: Mode,
    #[serde(rename = "storType", default)]
    pub stor_type: Option<String>,
    #[serde(rename = "storAvailable")]
    pub stor_available: bool,
}

impl Ping {
    /// SAPI also answers while its store does not; then it serves what it remembers, and writes fail.
    pub fn healthy(&self) -> bool {
        self.stor_available
    }
}

/// An instance to be recorded and, in full mode, provisioned unless VMAPI already knows its UUID.
#[derive(Debug, Clone, PartialEq)]
pub struct NewInstance {
    pub service_uuid: Uuid,
    /// Give it for an instance that exists, and make sure first that VMAPI lists it: else SAPI makes a second one.
    pub uuid: Option<Uuid>,
    pub params: Json,
    pub metadata: Json,
    pub manifests: Json,
}

impl NewInstance {
    pub fn of(service_uuid: Uuid) -> NewInstance {
        NewInstance {
            service_uuid,
            uuid: None,
            params: Json::new(),
            metadata: Json::new(),
            manifests: Json::new(),
        }
    }
}

/// How a change treats what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Sets the given keys, leaves the others.
    Update,
    /// Puts the given maps in place of the old ones.
    Replace,
    /// Removes the given keys; their values do not matter.
    Delete,
}

impl Action {
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Update => "update",
            Action::Replace => "replace",
            Action::Delete => "delete",
        }
    }
}

/// A change of an application, a service or an instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub action: Action,
    pub params: Option<Json>,
    pub metadata: Option<Json>,
    pub manifests: Option<Json>,
}

impl Change {
    pub fn new(action: Action) -> Change {
        Change {
            action,
            params: None,
            metadata: None,
            manifests: None,
        }
    }

    pub fn params(mut self, params: Json) -> Change {
        self.params = Some(params);
        self
    }

    pub fn metadata(mut self, metadata: Json) -> Change {
        self.metadata = Some(metadata);
        self
    }

    pub fn manifests(mut self, manifests: Json) -> Change {
        self.manifests = Some(manifests);
        self
    }
}
