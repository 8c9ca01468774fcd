// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a restore of imgapi adds: a check of every file, and the truth about images that are too new.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use contract::documents::plan::Level;
use contract::{Question, RestoreAdvice, RestoreFacts, ServicePlugin};
use imgapi::Imgapi;

/// The question that `triton-plugin call imgapi < examples/restore.json` asks.
fn facts() -> RestoreFacts {
    match serde_json::from_str(include_str!("../examples/restore.json")).unwrap() {
        Question::Restore { facts } => *facts,
        Question::Describe {} => panic!("the example asks for a restore"),
    }
}

fn advice(facts: &RestoreFacts) -> RestoreAdvice {
    Imgapi.plan_restore(facts).unwrap()
}

fn told(advice: &RestoreAdvice, level: Level) -> String {
    let texts = advice.notices.iter().filter(|notice| notice.level == level);
    texts
        .map(|notice| notice.text.as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn files_are_checked_once_imgapi_is_healthy() {
    let facts = facts();
    let advice = advice(&facts);
    let node = "/opt/smartdc/imgapi/build/node/bin/node";
    let tool = "/opt/smartdc/imgapi/bin/imgapiadm";
    let sizes = vec![node, tool, "check-files", "-s"];
    let contents = vec![node, tool, "check-files"];
    let wanted = [("check-files", sizes), ("check-contents", contents)];
    assert_eq!(advice.steps.len(), wanted.len());
    for (step, (id, argv)) in advice.steps.iter().zip(wanted) {
        assert_eq!(step.id, id);
        assert_eq!(step.after, ["healthy"]);
        assert!(step.before.is_empty(), "imgapi serves meanwhile");
        assert_eq!(
            serde_json::to_value(&step.verb).unwrap(),
            serde_json::json!({"verb": "check.zone", "with": {"vm": facts.new.uuid, "argv": argv}})
        );
    }
}

#[test]
fn the_operator_learns_since_when_images_are_missing() {
    let must = told(&advice(&facts()), Level::Must);
    assert!(
        must.contains("after 2026-11-23T05:09:19.000Z (41 s before"),
        "{must}"
    );
}

#[test]
fn without_a_restore_point_nothing_accepts_the_risk() {
    let mut facts = facts();
    facts.restore_point = None;
    let advice = advice(&facts);
    let [refusal] = advice.refusals.as_slice() else {
        panic!("one refusal");
    };
    assert_eq!(refusal.accepted_by, None);
    assert!(
        refusal.text.contains("no restore point"),
        "{}",
        refusal.text
    );
    assert!(advice.steps.is_empty());
    assert_eq!(told(&advice, Level::Must), "");
}
