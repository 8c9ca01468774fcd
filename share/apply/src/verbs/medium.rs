// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A new headnode's boot medium: what is on this headnode's own that it needs, and a configuration of its own. Secrets go by ssh,
//! from file to file, and are in no document.

use std::path::Path;

use documents::Digest;
use documents::verb::MediumWrite;
use platform::usbkey::{parse_config, with_medium};
use platform::{Command, Host, bootparams, vmadm, zlogin};
use serde_json::{Map, Value, json};
use usbkey::{Choice, Item, Node, Tree, config_of, secondary};

use super::toolkit::{packed, tool};
use crate::step::{Context, Deed, Look, StepError, Undone};

/// The installer of the sdcadm that is deployed.
const SDCADM: &str = "/usbkey/extra/sdcadm/sdcadm.sh";

/// Where one of these is, the datacenter's servers get their networking at boot.
const NETWORKING: [&str; 2] = [
    "/system/boot/networking.json",
    "/usbkey/boot/networking.json",
];

/// What root's authorized keys are made of at each boot of a headnode.
const AUTHORIZED: &str = "config.inc/root.authorized_keys";

const HN_NETFILE: &str = "/opt/smartdc/booter/bin/hn-netfile";

/// The configuration that it is to have: the datacenter's, with what is its own.
fn config(with: &MediumWrite, context: &Context<'_>) -> Result<Vec<u8>, StepError> {
    let ours = context.world.local.read("/usbkey/config")?;
    let ours = String::from_utf8(ours)
        .map_err(|_| StepError::firm("this headnode's /usbkey/config is no UTF-8"))?;
    let node = Node {
        hostname: with.hostname.clone(),
        admin_nic: with.admin_nic.clone(),
        admin_ip: with.admin_ip,
        datacenter: Some(context.world.datacenter.clone()),
    };
    let text = config_of(&ours, &node, &with.binders).map_err(StepError::firm)?;
    Ok(text.into_bytes())
}

/// What of a medium is written last, and tells that all of it is there.
struct Last {
    config: Option<Vec<u8>>,
    boots_itself: bool,
}

fn last_of(host: &Host) -> Result<Last, StepError> {
    Ok(with_medium(host, |mounted| {
        let read = |name: &str| host.read_if_there(format!("{mounted}/{name}"));
        let text = |name: &str| -> Result<String, platform::Error> {
            Ok(String::from_utf8_lossy(&read(name)?.unwrap_or_default()).into_owned())
        };
        let (loader, menu) = (text("boot/loader.conf")?, text("boot/grub/menu.lst")?);
        let says = |line: &str| loader.lines().any(|found| found.trim() == line);
        let by_grub = menu.lines().any(|line| line.trim() == "default 1");
        Ok(Last {
            config: read("config")?,
            boots_itself: says("ipxe=\"false\"") && says("headnode=\"true\"") || by_grub,
        })
    })?)
}

fn datacenter_of(config: &[u8]) -> Option<String> {
    let config = parse_config(&String::from_utf8_lossy(config)).ok()?;
    config.get("datacenter_name").map(str::to_owned)
}

impl Deed for MediumWrite {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let host = context.world.host(context.step.host)?;
        let config = config(self, context)?;
        let mut outputs = Map::new();
        outputs.insert("config".to_owned(), json!(Digest::of_bytes(&config)));
        // On a headnode the copy tells, which each boot makes of the medium.
        if bootparams::get(&host)?.is_headnode()
            && host.read_if_there("/usbkey/config")? == Some(config.clone())
        {
            return Ok(Look::Done(outputs));
        }
        let last = last_of(&host)?;
        let of = last.config.as_deref().and_then(datacenter_of);
        if let Some(other) = of.filter(|of| *of != context.world.datacenter) {
            return Ok(Look::Conflict(format!(
                "the key in {} is of datacenter {other}: nothing is written to it",
                self.hostname
            )));
        }
        Ok(match last.boots_itself && last.config == Some(config) {
            true => Look::Done(outputs),
            false => Look::Ready,
        })
    }

    /// What decides what is booted comes last, so that until then the server boots as before.
    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let here = &context.world.local;
        let host = context.world.host(context.step.host)?;
        let choice = Choice {
            config: Some(config(self, context)?),
            networking: networking(here, context.step.host.to_string())?,
            sdcadm: Some(here.path(SDCADM)),
            pool: self.pool.clone(),
            ..Choice::default()
        };
        let authorized = host.read_if_there("/root/.ssh/authorized_keys")?;
        let packed = with_medium(here, |mounted| {
            Ok(files(&here.path(mounted), &choice, authorized.as_deref())
                .and_then(|set| packed(&set)))
        })??;
        with_medium(&host, |mounted| {
            let from = Command::new("cat").arg(packed.path());
            let to = Command::new(tool("triton-usbkey-image"));
            let to = to.args(["write", "--yes", "--to", mounted, "-"]);
            Ok(here.pipe(&from, &host, &to))
        })??;
        Ok(())
    }

    fn undo(&self, context: &Context<'_>, _: &Value) -> Result<Undone, StepError> {
        let host = context.world.host(context.step.host)?;
        if bootparams::get(&host)?.is_headnode() {
            return Err(StepError::firm(format!(
                "{} is a headnode already",
                self.hostname
            )));
        }
        with_medium(&host, |_| {
            let network = Command::new("sdc-usbkey").args(["set-variable", "ipxe", "true"]);
            Ok(host.run_ok(&network).map(drop)?)
        })?;
        Ok(Undone::Back(format!(
            "{} boots from the network again, as a compute node; what was written stays on its medium",
            self.hostname
        )))
    }
}

/// The set that a secondary headnode needs, and whoever may log in to the server now may do so afterwards.
fn files(key: &Path, choice: &Choice, authorized: Option<&[u8]>) -> Result<Tree, StepError> {
    let key = Tree::of_folder(key).map_err(StepError::firm)?;
    let mut set = secondary(&key, choice).map_err(StepError::firm)?;
    let known = match set.get(AUTHORIZED) {
        Some(item) => item.read().map_err(StepError::firm)?,
        None => Vec::new(),
    };
    let mut lines = String::from_utf8_lossy(&known).into_owned();
    for line in String::from_utf8_lossy(authorized.unwrap_or_default()).lines() {
        if !line.trim().is_empty() && !lines.lines().any(|known| known == line) {
            if !lines.is_empty() && !lines.ends_with('\n') {
                lines.push('\n');
            }
            lines.push_str(line);
            lines.push('\n');
        }
    }
    if !lines.is_empty() {
        set.put(
            AUTHORIZED,
            Item::of_bytes(lines.into_bytes(), 0o600, key.newest()),
        );
    }
    Ok(set)
}

/// The server's networking.json, by booter in this headnode's dhcpd zone; `None` where boot-time networking is off.
fn networking(here: &Host, server: String) -> Result<Option<Vec<u8>>, StepError> {
    let mut enabled = false;
    for path in NETWORKING {
        enabled |= here.exists(path)?;
    }
    if !enabled {
        return Ok(None);
    }
    let zones = vmadm::lookup(here, &["tags.smartdc_role=dhcpd", "state=running"])?;
    let Some(zone) = zones.first() else {
        return Err(StepError::firm(
            "the datacenter's servers get their networking at boot, and no dhcpd runs on this headnode that could tell the \
             new one's: run this on the headnode that has one",
        ));
    };
    let told = here.run_ok(&zlogin::command(zone.uuid, [HN_NETFILE, &server]))?;
    Ok(Some(told.into_bytes()))
}
