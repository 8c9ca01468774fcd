// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! imgadm(8): images installed on a host.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::error::json;
use crate::{Command, CommandError, Error, Host, ParseError};

/// An installed image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Image {
    pub manifest: Manifest,
    #[serde(default)]
    pub zpool: Option<String>,
    /// The IMGAPI it came from.
    #[serde(default)]
    pub source: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub uuid: Uuid,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub version: String,
    /// The image that this one is an increment of; it must be installed first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ImageFile>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha1: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// `gzip`, `bzip2`, `xz`, `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

pub fn list(host: &Host) -> Result<Vec<Image>, Error> {
    let text = host.run_ok(&Command::new("imgadm").args(["list", "-j"]))?;
    parse_list(&text).map_err(|error| Error::parse(host, "what imgadm list printed", error))
}

/// `imgadm list -j` (shortened):
///
/// ```text
/// [
///   {
///     "manifest": {
///       "v": 2,
///       "uuid": "6a1d0c52-3b7e-4f0a-9d11-8b2c4e6f7a01",
///       "name": "imgapi",
///       "version": "master-20260312T223914Z-g2f1ab3c",
///       "files": [ { "sha1": "ab12...", "size": 38912345, "compression": "gzip" } ],
///       "origin": "04a48d7d-6bb5-4e83-8c3b-e60a99e0f48f", ...
///     },
///     "zpool": "zones",
///     "source": "http://imgapi.coal.joyent.us",
///     "cloneNames": [ "zones/0c7e5d11-4a9b-4f65-8c3d-2e1f0a9b8c7d" ],
///     "clones": 1
///   }, ...
/// ]
/// ```
pub fn parse_list(text: &str) -> Result<Vec<Image>, ParseError> {
    json(text)
}

/// The image, or `None` when it is not installed.
pub fn get(host: &Host, uuid: Uuid) -> Result<Option<Image>, Error> {
    let command = Command::new("imgadm").args(["get", &uuid.to_string()]);
    let output = host.run(&command)?;
    if !output.success() {
        // imgadm: get: error (ImageNotInstalled): image "6a1d..." was not found on zpool "zones"
        if output.complaint().contains("(ImageNotInstalled)") {
            return Ok(None);
        }
        return Err(CommandError::of_output(host, &command, &output).into());
    }
    let parsed = parse_image(&output.text());
    Ok(Some(parsed.map_err(|error| {
        Error::parse(host, "what imgadm get printed", error)
    })?))
}

/// `imgadm get 6a1d0c52-3b7e-4f0a-9d11-8b2c4e6f7a01`: one of what `imgadm list -j` prints, without the clones.
pub fn parse_image(text: &str) -> Result<Image, ParseError> {
    json(text)
}

/// Installs an image and its origins from the host's image sources. One that is installed already is fine.
pub fn import(host: &Host, uuid: Uuid) -> Result<(), Error> {
    host.run_ok(&Command::new("imgadm").args(["import", "-q", &uuid.to_string()]))?;
    Ok(())
}

/// Installs an image from files of that host, without any image source. Its origin must be installed, and the file must
/// have the checksum in the manifest.
pub fn install(host: &Host, manifest: &Path, file: &Path) -> Result<(), Error> {
    let command = Command::new("imgadm")
        .args(["install", "-q", "-m"])
        .arg(manifest);
    host.run_ok(&command.arg("-f").arg(file))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = include_str!("../../../tests/fixtures/platform/imgadm-list.json");

    #[test]
    fn installed_images_are_read_with_their_origins() {
        let images = parse_list(LIST).unwrap();
        assert_eq!(images.len(), 4);
        assert_eq!(images[0].manifest.origin, None);
        assert_eq!(images[1].manifest.name, "imgapi");
        assert_eq!(images[1].manifest.origin, Some(images[0].manifest.uuid));
        assert_eq!(images[1].manifest.files[0].size, Some(38_912_345));
    }

    #[test]
    fn a_manifest_is_written_as_it_was_read() {
        let text = include_str!("../../../tests/fixtures/platform/imgadm-get-imgapi.json");
        let image = parse_image(text).unwrap();
        let given: Value = serde_json::from_str(text).unwrap();
        assert_eq!(
            serde_json::to_value(&image.manifest).unwrap(),
            given["manifest"]
        );
    }

    #[test]
    fn what_is_cut_short_or_has_no_uuid_is_refused() {
        assert!(parse_list(&LIST[..LIST.len() - 3]).is_err());
        assert!(parse_list("").is_err());
        assert!(parse_image("{\"manifest\":{\"uuid\":\"imgapi\"}}").is_err());
        assert!(parse_image("{}").is_err());
    }
}
