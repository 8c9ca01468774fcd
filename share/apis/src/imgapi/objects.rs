// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! An image's manifest, as IMGAPI keeps it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::lenient;
use crate::words::words;

type Json = Map<String, Value>;

words!(
    ImageState {
        Active = "active",
        Unactivated = "unactivated",
        Disabled = "disabled",
        Creating = "creating",
        Failed = "failed",
    }
);

words!(
    Compression { Gzip = "gzip", Bzip2 = "bzip2", Xz = "xz", None = "none" }
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Image {
    pub uuid: Uuid,
    pub name: String,
    pub version: String,
    #[serde(
        default,
        deserialize_with = "lenient::uuid",
        skip_serializing_if = "Option::is_none"
    )]
    pub owner: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ImageState>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub disabled: bool,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub public: bool,
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub published_at: Option<String>,
    /// `zone-dataset`, `lx-dataset`, `zvol`...
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// The image that this one is the difference to; it must be there first.
    #[serde(
        default,
        deserialize_with = "lenient::uuid",
        skip_serializing_if = "Option::is_none"
    )]
    pub origin: Option<Uuid>,
    /// Empty until a file was added.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub files: Vec<ImageFile>,
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Map::is_empty"
    )]
    pub tags: Json,
    #[serde(flatten)]
    pub rest: Json,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageFile {
    /// 40 hex digits.
    pub sha1: String,
    /// Bytes.
    pub size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
    /// `local` or `manta`; only where the fields for admins were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stor: Option<String>,
    #[serde(flatten)]
    pub rest: Json,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ping {
    pub ping: String,
    #[serde(default)]
    pub version: Option<String>,
    /// False or absent: something else that answers to pings has this address.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub imgapi: bool,
    #[serde(flatten)]
    pub rest: Json,
}

impl Ping {
    pub fn healthy(&self) -> bool {
        self.ping == "pong" && self.imgapi
    }
}
