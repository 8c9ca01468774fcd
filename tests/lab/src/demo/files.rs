// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Files that the demo puts into imgapi's and cloudapi's data, and finds again byte for byte after the restore.

use serde_json::Value;

use super::{LOST, service_of, succeeded};
use crate::error::{LabError, Result};
use crate::running::Running;

/// A file that was put into a service's data.
pub struct Planted {
    pub service: String,
    /// Below the zone's root. Names are awkward on purpose.
    pub path: String,
    pub content: Vec<u8>,
}

/// Puts a few files of `round` into imgapi and cloudapi on the headnode that will be lost.
pub fn plant(lab: &Running, round: &str) -> Result<Vec<Planted>> {
    let mut planted = Vec::new();
    for (service, folder, sizes) in [
        (
            "imgapi",
            "/data/imgapi/images/demo",
            [65_536_usize, 1, 300_000].as_slice(),
        ),
        ("cloudapi", "/data/tls", [1_704, 0].as_slice()),
    ] {
        let root = zone_root(lab, LOST, service)?;
        for (number, size) in sizes.iter().enumerate() {
            let path = format!("{folder}/{round} file.{number} (ö)");
            let content = bytes(&format!("{service}{path}"), *size);
            let script = format!("mkdir -p '{root}{folder}' && cat > '{root}{path}'");
            succeeded(LOST, &script, lab.script(LOST, &script, &content)?)?;
            planted.push(Planted {
                service: service.to_owned(),
                path,
                content,
            });
        }
    }
    Ok(planted)
}

/// Files that are not there, or not as they were.
pub fn damaged(lab: &Running, target: &str, planted: &[Planted]) -> Result<Vec<String>> {
    let mut damaged = Vec::new();
    for file in planted {
        let root = match zone_root(lab, target, &file.service) {
            Ok(root) => root,
            Err(error) => {
                damaged.push(format!("{} {}: {error}", file.service, file.path));
                continue;
            }
        };
        let output = lab.script(target, &format!("cat '{root}{}'", file.path), b"")?;
        if !output.status.success() || output.stdout != file.content {
            let found = if output.status.success() {
                "differs"
            } else {
                "is missing"
            };
            damaged.push(format!("{} {} {found}", file.service, file.path));
        }
    }
    Ok(damaged)
}

/// Root folder of the one running zone of a service on a host.
fn zone_root(lab: &Running, host: &str, service: &str) -> Result<String> {
    let output = succeeded(
        host,
        "vmadm lookup",
        lab.script(host, "vmadm lookup -j state=running", b"")?,
    )?;
    let vms: Vec<Value> = serde_json::from_slice(&output.stdout)
        .map_err(|error| LabError::Failed(format!("vmadm lookup -j on {host}: {error}")))?;
    let zone = vms.iter().find(|vm| {
        vm["alias"]
            .as_str()
            .is_some_and(|alias| service_of(alias) == service)
    });
    match zone.and_then(|vm| vm["uuid"].as_str()) {
        Some(uuid) => Ok(format!("/zones/{uuid}/root")),
        None => Err(LabError::Failed(format!("{host} runs no {service}"))),
    }
}

/// Bytes that depend on the name alone and do not compress: a small xorshift generator is enough.
fn bytes(name: &str, size: usize) -> Vec<u8> {
    let mut state = name.bytes().fold(0x9e37_79b9_7f4a_7c15_u64, |seed, byte| {
        (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    }) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next)
        .flatten()
        .take(size)
        .collect()
}
