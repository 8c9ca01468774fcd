// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A key's boot settings: `boot/loader.conf` of today's keys, `boot/grub/menu.lst` of the keys before. Only the lines that must
//! change do.

use crate::{Error, platform_stamp};

/// What a key boots, as `loader.conf` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Boots {
    pub platform: Option<String>,
    pub previous: Option<String>,
}

/// A variable's value; the last assignment wins, as with `sdc-usbkey get-variable`.
pub fn variable(conf: &str, name: &str) -> Option<String> {
    let line = conf.lines().rev().find(|line| is_of(line, name))?;
    let value = line.split_once('=')?.1.trim();
    Some(value.trim_matches('"').to_owned())
}

fn is_of(line: &str, name: &str) -> bool {
    line.split_once('=')
        .is_some_and(|(key, _)| key.trim() == name)
}

/// Sets a variable: the first line that assigns it is replaced, others of it go, and where there is none one is added.
pub fn set(conf: &str, name: &str, value: &str) -> String {
    let line = format!("{name}=\"{value}\"\n");
    let mut done = false;
    let mut text = String::with_capacity(conf.len() + line.len());
    for old in conf.lines() {
        if !is_of(old, name) {
            text.push_str(old);
            text.push('\n');
        } else if !done {
            text.push_str(&line);
            done = true;
        }
    }
    if !done {
        text.push_str(&line);
    }
    text
}

pub fn unset(conf: &str, name: &str) -> String {
    let kept = conf.lines().filter(|line| !is_of(line, name));
    kept.flat_map(|line| [line, "\n"]).collect()
}

pub fn boots(conf: &str) -> Boots {
    let stamp = |name| variable(conf, name).and_then(|value| platform_stamp(&value));
    Boots {
        platform: stamp("platform-version"),
        previous: stamp("prev-version"),
    }
}

/// `loader.conf` of a headnode that boots `platform` from this very medium: a key, or the boot dataset of `pool`.
pub fn headnode(conf: &str, platform: &str, kept: &[String], pool: Option<&str>) -> String {
    let mut conf = set(conf, "headnode", "true");
    // With ipxe the medium would start the machine as a compute node, which looks just like one that came up well.
    conf = set(&conf, "ipxe", "false");
    let before = boots(&conf);
    if before.platform.as_deref() != Some(platform) {
        let files = format!("/os/{platform}/platform/i86pc");
        conf = set(&conf, "bootfile", &format!("{files}/kernel/amd64/unix"));
        conf = set(
            &conf,
            "boot_archive_name",
            &format!("{files}/amd64/boot_archive"),
        );
        conf = set(
            &conf,
            "boot_archive.hash_name",
            &format!("{files}/amd64/boot_archive.hash"),
        );
        conf = set(&conf, "platform-version", platform);
    }
    if before.previous.is_some_and(|stamp| !kept.contains(&stamp)) {
        for name in ["prev-platform", "prev-archive", "prev-hash", "prev-version"] {
            conf = unset(&conf, name);
        }
    }
    match pool {
        Some(pool) => set(&set(&conf, "fstype", "ufs"), "triton_bootpool", pool),
        None => unset(&unset(&conf, "fstype"), "triton_bootpool"),
    }
}

/// GRUB's menu with the local platform as what is booted: entry 0 is the network, entry 1 this key.
pub fn grub_local(menu: &str) -> Result<String, Error> {
    let of_default = |line: &str| line.split_whitespace().next() == Some("default");
    if !menu.lines().any(of_default) {
        return Err(Error::Bad(
            "boot/grub/menu.lst says nothing of what is booted by default: it is no Triton key's"
                .into(),
        ));
    }
    let lines = menu
        .lines()
        .map(|line| if of_default(line) { "default 1" } else { line });
    Ok(lines.flat_map(|line| [line, "\n"]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONF: &str = include_str!("../../../tests/fixtures/platform/loader.conf");

    #[test]
    fn a_key_that_would_boot_from_the_network_boots_itself() {
        let from_network = set(CONF, "ipxe", "true");
        let conf = headnode(&from_network, "20260313T002414Z", &[], None);
        assert_eq!(conf, CONF);
    }

    #[test]
    fn another_platform_changes_all_four_lines_and_a_previous_one_that_is_not_there_goes() {
        let conf = set(
            &set(CONF, "prev-version", "20250101T000000Z"),
            "prev-platform",
            "x",
        );
        let conf = headnode(
            &conf,
            "20270101T000000Z",
            &["20270101T000000Z".into()],
            None,
        );
        assert_eq!(conf.matches("20270101T000000Z").count(), 4);
        assert!(!conf.contains("20260313T002414Z") && !conf.contains("prev-"));
        assert_eq!(boots(&conf).platform.as_deref(), Some("20270101T000000Z"));
    }

    #[test]
    fn a_pool_s_settings_come_and_go() {
        let pool = headnode(CONF, "20260313T002414Z", &[], Some("zones"));
        assert_eq!(variable(&pool, "triton_bootpool").as_deref(), Some("zones"));
        assert_eq!(variable(&pool, "fstype").as_deref(), Some("ufs"));
        assert_eq!(headnode(&pool, "20260313T002414Z", &[], None), CONF);
    }

    #[test]
    fn the_last_assignment_of_a_variable_wins_and_a_change_leaves_one() {
        let conf = "a=\"1\"\nb=\"x\"\na = \"2\"\n";
        assert_eq!(variable(conf, "a").as_deref(), Some("2"));
        assert_eq!(set(conf, "a", "3"), "a=\"3\"\nb=\"x\"\n");
    }

    #[test]
    fn grub_s_default_becomes_the_local_platform() {
        let menu = "default 0\ntimeout 10\ntitle Compute Node (PXE)\n";
        assert!(grub_local(menu).unwrap().starts_with("default 1\ntimeout"));
        assert!(grub_local("timeout 1\n").is_err());
    }
}
