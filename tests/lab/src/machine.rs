// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a machine boots as: its firmware tries the key first, whose loader boots the platform that is on it or goes to the network,
//! where a dhcpd makes a compute node of whoever asks.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use serde::Serialize;

use crate::host;
use crate::lab::Lab;

/// What `sdc-usbkey` and the loader know a Triton key by.
pub const MARKER: &str = ".joyliveusb";

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "as", rename_all = "kebab-case")]
pub enum Boots {
    ComputeNode { why: String },
    Headnode { why: String },
    Nothing { why: String },
}

/// What a host would boot as if its power came back now.
pub fn boots(lab: &Lab, host: &str) -> Boots {
    let key = lab.key(host);
    boots_as(&key, !lab.dc().running("dhcpd").is_empty())
}

/// `dhcpd`: somebody answers on the network.
fn boots_as(key: &Path, dhcpd: bool) -> Boots {
    let network = |why: String| match dhcpd {
        true => Boots::ComputeNode { why },
        false => Boots::Nothing {
            why: format!("{why}, and no dhcpd runs"),
        },
    };
    let text = |path: &str| fs::read_to_string(key.join(path)).unwrap_or_default();
    if !key.join(MARKER).exists() || !key.join("boot/loader.conf").exists() {
        return network("it has no key that boots, so it asks the network".to_owned());
    }
    let conf = text("boot/loader.conf") + &text("boot/loader.conf.local");
    let variable = |name: &str| {
        let of_it = |line: &&str| line.split('=').next().map(str::trim) == Some(name);
        let line = conf.lines().rev().find(of_it)?;
        let value = line.split_once('=')?.1.trim().trim_matches('"');
        Some(value.to_owned())
    };
    if variable("ipxe").as_deref() == Some("true") {
        return network("its key's loader goes to the network (ipxe=true)".to_owned());
    }
    let nothing = |why: String| Boots::Nothing { why };
    for name in ["bootfile", "boot_archive_name"] {
        let Some(file) = variable(name) else {
            return nothing(format!("loader.conf has no {name}"));
        };
        if on_fat(key, &file).is_none() {
            return nothing(format!("loader.conf names {file}, which is not on the key"));
        }
    }
    if variable("headnode").as_deref() != Some("true") {
        return nothing("its key boots it as neither headnode nor compute node".to_owned());
    }
    for file in ["config", "config.inc/generic", "scripts/headnode.sh"] {
        if on_fat(key, file).is_none() {
            return nothing(format!("it would be a headnode without its {file}"));
        }
    }
    Boots::Headnode {
        why: "its key's loader boots the platform on it (ipxe=false)".to_owned(),
    }
}

/// A path of the key, whatever the case of its letters.
fn on_fat(key: &Path, path: &str) -> Option<PathBuf> {
    let mut at = key.to_owned();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let entries = fs::read_dir(&at).ok()?;
        let same = |name: &str| name.eq_ignore_ascii_case(part);
        let mut names = entries.flatten().map(|entry| entry.file_name());
        at.push(names.find(|name| name.to_str().is_some_and(same))?);
    }
    Some(at)
}

/// Goes down and comes back, as an orderly reboot does: whoever asked for it is told, and hears no more.
pub fn reboot(lab: &Arc<Lab>, host: &str) {
    let (lab, host) = (Arc::clone(lab), host.to_owned());
    thread::spawn(move || {
        thread::sleep(lab.timings.scaled(lab.timings.going_down));
        // It may have lost its power meanwhile.
        if host::kill(&lab, &host).is_err() {
            return;
        }
        thread::sleep(lab.timings.scaled(lab.timings.server_boot));
        if let Err(error) = host::boot(&lab, &host) {
            eprintln!("lab: {host} went down for a reboot and stays so: {error}");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONF: &str = include_str!("../../fixtures/platform/loader.conf");

    fn key(conf: &str, without: &str) -> tempfile::TempDir {
        let key = tempfile::tempdir().unwrap();
        for path in [
            MARKER,
            "config",
            "config.inc/generic",
            "scripts/headnode.sh",
            "os/20260313t002414z/platform/i86pc/kernel/amd64/unix",
            "os/20260313t002414z/platform/i86pc/amd64/boot_archive",
        ] {
            if path != without {
                let path = key.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "").unwrap();
            }
        }
        fs::create_dir_all(key.path().join("boot")).unwrap();
        fs::write(key.path().join("boot/loader.conf"), conf).unwrap();
        key
    }

    fn told(key: &tempfile::TempDir, dhcpd: bool) -> String {
        match boots_as(key.path(), dhcpd) {
            Boots::ComputeNode { why } => format!("compute node: {why}"),
            Boots::Headnode { why } => format!("headnode: {why}"),
            Boots::Nothing { why } => format!("nothing: {why}"),
        }
    }

    #[test]
    fn a_key_boots_itself_or_sends_the_machine_to_the_network() {
        assert!(told(&key(CONF, ""), false).starts_with("headnode: "));
        let to_network = CONF.replace("ipxe=\"false\"", "ipxe=\"true\"");
        let sent = key(&to_network, "");
        assert!(told(&sent, true).starts_with("compute node: "));
        assert!(told(&sent, false).ends_with("no dhcpd runs"));
        fs::write(
            sent.path().join("boot/loader.conf.local"),
            "ipxe=\"false\"\n",
        )
        .unwrap();
        assert!(told(&sent, true).starts_with("headnode: "));
        assert!(told(&key(CONF, MARKER), true).starts_with("compute node: it has no key"));
    }

    #[test]
    fn what_a_headnode_can_t_do_without_is_named() {
        for (without, why) in [
            ("config", "without its config"),
            ("scripts/headnode.sh", "without its scripts/headnode.sh"),
            (
                "os/20260313t002414z/platform/i86pc/kernel/amd64/unix",
                "kernel/amd64/unix, which is not on the key",
            ),
        ] {
            let told = told(&key(CONF, without), true);
            assert!(
                told.starts_with("nothing: ") && told.contains(why),
                "{told}"
            );
        }
        let told = told(&key(&CONF.replace("headnode=\"true\"\n", ""), ""), true);
        assert!(told.contains("neither headnode nor compute node"), "{told}");
    }
}
