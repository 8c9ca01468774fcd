// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a secondary headnode needs of a headnode's key: it boots, finds its tools and joins. It never makes core zones, so the
//! seeds and images of those stay behind.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::{Error, Item, Tree, config, folded, loader, platform_stamp};

/// Without these it is no key that a headnode could boot and set itself up from.
const NEEDED: [&str; 7] = [
    ".joyliveusb",
    "boot",
    "config.inc",
    "scripts",
    "tools.tar.gz",
    "cn_tools.tar.gz",
    "os",
];

/// Taken where they are: which of them a key has depends on its age.
const WANTED: [&str; 9] = [
    "banner",
    "boot_archive.manifest",
    "etc",
    "firmware",
    "license",
    "private",
    "ur-scripts",
    "usb_key.manifest",
    "version",
];

/// What makes the set another headnode's.
#[derive(Debug, Default)]
pub struct Choice {
    /// Stamps, the one to boot first. Empty: those that the key boots or can roll back to.
    pub platforms: Vec<String>,
    /// The new headnode's `config`.
    pub config: Option<Vec<u8>>,
    /// Its `networking.json`, where the datacenter boots with one.
    pub networking: Option<Vec<u8>>,
    /// The installer of the sdcadm that is deployed; the key's own is as old as the key.
    pub sdcadm: Option<PathBuf>,
    /// The pool whose boot dataset is meant, where it is no key.
    pub pool: Option<String>,
}

/// The minimal set out of a key's files.
pub fn secondary(key: &Tree, choice: &Choice) -> Result<Tree, Error> {
    check(key)?;
    let platforms = platforms(key, &choice.platforms)?;
    let mut set = Tree::default();
    for (path, item) in key.iter() {
        if let Some(path) = kept(path, &platforms) {
            let mut item = item.clone();
            // On a mounted key everything is anyone's; a boot dataset has permissions.
            if path.starts_with("private/") {
                item.mode = 0o600;
            }
            set.add(&path, item)?;
        }
    }
    boot_settings(&mut set, &platforms, choice.pool.as_deref())?;
    // Reproducible: what is made here is as old as the newest file it was made from.
    let now = key.newest();
    if let Some(config) = &choice.config {
        config::check(config, choice.networking.as_deref())?;
        set.put("config", Item::of_bytes(config.clone(), 0o600, now));
    }
    if let Some(networking) = &choice.networking {
        set.put(
            "boot/networking.json",
            Item::of_bytes(networking.clone(), 0o644, now),
        );
    }
    match &choice.sdcadm {
        Some(path) => set.put(
            "sdcadm-install.sh",
            Item {
                mode: 0o755,
                ..Item::of_file(path)?
            },
        ),
        None => {
            return Err(Error::Bad(
                "no sdcadm installer: the deployed one is /usbkey/extra/sdcadm/sdcadm.sh, or give another with --sdcadm FILE"
                    .into(),
            ));
        }
    }
    Ok(set)
}

fn check(key: &Tree) -> Result<(), Error> {
    let top: BTreeSet<String> = key.iter().map(|(path, _)| folded(first(path))).collect();
    let missing: Vec<&str> = NEEDED
        .into_iter()
        .filter(|name| !top.contains(*name))
        .collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Error::Bad(format!(
            "this is no whole key of a headnode: {} is not there",
            missing.join(", ")
        ))),
    }
}

fn first(path: &str) -> &str {
    path.split('/').next().unwrap_or(path)
}

/// The path a file has in the set, or `None` when it stays behind. Platforms get their true names back: a boot dataset, unlike
/// FAT, has letter case.
fn kept(path: &str, platforms: &[String]) -> Option<String> {
    let low = folded(path);
    let top = first(&low);
    if top == "os" {
        let (_, rest) = path.split_once('/')?;
        let (folder, file) = rest.split_once('/')?;
        let stamp = platform_stamp(folder).filter(|stamp| platforms.contains(stamp))?;
        return Some(format!("os/{stamp}/{file}"));
    }
    if top == "private" {
        let stamp = platform_stamp(low.strip_prefix("private/root.password.")?)?;
        return platforms
            .contains(&stamp)
            .then(|| format!("private/root.password.{stamp}"));
    }
    // Another node's, and made anew.
    if low == "boot/networking.json" || low == "boot/networking.json.hash" {
        return None;
    }
    let wanted = NEEDED.contains(&top) || WANTED.contains(&top);
    wanted.then(|| path.to_owned())
}

