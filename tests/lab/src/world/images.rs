// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Images: one per service on a common base. A host has those that its zones are made from, and no others.

use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use uuid::Uuid;

use super::id;
use crate::model::Dc;

/// A file that stands for an image's stream; it depends on the name alone.
pub fn file(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let size = 4_096 + (name.len() * 2_711) % 40_000;
    while bytes.len() < size {
        bytes.extend(Sha1::digest(format!("{name} {}", bytes.len())));
    }
    bytes.truncate(size);
    bytes
}

pub fn manifest(name: &str, owner: Uuid) -> Value {
    let content = file(name);
    let sha1: String = Sha1::digest(&content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let mut manifest = json!({
        "v": 2,
        "uuid": id(&format!("image {name}")),
        "owner": owner,
        "name": name,
        "version": "master-20260301T120000Z-g1234567",
        "state": "active",
        "disabled": false,
        "public": false,
        "published_at": "2026-03-01T12:00:00.000Z",
        "type": "zone-dataset",
        "os": "smartos",
        "files": [{"sha1": sha1, "size": content.len(), "compression": "gzip"}],
    });
    if name != "base" {
        manifest["origin"] = json!(id("image base"));
    }
    manifest
}

/// Names of all images: the base, and one per service that runs anywhere.
pub fn names(dc: &Dc) -> Vec<String> {
    let roles = dc
        .hosts
        .values()
        .flat_map(|host| host.vms.values())
        .filter_map(|vm| vm.role());
    let mut names: Vec<String> = roles.map(str::to_owned).collect();
    names.push("base".to_owned());
    names.sort();
    names.dedup();
    names
}

pub fn install(dc: &mut Dc) {
    let owner = dc.admin_owner;
    for host in dc.hosts.values_mut() {
        let mut wanted: Vec<String> = host
            .vms
            .values()
            .filter_map(|vm| vm.role().map(str::to_owned))
            .collect();
        wanted.push("base".to_owned());
        for name in wanted {
            host.images
                .insert(id(&format!("image {name}")), manifest(&name, owner));
        }
    }
}
