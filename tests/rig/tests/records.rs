// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a round keeps besides datasets, on real ZFS over real ssh: records, images, copies of zones that are gone, and the
//! clusters that it warns of.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use serde_json::Value;
use support::{SOURCE, SYNC, Scene, TARGET, synced, trusting};

/// All that a round prints.
fn round(scene: &Scene, flags: &str) -> Vec<Value> {
    let command = format!("{SYNC} -j --from headnode0 --reserve 64M {flags}");
    let output = scene.run(TARGET, &command);
    let lines = output.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn of_kind<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["kind"] == kind).collect()
}

#[test]
fn records_are_whole_and_roots_alone_and_say_which_parts_nobody_answered_for() {
    let Some(scene) = trusting() else { return };
    let lines = round(&scene, "");
    let [summary] = of_kind(&lines, "triton.sync-summary/1")[..] else {
        panic!("{lines:#?}")
    };
    let generation = summary["generation"].as_str().unwrap();
    // No API answers in the rig: each part that needs one is named, with why.
    let carried = summary["carried"].as_array().unwrap();
    let parts: Vec<&str> = carried
        .iter()
        .map(|one| one["part"].as_str().unwrap())
        .collect();
    for part in [
        "sapi-application",
        "sapi-services",
        "sapi-manifests",
        "sapi-instance",
        "networks",
        "nics",
        "addresses",
        "servers",
    ] {
        assert!(parts.contains(&part), "{part} is not among {parts:?}");
    }
    assert!(
        carried.iter().all(|one| one["why"]
            .as_str()
            .unwrap()
            .contains("could not be reached")
            || one["why"].as_str().unwrap().contains("not known")),
        "{carried:#?}"
    );
    assert_eq!(
        parts.len(),
        8,
        "the zones, images and /usbkey are not among them: {parts:?}"
    );
    // Images can't be imported without an IMGAPI, and each is named.
    let images = summary["images"].as_array().unwrap();
    assert!(
        !images.is_empty() && images.iter().all(|one| one["why"].is_string()),
        "{images:#?}"
    );

    let folder = format!("/var/sdcadm/svc-restore-data/*/{generation}");
    let others = scene.ok(
        TARGET,
        &format!("find {folder} -type f ! -perm 600 -o -type d ! -perm 700"),
    );
    assert_eq!(others, "");
    let imgapi = scene.dataset.split('/').nth(1).unwrap();
    let payload = scene.ok(TARGET, &format!("cat {folder}/vms/{imgapi}.json"));
    let theirs = scene.ok(SOURCE, &format!("vmadm get {imgapi}"));
    let (payload, theirs): (Value, Value) = (
        serde_json::from_str(&payload).unwrap(),
        serde_json::from_str(&theirs).unwrap(),
    );
    assert_eq!(payload, theirs);
    let key = scene.ok(TARGET, &format!("cat {folder}/usbkey.json"));
    assert!(key.contains("datacenter_name"), "{key}");
}

#[test]
#[ignore = "takes a minute or more; `cargo lab rig test` runs it"]
fn a_zone_that_is_gone_keeps_its_copy_for_as_long_as_was_asked_for() {
    let Some(scene) = synced() else { return };
    let cloudapi = scene.ok(SOURCE, "vmadm lookup tags.smartdc_role=cloudapi");
    let gone = format!(r#"{{"vms": {{"{cloudapi}": null}}}}"#);
    let write = scene
        .rig
        .run_with(SOURCE, "cat > /var/rig/model.json", gone.as_bytes());
    assert!(write.unwrap().success());
    let copies = "zfs list -H -o name -r zones/triton-restore";
    let lines = round(&scene, "--keep-vanished 1h");
    assert_eq!(
        of_kind(&lines, "triton.sync-summary/1")[0]["removed"],
        Value::Array(Vec::new())
    );
    assert!(scene.ok(TARGET, copies).contains(&cloudapi));
    scene.ok(TARGET, "sleep 2");
    let lines = round(&scene, "--keep-vanished 1s");
    let removed = of_kind(&lines, "triton.sync-summary/1")[0]["removed"].to_string();
    assert!(removed.contains(&cloudapi), "{removed}");
    let left = scene.ok(TARGET, copies);
    assert!(
        !left.contains(&cloudapi) && left.contains(&scene.copy),
        "{left}"
    );
    // What is gone over there is still as it was; sync removes nothing of others.
    scene.ok(SOURCE, &format!("zfs list zones/{cloudapi}/data"));
    scene.recovers();
}

#[test]
#[ignore = "takes a minute or more; `cargo lab rig test` runs it"]
fn a_cluster_with_one_member_left_is_warned_of_with_what_to_do() {
    let Some(scene) = trusting() else { return };
    assert_eq!(
        of_kind(&round(&scene, ""), "triton.sync-warning/1"),
        Vec::<&Value>::new()
    );
    scene.ok(
        SOURCE,
        "vmadm stop $(vmadm lookup tags.smartdc_role=manatee)",
    );
    let lines = round(&scene, "");
    let [warning] = of_kind(&lines, "triton.sync-warning/1")[..] else {
        panic!("{lines:#?}")
    };
    assert_eq!(
        (
            &warning["service"],
            &warning["healthy"],
            &warning["members"]
        ),
        (&"manatee".into(), &1.into(), &2.into())
    );
    assert!(
        warning["text"]
            .as_str()
            .unwrap()
            .contains("sdcadm create manatee"),
        "{warning}"
    );
}
