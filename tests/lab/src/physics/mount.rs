// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Where a delegate dataset appears in its zone while that runs: at the mountpoint that it has, which the zone's own setup
//! chose.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use uuid::Uuid;

use crate::commands::zfs;
use crate::lab::Lab;

/// Where a role's `setup.sh` mounts its delegate dataset.
pub fn of_role(role: &str) -> &'static str {
    match role {
        "sapi" => "/sapi",
        "binder" => "/zookeeper",
        "mahi" => "/mahi",
        "manatee" => "/manatee",
        _ => "/data",
    }
}

/// The link in the zone's root, and the files it leads to.
fn place(lab: &Lab, host: &str, vm: Uuid) -> Option<(PathBuf, PathBuf)> {
    let name = format!("zones/{vm}/data");
    let dc = lab.dc();
    let at = dc.hosts.get(host)?;
    let dataset = at.datasets.get(&name).filter(|_| zfs::zoned(at, &name))?;
    // A zoned dataset without a mountpoint of its own is mounted by its name, below the zone's root.
    let mountpoint = dataset.properties.get("mountpoint");
    let mountpoint = mountpoint.map_or(name.as_str(), |path| path.trim_start_matches('/'));
    let link = lab.zone_root(host, vm).join(mountpoint);
    // Seen from inside the host, where the operator looks.
    Some((link, PathBuf::from("/.lab/datasets").join(&dataset.store)))
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

/// `zfs set mountpoint` inside the running zone.
pub fn mount_at(lab: &Lab, host: &str, vm: Uuid, mountpoint: &str) {
    unmount(lab, host, vm);
    let name = format!("zones/{vm}/data");
    if let Some(dataset) = lab
        .dc()
        .hosts
        .get_mut(host)
        .and_then(|host| host.datasets.get_mut(&name))
    {
        let path = mountpoint.to_owned();
        dataset.properties.insert("mountpoint".to_owned(), path);
    }
    mount(lab, host, vm);
}

pub fn unmount(lab: &Lab, host: &str, vm: Uuid) {
    if let Some((link, _)) = place(lab, host, vm) {
        let _ = fs::remove_file(link);
    }
}