fn platforms(key: &Tree, wanted: &[String]) -> Result<Vec<String>, Error> {
    let there: BTreeSet<String> = key
        .iter()
        .filter_map(|(path, _)| path.split_once('/'))
        .filter(|(top, _)| folded(top) == "os")
        .filter_map(|(_, rest)| platform_stamp(first(rest)))
        .collect();
    let mut stamps = Vec::new();
    for name in wanted {
        let stamp = platform_stamp(name).ok_or_else(|| {
            Error::Bad(format!(
                "{name} is no platform's stamp, such as 20260313T002414Z"
            ))
        })?;
        if !stamps.contains(&stamp) {
            stamps.push(stamp);
        }
    }
    if stamps.is_empty() {
        let boots = match key.get("boot/loader.conf") {
            Some(conf) => loader::boots(&text(conf, "boot/loader.conf")?),
            None => loader::Boots::default(),
        };
        stamps.extend(boots.platform);
        stamps.extend(boots.previous.filter(|stamp| there.contains(stamp)));
    }
    if stamps.is_empty() {
        // GRUB's menu names its platforms in too many ways: the newest first, and all of them.
        stamps.extend(there.iter().rev().cloned());
    }
    match stamps.iter().find(|stamp| !there.contains(*stamp)) {
        None if !stamps.is_empty() => Ok(stamps),
        missing => Err(Error::Bad(format!(
            "platform {} is not on the key, which has {}",
            missing.map_or("", String::as_str),
            if there.is_empty() {
                "none".into()
            } else {
                there.into_iter().collect::<Vec<_>>().join(", ")
            }
        ))),
    }
}

fn boot_settings(set: &mut Tree, platforms: &[String], pool: Option<&str>) -> Result<(), Error> {
    let Some(platform) = platforms.first() else {
        return Ok(());
    };
    if let Some(conf) = set.get("boot/loader.conf") {
        let new = loader::headnode(&text(conf, "boot/loader.conf")?, platform, platforms, pool);
        replace(set, "boot/loader.conf", new);
        // What is read after loader.conf wins over it.
        if let Some(local) = set.get("boot/loader.conf.local") {
            let mut local = text(local, "boot/loader.conf.local")?;
            for name in ["ipxe", "headnode"] {
                local = loader::unset(&local, name);
            }
            replace(set, "boot/loader.conf.local", local);
        }
        return Ok(());
    }
    let menus = ["boot/grub/menu.lst", "boot/grub/menu.lst.tmpl"];
    let menus: Vec<&str> = menus
        .into_iter()
        .filter(|path| set.get(path).is_some())
        .collect();
    if menus.is_empty() {
        return Err(Error::Bad(
            "this is no key that boots: it has neither boot/loader.conf nor boot/grub/menu.lst"
                .into(),
        ));
    }
    for path in menus {
        if let Some(menu) = set.get(path) {
            let new = loader::grub_local(&text(menu, path)?)?;
            replace(set, path, new);
        }
    }
    Ok(())
}

fn replace(set: &mut Tree, path: &str, text: String) {
    if let Some(old) = set.get(path) {
        let item = Item::of_bytes(text.into_bytes(), old.mode, old.modified);
        set.put(path, item);
    }
}

