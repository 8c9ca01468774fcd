// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Bad input of any kind: a clear error, the right exit code, nothing changed.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use support::*;

/// Runs `script` on headnode1; it must exit with `code`, say `says` on stderr, and change nothing.
fn refused(scene: &Scene, script: &str, code: i32, says: &str) {
    let zones = scene.ok("headnode1", "vmadm list -H -p -o uuid,alias,state | sort");
    let output = scene.run("headnode1", script);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{script}: {}{}",
        err(&output),
        out(&output)
    );
    assert!(
        err(&output).contains(says),
        "{script} says: {}",
        err(&output)
    );
    assert_eq!(
        scene.ok("headnode1", "vmadm list -H -p -o uuid,alias,state | sort"),
        zones,
        "{script}"
    );
}

#[test]
fn bad_plans_are_refused_with_their_place_and_nothing_changes() {
    let scene = headnode0_lost();
    scene.ok(
        "headnode1",
        "triton-svc-restore --lost headnode0 --plan > plan.json",
    );
    for (script, code, says) in [
        ("triton-apply --yes < /dev/null", 2, "empty"),
        (
            "head -c 900 plan.json | triton-apply --yes",
            2,
            "breaks off",
        ),
        (
            "sed s/zone.start/zone.smash/ plan.json | triton-apply --yes",
            2,
            "steps[",
        ),
        (
            "sed s/east-1/west-2/ plan.json | triton-apply --yes",
            3,
            "west-2",
        ),
        (
            "sed 's/\"kind\":\"triton.plan.1\"/\"kind\":\"triton.plan\\/9\"/' plan.json | triton-apply --yes",
            2,
            "triton.plan/9",
        ),
        (
            "triton-svc-restore --lost headnode0 --plan -i - < /dev/null",
            2,
            "empty",
        ),
        ("triton-svc-restore --lost headnode9 --plan", 2, "headnode9"),
        ("triton-svc-restore --lost headnode1 --plan", 2, "lost"),
        (
            "triton-svc-restore --lost headnode2 --plan > /dev/null",
            3,
            "it is not lost",
        ),
        (
            "triton-svc-restore --lost headnode0 < /dev/null",
            3,
            "--yes",
        ),
        ("triton-apply < plan.json", 3, "--yes"),
    ] {
        refused(&scene, script, code, says);
    }
}

#[test]
fn a_plan_that_the_world_has_left_behind_is_refused() {
    let scene = headnode0_lost();
    scene.ok(
        "headnode1",
        "triton-svc-restore --lost headnode0 --plan > plan.json",
    );
    // The restore point that the plan names is replaced by another of the same name.
    scene.ok(
        "headnode1",
        "snap=$(grep -o '\"snapshot\":\"[^\"]*\"' plan.json | head -1 | cut -d'\"' -f4); \
         zfs rename \"$snap\" \"$snap-old\" && zfs snapshot \"$snap\"",
    );
    refused(&scene, "triton-apply --yes < plan.json", 3, "guid");
}

#[test]
fn without_restore_data_nothing_is_planned() {
    let scene = up();
    scene.lose("headnode0");
    refused(
        &scene,
        "triton-svc-restore --lost headnode0 --plan",
        3,
        "triton-sync-data",
    );
}

#[test]
fn a_plugin_that_panics_or_is_none_refuses_its_service_and_no_other() {
    let scene = headnode0_lost();
    // The workspace's examples are built beside its tests.
    let panics = std::fs::read(install().join("../../debug/examples/libimgapi_panics.so")).unwrap();
    scene.ok(
        "headnode1",
        "cp -r /opt/triton-headnode/lib/plugins broken && chmod -R go-w broken",
    );
    for (plugin, says) in [
        (panics.as_slice(), "panicked"),
        (b"not a library", "imgapi.so"),
    ] {
        scene.feed("headnode1", "cat > broken/imgapi.so", plugin);
        let command = "triton-svc-restore --plugins broken --lost headnode0 --plan > refused.json";
        refused(&scene, command, 3, says);
        let others = scene.ok(
            "headnode1",
            "jq -r '.refusals[].service' refused.json | sort -u",
        );
        assert_eq!(others, "imgapi\n");
    }
}

#[test]
fn secrets_appear_in_nothing_that_the_tools_print_or_write_down() {
    let scene = headnode0_lost();
    scene.ok(
        "headnode1",
        "triton-inventory > inventory.json 2> inventory.log",
    );
    scene.ok(
        "headnode1",
        "triton-svc-restore --lost headnode0 --plan -vv -i inventory.json > plan.json 2> plan.log",
    );
    scene.ok(
        "headnode1",
        "triton-apply --yes -vv < plan.json > events.json 2> apply.log",
    );
    // The canaries are there to be found, in what is synced...
    scene.ok("headnode1", "grep -rq CANARY- /var/sdcadm/svc-restore-data");
    // ...and nowhere else; records that were retired are kept 0600 in the journal on purpose.
    let found = scene.run(
        "headnode1",
        "grep -rl CANARY- inventory.json inventory.log plan.json plan.log events.json apply.log; \
         grep -rl CANARY- /var/sdcadm/journal --include='plan-*' --include='*.ndjson'; true",
    );
    assert_eq!(out(&found), "");
    let open = scene.ok(
        "headnode1",
        "find /var/sdcadm/svc-restore-data /var/sdcadm/journal -type f -perm /077",
    );
    assert_eq!(open, "");
}

#[test]
fn a_dead_peer_does_not_keep_a_sync_from_the_others() {
    let scene = up();
    scene.lose("headnode2");
    let output = scene.run("headnode1", "triton-sync-data");
    assert_eq!(
        output.status.code(),
        Some(1),
        "{}{}",
        err(&output),
        out(&output)
    );
    let summaries = out(&output);
    let silent = summaries.lines().find(|line| line.contains("headnode2"));
    assert!(
        silent.is_some_and(|line| line.contains("timed out")),
        "{summaries}"
    );
    let status = scene.ok("headnode1", "triton-inventory");
    let inventory: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert!(
        !inventory["restore_points"].as_array().unwrap().is_empty(),
        "headnode0 was synced"
    );
}
