// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `kill -9` of `triton-apply` in the middle, then the same command again: the same end state as undisturbed.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use serde_json::json;
use support::*;

const APPLY: &str = "triton-apply --yes < plan.json";

/// Restores in a fresh lab with `triton-apply` killed at its n-th external call; returns the end state.
fn restored_after_a_kill(call: u64, when: &str) -> Vec<String> {
    let scene = headnode0_lost();
    scene.ok(
        "headnode1",
        "triton-svc-restore --lost headnode0 --plan > plan.json",
    );
    if call > 0 {
        scene.control(json!({
            "do": "kill-tool", "host": "headnode1", "tool": "triton-apply", "call": call, "when": when,
        }));
        let killed = scene.run("headnode1", APPLY);
        assert_ne!(
            killed.status.code(),
            Some(0),
            "it was to be killed at call {call}"
        );
        let report = scene.control(json!({"do": "kill-report"}));
        let said = format!("{}{}", err(&killed), out(&killed));
        assert_eq!(report["killed"], true, "{report}: {said}");
    }
    let finished = scene.run("headnode1", APPLY);
    assert_eq!(
        finished.status.code(),
        Some(0),
        "call {call}: {}{}",
        err(&finished),
        out(&finished)
    );
    assert_eq!(
        scene.inconsistencies(),
        Vec::<String>::new(),
        "call {call} {when}"
    );
    let taken: Vec<String> = scene
        .destroying_calls()
        .into_iter()
        .filter(|call| !call.contains("@triton-sync-") && !call.contains("#triton-sync-"))
        .collect();
    assert_eq!(taken, Vec::<String>::new());
    scene.instances()
}

#[test]
fn a_run_killed_anywhere_is_finished_by_the_next() {
    let undisturbed = restored_after_a_kill(0, "before");
    for (call, when) in [(25, "before"), (60, "after"), (90, "before")] {
        assert_eq!(
            restored_after_a_kill(call, when),
            undisturbed,
            "killed {when} call {call}"
        );
    }
}
