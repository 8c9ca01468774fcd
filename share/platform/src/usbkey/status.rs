// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! sdc-usbkey(8): whether the key is mounted, and where.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::json;
use crate::{Command, Error, Host, ParseError};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Absent while it is not mounted, as are the next three.
    #[serde(default)]
    pub mountpoint: Option<String>,
    /// A disk's slice, or the boot dataset of a headnode that boots from its pool.
    #[serde(default)]
    pub device: Option<String>,
    /// 1: GRUB, 2: loader.
    #[serde(default)]
    pub version: Option<u32>,
    #[serde(default)]
    pub options: Option<Map<String, Value>>,
    pub steps: Steps,
    /// Mounted, with the usual options, and it is a key.
    pub ok: bool,
    #[serde(default)]
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steps {
    pub mounted: bool,
    pub options_ok: bool,
    pub marker_file: bool,
}

pub fn status(host: &Host) -> Result<Status, Error> {
    let text = host.run_ok(&Command::new("sdc-usbkey").args(["status", "-j"]))?;
    parse_status(&text).map_err(|error| Error::parse(host, "what sdc-usbkey status printed", error))
}

/// `sdc-usbkey status -j`, on one line:
///
/// ```text
/// {"mountpoint":"/mnt/usbkey","device":"/dev/dsk/c1t0d0s2","version":2,
///  "options":{"rw":true,"nosetuid":true,"nodevices":true,"hidden":true,"foldcase":true,"clamptime":true,"noatime":true,
///  "timezone":"0","dev":"5000082"},"steps":{"mounted":true,"options_ok":true,"marker_file":true},"ok":true,"message":"mounted"}
/// ```
pub fn parse_status(text: &str) -> Result<Status, ParseError> {
    json(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTED: &str =
        include_str!("../../../../tests/fixtures/platform/sdc-usbkey-status-mounted.json");
    const UNMOUNTED: &str =
        include_str!("../../../../tests/fixtures/platform/sdc-usbkey-status-unmounted.json");

    #[test]
    fn a_mounted_key_says_where_it_is() {
        let status = parse_status(MOUNTED).unwrap();
        assert!(status.ok && status.steps.marker_file);
        assert_eq!(status.mountpoint.as_deref(), Some("/mnt/usbkey"));
        assert_eq!(status.version, Some(2));
    }

    #[test]
    fn an_unmounted_key_is_nowhere() {
        let status = parse_status(UNMOUNTED).unwrap();
        assert!(!status.ok && !status.steps.mounted);
        assert_eq!(
            (status.mountpoint, status.message.as_str()),
            (None, "not mounted")
        );
    }

    #[test]
    fn an_answer_without_a_verdict_is_refused() {
        assert!(parse_status("mounted\n").is_err());
        assert!(parse_status("{\"mountpoint\":null}").is_err());
        assert!(parse_status(&MOUNTED[..MOUNTED.len() - 10]).is_err());
    }
}
