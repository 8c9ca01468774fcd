// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Where a delegate dataset appears in its zone: at the mountpoint that the zone's own setup chose, while the zone runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use uuid::Uuid;

use crate::lab::Lab;

/// Mountpoint by role (facts on each zone's `setup.sh`).
fn mountpoint(role: &str) -> &'static str {
    match role {
        "sapi" => "sapi",
        "binder" => "zookeeper",
        "mahi" => "mahi",
        "manatee" => "manatee",
        _ => "data",
    }
}

fn place(lab: &Lab, host: &str, vm: Uuid) -> Option<(PathBuf, PathBuf)> {
    let (role, store) = {
        let dc = lab.dc();
        let at = dc.hosts.get(host)?;
        let role = at.vms.get(&vm)?.role().unwrap_or_default().to_owned();
        (
            role,
            at.datasets.get(&format!("zones/{vm}/data"))?.store.clone(),
        )
    };
    let link = lab.zone_root(host, vm).join(mountpoint(&role));
    // Seen from inside the host, where the operator looks.
    Some((link, PathBuf::from("/.lab/datasets").join(store)))
}

pub fn mount(lab: &Lab, host: &str, vm: Uuid) {
    let Some((link, files)) = place(lab, host, vm) else {
        return;
    };
    let _ = fs::remove_file(&link);
    let made = link
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| symlink(files, &link));
    if let Err(error) = made {
        eprintln!("lab: {} can't be mounted: {error}", link.display());
    }
}

pub fn unmount(lab: &Lab, host: &str, vm: Uuid) {
    if let Some((link, _)) = place(lab, host, vm) {
        let _ = fs::remove_file(link);
    }
}
