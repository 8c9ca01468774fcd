// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A compute node that becomes a headnode. Whatever is killed, its machine would always boot.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::timeless;
use crate::demo::{self, LOST, succeeded};
use crate::error::{LabError, Result};
use crate::running::Running;

const NEW: &str = "cn0";

/// Plans, and installs the toolkit: its copy is large, and no call of it changes what is booted.
pub(super) fn prepare(lab: &Running) -> Result<()> {
    for command in [
        "triton-hn-setup cn0 --plan > /var/tmp/plan.json",
        "triton-apply --yes --only cn0/check --only cn0/toolkit < /var/tmp/plan.json",
    ] {
        succeeded(LOST, command, lab.script(LOST, command, b"")?)?;
    }
    Ok(())
}

/// Asks what the machine would boot as, cuts its power at every second point, and applies the plan until it is done: what still
/// reboots does not answer yet.
pub(super) fn go_on(lab: &Running, apply: &str, cut: bool) -> Result<()> {
    boots(lab)?;
    // It may be off just now, on its way through the reboot that it was told of.
    if cut && lab.kill_host(NEW).is_ok() {
        boots(lab)?;
        lab.boot_host(NEW)?;
    }
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        let output = lab.script(LOST, apply, b"")?;
        if output.status.success() || Instant::now() > patience {
            return succeeded(LOST, apply, output).map(drop);
        }
        boots(lab)?;
        thread::sleep(Duration::from_millis(200));
    }
}

fn boots(lab: &Running) -> Result<()> {
    let would = lab.control(&json!({"do": "boots-as", "host": NEW}))?;
    match would["as"] == "nothing" {
        true => Err(LabError::Failed(format!("{NEW} would not boot: {would}"))),
        false => Ok(()),
    }
}

/// What a headnode is made of: files, datasets, trust, and what everybody says of it. That a key stays mounted which was when its
/// user was killed harms nobody.
pub(super) fn end_state(lab: &Running) -> Result<Vec<String>> {
    let mut state = demo::settled(lab, &[])?;
    state.extend(demo::destroys(lab)?);
    let would = lab.control(&json!({"do": "boots-as", "host": NEW}))?;
    state.push(format!("boots as {would}"));
    let servers = lab.control(&json!({"do": "fetch", "service": "cnapi", "path": "/servers"}))?;
    for server in servers["body"].as_array().into_iter().flatten() {
        let values = ["hostname", "headnode", "setup", "status"].map(|key| server[key].to_string());
        state.push(format!("cnapi {}", values.join(" ")));
    }
    for (host, script) in [
        (NEW, "bootparams; zfs list -Hp -o name,mountpoint -r zones"),
        (NEW, "cd /usbkey && find . -type f | grep -v parked- | sort"),
        (
            NEW,
            "cksum /usbkey/config /usbkey/boot/loader.conf; sed 's/AAAA[^ ]*/KEY/' /usbkey/config.inc/root.authorized_keys | sort",
        ),
        (
            NEW,
            "find /opt/custom /opt/smartdc -type f; ls /opt/triton-headnode",
        ),
        (NEW, "triton-sync-data trust ls --json | jq -r .hostname"),
        (LOST, "triton-sync-data trust ls --json | jq -r .hostname"),
        (
            LOST,
            "triton-svc-restore reserve --plan | jq -c '.networks[]|[.needed,.reserved]'",
        ),
    ] {
        let output = succeeded(host, script, lab.script(host, script, b"")?)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        state.extend(
            text.lines()
                .map(|line| format!("{host} {}", timeless(line))),
        );
    }
    Ok(state)
}
