// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The restore of a lost headnode.

use serde_json::json;

use super::timeless;
use crate::demo::{self, LOST, TARGET, succeeded};
use crate::error::Result;
use crate::running::Running;

/// Syncs, loses the headnode, and plans.
pub(super) fn prepare(lab: &Running, every_service: bool) -> Result<()> {
    if every_service {
        demo::one_binder_each(lab)?;
    }
    for (host, command) in [
        (LOST, "triton-svc-restore reserve --yes"),
        (TARGET, "triton-sync-data"),
    ] {
        succeeded(host, command, lab.script(host, command, b"")?)?;
    }
    lab.lose_host(LOST)?;
    let plan = format!("triton-svc-restore --lost {LOST} --plan > /var/tmp/plan.json");
    succeeded(TARGET, &plan, lab.script(TARGET, &plan, b"")?).map(drop)
}

/// Everything that a restore leaves, but for times: zones, datasets, records; and whatever disagrees.
pub(super) fn end_state(lab: &Running) -> Result<Vec<String>> {
    let mut state = demo::settled(lab, &[LOST])?;
    state.extend(demo::destroys(lab)?);
    let status = lab.control(&json!({"do": "status"}))?;
    for host in status["hosts"].as_array().into_iter().flatten() {
        for zone in host["zones"].as_array().into_iter().flatten() {
            state.push(format!("zone {} {zone}", host["host"]));
        }
    }
    for (service, path, keys) in [
        ("sapi", "/instances", ["uuid", "service_uuid", "params"]),
        // Which of the free addresses and MACs a zone gets is NAPI's to say; that no two have the same one is checked above.
        (
            "napi",
            "/nics?limit=1000",
            ["belongs_to_uuid", "nic_tag", "primary"],
        ),
        (
            "vmapi",
            "/vms?state=active&limit=1000",
            ["uuid", "alias", "state"],
        ),
    ] {
        let answer = lab.control(&json!({"do": "fetch", "service": service, "path": path}))?;
        let records = answer["body"].as_array().cloned().unwrap_or_default();
        let lines = records.iter().map(|record| {
            let values = keys.map(|key| record[key].to_string());
            format!("{service} {}", values.join(" "))
        });
        state.extend(lines);
    }
    let list = "zfs list -Hp -o name,origin,readonly,mountpoint -r zones";
    let output = succeeded(TARGET, list, lab.script(TARGET, list, b"")?)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    state.extend(
        text.lines()
            .map(|line| format!("dataset {}", timeless(line))),
    );
    Ok(state)
}
