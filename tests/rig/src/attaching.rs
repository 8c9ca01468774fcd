// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a restore does with data, on real ZFS: restore points as a sync leaves them, zones that never booted, and a plan that
//! gives each zone its restore point.

use serde_json::{Map, Value, json};

use crate::Rig;
use crate::error::{Result, RigError};

/// The guests have no ZooKeeper.
pub const APPLY: &str = "/opt/triton-headnode/bin/triton-apply --yes --accept-no-majority";

/// A restore point.
pub struct Point {
    /// `dataset@snapshot`
    pub snapshot: String,
    pub guid: String,
}

/// A zone that is to get a restore point.
pub struct Attach<'a> {
    pub service: &'a str,
    pub vm: &'a str,
    pub point: &'a Point,
}

/// A copy of that many MiB, none of which compresses away.
pub fn restore_point(rig: &Rig, host: &str, name: &str, mib: u64) -> Result<Point> {
    let copy = format!("zones/triton-restore/{name}");
    let snapshot = format!("{copy}@whole");
    rig.ok(
        host,
        &format!(
            "zfs create -p -o mountpoint=/{name} -o compression=off {copy} && \
             dd if=/dev/zero of=/{name}/data bs=1M count={mib} 2>/dev/null && zpool sync zones && \
             zfs snapshot {snapshot} && zfs set readonly=on {copy} && zfs set mountpoint=none {copy}"
        ),
    )?;
    let guid = rig.ok(host, &format!("zfs get -Hp -o value guid {snapshot}"))?;
    Ok(Point { snapshot, guid })
}

/// Zones that never booted, each with the empty dataset that vmadm makes.
pub fn zones(rig: &Rig, host: &str, count: usize) -> Result<Vec<String>> {
    let binder = rig.ok(host, "vmadm get $(vmadm lookup tags.smartdc_role=binder)")?;
    let binder: Value = serde_json::from_str(&binder)
        .map_err(|error| RigError::Failed(format!("what vmadm get printed: {error}")))?;
    let zones: Vec<String> = (0..count)
        .map(|number| format!("{number:08x}-0000-4000-8000-000000000000"))
        .collect();
    let mut vms = Map::new();
    for (number, vm) in zones.iter().enumerate() {
        let mut zone = core_zone(&binder, vm, number);
        zone["state"] = json!("stopped");
        vms.insert(vm.clone(), zone);
        rig.ok(
            host,
            &format!("zfs create zones/{vm} && zfs create -o zoned=on zones/{vm}/data"),
        )?;
    }
    let write = "mkdir -p /var/rig && cat > /var/rig/model.json && \
                 printf 'datacenter_name=east-1\\ndns_domain=triton.example\\n' > /usbkey/config && sync";
    let model = json!({ "vms": vms }).to_string();
    let written = rig.run_with(host, write, model.as_bytes())?;
    match written.success() {
        true => Ok(zones),
        false => Err(RigError::Failed(written.stderr)),
    }
}

/// The plan of the run of that number.
pub fn plan(rig: &Rig, host: &str, run: u32, attaches: &[Attach<'_>]) -> Result<Value> {
    let server = rig.ok(
        host,
        "sysinfo | sed -n 's/.*\"UUID\": \"\\(.*\\)\",/\\1/p' | head -1",
    )?;
    let steps: Vec<Value> = attaches
        .iter()
        .enumerate()
        .map(|(number, attach)| {
            let (service, vm, point) = (attach.service, attach.vm, attach.point);
            json!({
                "id": format!("{service}{number}/attach"), "host": server, "verb": "dataset.attach",
                "with": {"vm": vm, "dataset": format!("zones/{vm}/data"), "snapshot": point.snapshot},
                "expects": {"guid": point.guid, "state": "stopped"}, "needs": [], "service": service,
                "why": format!("give {vm} the restore point {}", point.snapshot),
            })
        })
        .collect();
    Ok(json!({
        "kind": "triton.plan/1", "dc": {"name": "east-1", "sapi_app": server},
        "run": format!("{run:08x}-0000-4000-8000-000000000001"),
        "made_by": "rig", "inventory": "sha256:00",
        "goal": {"restore": {"lost": [], "on": server, "services": []}},
        "steps": steps, "notices": [], "refusals": [],
    }))
}

/// A core zone as `vmadm get` shows another, but for what tells the two apart.
pub fn core_zone(like: &Value, uuid: &str, number: usize) -> Value {
    let mut zone = like.clone();
    for key in ["uuid", "zonename"] {
        zone[key] = uuid.into();
    }
    zone["zonepath"] = format!("/zones/{uuid}").into();
    zone["alias"] = format!("imgapi{number}").into();
    zone["tags"]["smartdc_role"] = "imgapi".into();
    zone["datasets"] = vec![format!("zones/{uuid}/data")].into();
    zone
}
