// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! After a restore: what came back is let go of the restore points that it came from, and goes on being synced.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use support::*;

const RESTORE: &str = "triton-svc-restore --lost headnode0 --yes";
const SETTLE: &str = "triton-svc-restore settle --yes";
const COPIES: &str = "zfs list -Hp -o name,origin -r zones/triton-restore";
const DATA: &str =
    "zfs list -Hp -o name,guid,origin,referenced -t filesystem | grep '/data\t' | sort";

fn datasets(printed: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(printed).unwrap();
    assert_eq!(document["kind"], "triton.settled/1");
    document["datasets"].as_array().unwrap().clone()
}

fn restored() -> Scene {
    let scene = headnode0_lost();
    let done = scene.run("headnode1", RESTORE);
    assert_eq!(done.status.code(), Some(0), "{}{}", err(&done), out(&done));
    scene
}

#[test]
fn a_restored_zone_owns_its_past_and_the_emptied_copy_goes_wherever_settle_was_killed() {
    let scene = restored();
    let planned = datasets(&scene.ok("headnode1", "triton-svc-restore settle --plan"));
    assert!(planned.len() >= 3, "{planned:?}");
    assert!(
        planned.iter().all(|one| one.get("held_up_by").is_none()),
        "{planned:?}"
    );
    let before = scene.ok("headnode1", DATA);
    // Its calls are: two looks, two more under the lock, then five for each dataset.
    for call in [6, 8, 9] {
        scene.control(json!({
            "do": "kill-tool", "host": "headnode1", "tool": "triton-svc-restore", "call": call, "when": "after",
        }));
        let killed = scene.run("headnode1", SETTLE);
        assert_ne!(killed.status.code(), Some(0), "killed at call {call}");
        let report = scene.control(json!({"do": "kill-report"}));
        assert_eq!(report["killed"], true, "{report}");
    }
    scene.ok("headnode1", SETTLE);
    assert_eq!(
        datasets(&scene.ok("headnode1", SETTLE)),
        Vec::<Value>::new()
    );

    let after = scene.ok("headnode1", DATA);
    let columns = |text: &str, column: usize| -> Vec<String> {
        let lines = text
            .lines()
            .map(|line| line.split('\t').collect::<Vec<_>>());
        lines.map(|columns| columns[column].to_owned()).collect()
    };
    for same in [0, 1, 3] {
        assert_eq!(
            columns(&after, same),
            columns(&before, same),
            "column {same}"
        );
    }
    assert!(
        columns(&after, 2).iter().all(|origin| origin == "-"),
        "{after}"
    );
    let copies = scene.ok("headnode1", COPIES);
    for one in &planned {
        let copy = one["copy"].as_str().unwrap();
        assert!(!copies.contains(copy), "{copy} is there still: {copies}");
    }
    let inventory = scene.ok("headnode1", "triton-inventory");
    let inventory: Value = serde_json::from_str(&inventory).unwrap();
    let warnings = inventory["warnings"].to_string();
    assert!(!warnings.contains("restore points"), "{warnings}");
}

/// Bytes that went over, by service.
fn sent(printed: &str) -> BTreeMap<String, u64> {
    let results = printed
        .lines()
        .map(|line| -> Value { serde_json::from_str(line).unwrap() });
    let datasets = results.filter(|one| one["kind"] == "triton.sync-result/1");
    let bytes = datasets.map(|one| {
        assert_ne!(one["outcome"], "failed", "{one}");
        let service = one["service"].as_str().unwrap().to_owned();
        (service, one["bytes"].as_u64().unwrap())
    });
    bytes.collect()
}

#[test]
fn what_was_settled_goes_on_being_synced_from_what_the_other_headnode_has() {
    let scene = up();
    scene.ok("headnode1", "triton-sync-data --from headnode0");
    let first = sent(&scene.ok("headnode2", "triton-sync-data -j --from headnode0"));
    scene.ok("headnode1", "triton-sync-data --from headnode0");
    scene.lose("headnode0");
    let done = scene.run("headnode1", RESTORE);
    assert_eq!(done.status.code(), Some(0), "{}{}", err(&done), out(&done));
    scene.ok("headnode1", SETTLE);
    let again = sent(&scene.ok("headnode2", "triton-sync-data -j --from headnode1"));
    assert!(first.len() >= 3, "{first:?}");
    for (service, all) in first {
        let bytes = again.get(&service);
        let bytes = *bytes.unwrap_or_else(|| panic!("{service} is not in {again:?}"));
        assert!(
            bytes < all / 2,
            "{service}: {bytes} of {all} bytes went over again"
        );
    }
}

#[test]
fn a_restore_that_has_not_come_to_its_end_keeps_its_restore_points() {
    let scene = headnode0_lost();
    scene.ok(
        "headnode1",
        "triton-svc-restore --lost headnode0 --plan > plan.json; triton-apply --yes --skip cloudapi < plan.json",
    );
    let copies = scene.ok("headnode1", COPIES);
    let held = datasets(&scene.ok("headnode1", "triton-svc-restore settle --plan"));
    assert!(!held.is_empty());
    for one in &held {
        let why = one["held_up_by"].as_str().unwrap_or_default();
        assert!(why.contains("has not come to its end"), "{one}");
    }
    let left = scene.run("headnode1", SETTLE);
    assert_eq!(left.status.code(), Some(1), "{}", err(&left));
    assert_eq!(scene.ok("headnode1", COPIES), copies);
    let unknown = scene.run("headnode1", "triton-svc-restore settle --yes nosuch0");
    assert_eq!(unknown.status.code(), Some(2), "{}", err(&unknown));
    assert!(err(&unknown).contains("imgapi"), "{}", err(&unknown));
}
