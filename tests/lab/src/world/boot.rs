// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a boot brings back and what it makes: fs-joyent and headnode.sh on a headnode, what the network sends to a compute node.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::furnish::{node_config, write};
use super::{USBKEY, add_dataset};
use crate::lab::Lab;

const AUTHORIZED_KEYS: &str = "/root/.ssh/authorized_keys";
const NODE_CONFIG: &str = "/opt/smartdc/config/node.config";

/// What root of a compute node is opened by: the network's boot brings it every time.
pub fn kept_by_network(lab: &Lab, host: &str) -> Vec<u8> {
    fs::read(lab.host_path(host, AUTHORIZED_KEYS)).unwrap_or_default()
}

/// `/usbkey` is a headnode's: it is not mounted, and the configuration comes from the network.
pub fn compute_node_boots(lab: &Arc<Lab>, host: &str, authorized: Vec<u8>) -> io::Result<()> {
    booted(lab, host, false);
    unmount(lab, host)?;
    let (copy, aside) = (lab.host_path(host, "/usbkey"), aside(lab, host));
    if fs::read_dir(&copy)?.next().is_some() {
        fs::rename(&copy, &aside)?;
        fs::create_dir_all(&copy)?;
    }
    write(&lab.host_path(host, AUTHORIZED_KEYS), authorized, 0o600)?;
    write(
        &lab.host_path(host, NODE_CONFIG),
        node_config(&lab.dc()),
        0o600,
    )
}

/// The key overwrites `/usbkey`, root's authorized keys are written anew from it, and headnode.sh makes what is not there yet.
/// Without the dataset of `/usbkey` it makes that, and boots once more.
pub fn headnode_boots(lab: &Arc<Lab>, host: &str) -> io::Result<()> {
    booted(lab, host, true);
    unmount(lab, host)?;
    let missing = {
        let mut dc = lab.dc();
        let host = dc.hosts.get_mut(host);
        host.is_some_and(|host| {
            let missing = !host.datasets.contains_key(USBKEY);
            if missing {
                add_dataset(host, USBKEY, &[("mountpoint", "legacy")]);
            }
            missing
        })
    };
    if missing {
        std::thread::sleep(lab.timings.scaled(lab.timings.server_boot));
        booted(lab, host, true);
    }
    let (key, copy) = (lab.key(host), lab.host_path(host, "/usbkey"));
    let aside = aside(lab, host);
    if aside.exists() {
        fs::remove_dir_all(&copy)?;
        fs::rename(aside, &copy)?;
    }
    copy_key(&key, &copy, true)?;
    let kept = copy.join("config.inc/root.authorized_keys");
    if let Ok(text) = fs::read(kept) {
        write(&lab.host_path(host, AUTHORIZED_KEYS), text, 0o600)?;
    }
    headnode_sh(lab, host)
}

fn headnode_sh(lab: &Lab, host: &str) -> io::Result<()> {
    let there = |path: &str| lab.host_path(host, path);
    let setup = fs::read_to_string(there("/var/lib/setup.json")).unwrap_or_default();
    if !setup.contains("\"setup_complete\"") {
        let mut doubles = lab.doubles.lock().unwrap_or_else(|p| p.into_inner());
        doubles.push(format!(
            "{host} is not set up, so headnode.sh makes core zones of its own"
        ));
    }
    let joysetup = there("/usbkey/extra/joysetup");
    if !joysetup.exists() {
        for name in ["joysetup.sh", "agentsetup.sh"] {
            write(&joysetup.join(name), format!("# {name}\n"), 0o755)?;
        }
        write(&joysetup.join("node.config"), node_config(&lab.dc()), 0o644)?;
    }
    let installer = there("/usbkey/sdcadm-install.sh");
    if installer.exists() && !there("/opt/smartdc/sdcadm").exists() {
        fs::create_dir_all(there("/opt/smartdc/sdcadm"))?;
        fs::copy(installer, there("/opt/smartdc/sdcadm/installed-by"))?;
    }
    write(&there("/var/fw/.default_rules_setup"), "2\n", 0o644)
}

/// Where the copy of the key is while it is not mounted.
fn aside(lab: &Lab, host: &str) -> std::path::PathBuf {
    lab.dir.join("hosts").join(host).join("usbkey")
}

/// A boot ends with the key unmounted.
fn unmount(lab: &Lab, host: &str) -> io::Result<()> {
    let (key, unmounted) = (lab.key(host), lab.unmounted_key(host));
    match key.exists() && key != unmounted {
        true => fs::rename(key, unmounted),
        false => Ok(()),
    }
}

fn booted(lab: &Lab, host: &str, headnode: bool) {
    let now = lab.now_ms() / 1000;
    if let Some(host) = lab.dc().hosts.get_mut(host) {
        host.headnode = headnode;
        // A boot takes longer than the second that this is told in.
        host.booted = now.max(host.booted + 1);
    }
}

/// Files of the key replace those of the copy; what only the copy has stays, and what is hidden or private is the key's alone.
pub fn copy_key(key: &Path, copy: &Path, top: bool) -> io::Result<()> {
    fs::create_dir_all(copy)?;
    for entry in fs::read_dir(key)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if top && (name.starts_with('.') || name == "private") {
            continue;
        }
        let to = copy.join(
            match entry.path().parent().is_some_and(|at| at.ends_with("os")) {
                true => name.to_uppercase(),
                false => name.into_owned(),
            },
        );
        if entry.file_type()?.is_dir() {
            copy_key(&entry.path(), &to, false)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
