// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! After a restore, on real ZFS: headnode0 is lost, headnode1 has its zone again out of a restore point, and headnode2 goes on
//! from the copy that it has, whether the restored dataset is still a clone or was settled.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use serde_json::Value;
use support::{SOURCE, SYNC, Scene, TARGET, trusting_all};

const THIRD: &str = "headnode2";
/// The zone that takes imgapi's place.
const RESTORED: &str = "1c7e5d11-4a9b-4f65-8c3d-2e1f0a9b8c7d";
const BYTES: u64 = 8 << 20;

/// headnode0 is dead; its imgapi lives on headnode1 in a dataset that is a clone of the newest restore point.
fn restored() -> Option<Scene> {
    let scene = trusting_all(&[SOURCE, TARGET, THIRD])?;
    scene.write(8);
    scene.sync();
    // The third headnode's newest snapshot is not what headnode1 has: something was written in between.
    scene.write(1);
    sync(&scene, THIRD, SOURCE);
    let vm = scene.dataset.split('/').nth(1).unwrap().to_owned();
    let payload = scene.ok(SOURCE, &format!("vmadm get {vm}"));
    scene.rig.kill(SOURCE).unwrap();

    let payload = payload.replace(&vm, RESTORED);
    let model = format!(r#"{{"vms": {{"{RESTORED}": {payload}}}}}"#);
    let write = scene
        .rig
        .run_with(TARGET, "cat > /var/rig/model.json", model.as_bytes());
    assert!(write.unwrap().success());
    scene.ok(
        TARGET,
        &format!(
            "zfs create -p -o mountpoint=none zones/{RESTORED} && \
             zfs clone -o readonly=off -o mountpoint=/restored \
             $(zfs list -H -t snapshot -o name -s creation -d 1 {} | tail -1) zones/{RESTORED}/data && \
             head -c 1M /dev/urandom > /restored/since && zpool sync",
            scene.copy
        ),
    );
    Some(scene)
}

/// One round of `here` from `from`; a line for each dataset.
fn sync(scene: &Scene, here: &str, from: &str) -> Vec<Value> {
    let output = scene.run(here, &format!("{SYNC} -j --from {from} --reserve 64M"));
    let lines = output
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let datasets: Vec<Value> = lines
        .filter(|line: &Value| line["kind"] == "triton.sync-result/1")
        .collect();
    assert!(!datasets.is_empty(), "{}{}", output.stdout, output.stderr);
    datasets
}

/// The third headnode syncs the restored zone: what is new, and not the 8 MiB that it has.
fn goes_on(scene: &Scene) {
    let result = Scene::imgapi(&sync(scene, THIRD, TARGET)).clone();
    assert_eq!(result["outcome"], "sent", "{result:#}");
    let bytes = result["bytes"].as_u64().unwrap();
    println!("{bytes} bytes went to {THIRD} after the restore, of {BYTES} that it had");
    assert!(
        (1 << 20..3 << 20).contains(&bytes),
        "{bytes} bytes were sent"
    );
    let server = scene.ok(
        TARGET,
        "sysinfo | sed -n 's/.*\"UUID\": \"\\(.*\\)\",/\\1/p' | head -1",
    );
    let copy = format!("zones/triton-restore/{server}/{RESTORED}");
    let newest = "zfs list -Hp -t snapshot -o guid -s creation -d 1";
    let there = scene.ok(TARGET, &format!("{newest} zones/{RESTORED}/data | tail -1"));
    let here = scene.ok(THIRD, &format!("{newest} {copy} | tail -1"));
    assert_eq!(there, here);
    let mounted = scene.ok(
        THIRD,
        &format!("zfs get -Hp -o value mounted,readonly {copy}"),
    );
    assert_eq!(mounted, "no\non");
    // The lost zone's restore points are as good as they were.
    let points = scene.ok(THIRD, "cat /var/sdcadm/svc-restore-data/*/points/*.json");
    for line in points.split_inclusive("]}") {
        let points: Value = serde_json::from_str(line).unwrap();
        for point in points["points"].as_array().unwrap() {
            let name = format!(
                "{}@{}",
                point["dataset"].as_str().unwrap(),
                point["snapshot"].as_str().unwrap()
            );
            let guid = scene.ok(THIRD, &format!("zfs get -Hp -o value guid {name}"));
            assert_eq!(guid, point["guid"].as_str().unwrap(), "{name}");
        }
    }
    scene.ok(
        TARGET,
        "head -c 1M /dev/urandom > /restored/later && zpool sync",
    );
    let result = Scene::imgapi(&sync(scene, THIRD, TARGET)).clone();
    let bytes = result["bytes"].as_u64().unwrap();
    assert!(
        (1 << 20..3 << 19).contains(&bytes),
        "{bytes} bytes were sent"
    );
}

#[test]
#[ignore = "takes a minute or more; `cargo lab rig test` runs it"]
fn a_restored_dataset_that_is_still_a_clone_goes_on_from_what_the_third_headnode_has() {
    let Some(scene) = restored() else { return };
    goes_on(&scene);
}

#[test]
#[ignore = "takes a minute or more; `cargo lab rig test` runs it"]
fn a_restored_dataset_that_was_settled_goes_on_from_what_the_third_headnode_has() {
    let Some(scene) = restored() else { return };
    let settled = scene.ok(
        TARGET,
        "/opt/triton-headnode/bin/triton-svc-restore settle --yes",
    );
    let settled: Value = serde_json::from_str(&settled).unwrap();
    let [one] = settled["datasets"].as_array().unwrap().as_slice() else {
        panic!("one dataset was restored: {settled}");
    };
    assert_eq!(
        (&one["promoted"], &one["copy_removed"]),
        (&Value::Bool(true), &Value::Bool(true)),
        "{one}"
    );
    let left = scene.ok(
        TARGET,
        &format!("zfs list -H -o name {} 2>&1 || true", scene.copy),
    );
    assert!(left.contains("does not exist"), "{left}");
    goes_on(&scene);
}