fn text(item: &Item, path: &str) -> Result<String, Error> {
    String::from_utf8(item.read()?).map_err(|_| Error::Bad(format!("{path} is no text")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONF: &str = include_str!("../../../tests/fixtures/platform/loader.conf");

    fn key(extra: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::default();
        let files = [
            (".joyliveusb", ""),
            ("boot/loader64.efi", "efi"),
            ("boot/networking.json", "{}"),
            ("config", "hostname=headnode0"),
            ("config.inc/generic", "x"),
            ("scripts/headnode.sh", "x"),
            ("tools.tar.gz", "x"),
            ("cn_tools.tar.gz", "x"),
            ("images/1.imgfile", "x"),
            ("zones/imgapi/image", "x"),
            ("application.json", "{}"),
            ("private/answers.json", "secret"),
            ("private/root.password.20260313t002414z", "p"),
            ("private/root.password.20250101t000000z", "p"),
            ("os/20260313t002414z/platform/i86pc/amd64/boot_archive", "x"),
            ("os/20250101t000000z/platform/i86pc/amd64/boot_archive", "x"),
        ];
        for (path, content) in files.iter().chain(extra) {
            tree.add(path, Item::of_bytes(content.as_bytes().to_vec(), 0o644, 1))
                .unwrap();
        }
        tree
    }

    fn choice() -> Choice {
        Choice {
            sdcadm: Some(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml").into()),
            ..Choice::default()
        }
    }

    #[test]
    fn a_set_is_what_boots_and_joins_and_nothing_of_core_zones_or_of_this_node() {
        let key = key(&[("boot/loader.conf", CONF), ("license", "MPL")]);
        let set = secondary(&key, &choice()).unwrap();
        let paths: Vec<&str> = set.iter().map(|(path, _)| path).collect();
        assert_eq!(
            paths,
            [
                ".joyliveusb",
                "boot/loader.conf",
                "boot/loader64.efi",
                "cn_tools.tar.gz",
                "config.inc/generic",
                "license",
                "os/20260313T002414Z/platform/i86pc/amd64/boot_archive",
                "private/root.password.20260313T002414Z",
                "scripts/headnode.sh",
                "sdcadm-install.sh",
                "tools.tar.gz",
            ]
        );
    }

    #[test]
    fn the_platform_that_is_asked_for_is_the_one_that_boots() {
        let key = key(&[
            ("boot/loader.conf", CONF),
            ("boot/loader.conf.local", "ipxe=\"true\"\nx=\"y\"\n"),
        ]);
        let wanted = Choice {
            platforms: vec!["20250101t000000z".into()],
            ..choice()
        };
        let set = secondary(&key, &wanted).unwrap();
        let conf = text(set.get("boot/loader.conf").unwrap(), "").unwrap();
        assert_eq!(
            loader::boots(&conf).platform.as_deref(),
            Some("20250101T000000Z")
        );
        assert_eq!(
            text(set.get("boot/loader.conf.local").unwrap(), "").unwrap(),
            "x=\"y\"\n"
        );
        let missing = Choice {
            platforms: vec!["20200101T000000Z".into()],
            ..choice()
        };
        let error = secondary(&key, &missing).unwrap_err().to_string();
        assert!(
            error.contains("20200101T000000Z") && error.contains("20250101T000000Z"),
            "{error}"
        );
    }

    #[test]
    fn a_key_of_grub_s_days_keeps_all_its_platforms_and_boots_itself() {
        let key = key(&[
            ("boot/grub/menu.lst", "default 0\n"),
            ("boot/grub/menu.lst.tmpl", "default 0\n"),
        ]);
        let set = secondary(&key, &choice()).unwrap();
        assert_eq!(
            text(set.get("boot/grub/menu.lst").unwrap(), "").unwrap(),
            "default 1\n"
        );
        assert_eq!(
            text(set.get("boot/grub/menu.lst.tmpl").unwrap(), "").unwrap(),
            "default 1\n"
        );
        assert!(
            set.get("os/20250101T000000Z/platform/i86pc/amd64/boot_archive")
                .is_some()
        );
    }

    #[test]
    fn a_folder_that_is_no_key_is_refused_and_so_is_one_without_an_installer() {
        let error = secondary(&Tree::default(), &choice())
            .unwrap_err()
            .to_string();
        assert!(error.contains(".joyliveusb"), "{error}");
        let key = key(&[("boot/loader.conf", CONF)]);
        let error = secondary(&key, &Choice::default()).unwrap_err().to_string();
        assert!(error.contains("--sdcadm"), "{error}");
    }
}
