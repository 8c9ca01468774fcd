// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Restore data: what a headnode keeps of another one. Records come as immutable generations, one folder a pull, whole or not
//! at all; datasets as restore points, each recorded once its copy is proven whole.
//!
//! Below the restore data folder:
//!
//! ```text
//! <server>/<generation>/generation.json      the document below
//! <server>/<generation>/<part files>         named in it, each with its digest
//! <server>/points/<vm>.json                  restore points of a zone
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::canonical::Digest;
use crate::inventory::RestorePoint;
use crate::secret::SecretRef;
use crate::time::Timestamp;

pub const GENERATION_KIND: &str = "triton.restore-data/1";
pub const POINTS_KIND: &str = "triton.restore-points/1";

/// `/var/sdcadm` is persistent, and where operators look for what sdcadm keeps.
pub const FOLDER: &str = "/var/sdcadm/svc-restore-data";

/// Parent of received datasets. `canmount=off`, `mountpoint=none`, `readonly=on`.
pub const CONTAINER: &str = "zones/triton-restore";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Generation {
    pub kind: String,
    /// Server that it is the restore data of.
    pub server: Uuid,
    pub hostname: String,
    /// Server that pulled it.
    pub pulled_by: Uuid,
    /// Name of its folder.
    pub generation: String,
    pub taken_at: Timestamp,
    pub dc: GenerationDc,
    /// Sorted by path.
    pub files: Vec<PartFile>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GenerationDc {
    pub name: String,
    pub dns_domain: String,
    pub admin_owner: Option<Uuid>,
    pub sapi_app: Option<Uuid>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PartFile {
    pub part: Part,
    /// Below the generation's folder: `vms/<uuid>.json`.
    pub path: String,
    pub digest: Digest,
    /// When its source said so. Older than the generation when it was carried over.
    pub taken_at: Timestamp,
    /// `sapi`, `vmadm@headnode0`...
    pub from: String,
}

/// What a file of a generation holds.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The SAPI application `sdc`.
    SapiApplication,
    /// All SAPI services, an array.
    SapiServices,
    /// All SAPI manifests, the templates of zones' configuration: an array.
    SapiManifests,
    /// One SAPI instance record; the file is named after its UUID.
    SapiInstance,
    /// `vmadm get` of one zone; the file is named after its UUID.
    Vm,
    /// NAPI's networks, an array.
    Networks,
    /// NAPI's NICs of the core zones, an array.
    Nics,
    /// NAPI's used and reserved addresses of the networks that core zones are on, an array.
    Addresses,
    /// CNAPI's servers, an array.
    Servers,
    /// Manifests of the images that the source's core zones use, an array.
    Images,
    /// Configuration in `/usbkey`, and what else lies there: an object.
    Usbkey,
    /// A part that a newer version wrote.
    #[serde(other)]
    Unknown,
}

/// The restore points of one zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RestorePoints {
    pub kind: String,
    pub server: Uuid,
    pub vm: Uuid,
    /// Oldest first.
    pub points: Vec<RestorePoint>,
}

impl Generation {
    pub fn file(&self, path: &str) -> Option<&PartFile> {
        self.files.iter().find(|file| file.path == path)
    }

    pub fn of_part(&self, part: Part) -> impl Iterator<Item = &PartFile> {
        self.files.iter().filter(move |file| file.part == part)
    }

    /// How other documents refer to one of its files.
    pub fn secret(&self, file: &PartFile) -> SecretRef {
        SecretRef {
            secret: file.digest.clone(),
            from: format!("{}/{}/{}", self.server, self.generation, file.path),
        }
    }
}
