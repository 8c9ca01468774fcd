// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Bad plans are refused with the place of the fault.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

use documents::read::{self, DocumentError};
use serde_json::{Value, json};

fn plan() -> Value {
    json!({
        "kind": "triton.plan/1",
        "dc": {"name": "east-1", "sapi_app": "00000000-0000-0000-0000-000000000001"},
        "run": "00000000-0000-0000-0000-000000000002",
        "made_by": "test",
        "inventory": "sha256:00",
        "goal": {"restore": {"lost": [], "on": "00000000-0000-0000-0000-000000000003", "services": []}},
        "steps": [step("imgapi/create", "zone.start", &[]), step("imgapi/start", "zone.start", &["imgapi/create"])],
        "notices": [],
        "refusals": []
    })
}

fn step(id: &str, verb: &str, needs: &[&str]) -> Value {
    json!({
        "id": id,
        "host": "00000000-0000-0000-0000-000000000003",
        "verb": verb,
        "with": {"vm": "00000000-0000-0000-0000-000000000004"},
        "needs": needs,
        "service": "imgapi",
        "why": "so"
    })
}

fn fault(plan: &Value) -> String {
    read::plan(plan.to_string().as_bytes())
        .unwrap_err()
        .to_string()
}

#[test]
fn a_good_plan_is_read() {
    assert_eq!(
        read::plan(plan().to_string().as_bytes())
            .unwrap()
            .steps
            .len(),
        2
    );
}

#[test]
fn empty_input_is_bad_input() {
    assert!(matches!(
        read::plan(b" \n"),
        Err(DocumentError::Empty { document: "plan" })
    ));
}

#[test]
fn a_truncated_plan_names_where_it_breaks_off() {
    let text = plan().to_string();
    let error = read::plan(&text.as_bytes()[..text.len() - 10]).unwrap_err();
    assert!(
        matches!(error, DocumentError::Json { line: 1, .. }),
        "{error}"
    );
}

#[test]
fn an_unknown_field_is_named_with_its_place() {
    let mut bad = plan();
    bad["steps"][1]["urgent"] = json!(true);
    assert!(
        fault(&bad).starts_with("plan: steps[1].urgent: unknown field `urgent`"),
        "{}",
        fault(&bad)
    );
    let mut bad = plan();
    bad["steps"][0]["with"]["force"] = json!(true);
    assert!(
        fault(&bad).starts_with("plan: steps[0].with.force: unknown field"),
        "{}",
        fault(&bad)
    );
    let mut bad = plan();
    bad["steps"][0]["expects"] = json!({"sate": "stopped"});
    assert!(
        fault(&bad).starts_with("plan: steps[0].expects.sate: unknown field"),
        "{}",
        fault(&bad)
    );
}

#[test]
fn an_unknown_verb_is_named_with_those_there_are() {
    let mut bad = plan();
    bad["steps"][0]["verb"] = json!("zone.destroy");
    let text = fault(&bad);
    assert!(
        text.starts_with("plan: steps[0].verb: \"zone.destroy\" is not one of check.silent"),
        "{text}"
    );
}

#[test]
fn another_version_is_refused() {
    let mut bad = plan();
    bad["kind"] = json!("triton.plan/2");
    assert_eq!(
        fault(&bad),
        "plan: kind: this is \"triton.plan/2\", and only \"triton.plan/1\" is understood here"
    );
}

#[test]
fn a_value_of_the_wrong_type_is_named_with_its_place() {
    let mut bad = plan();
    bad["steps"][0]["with"]["vm"] = json!("imgapi0");
    assert!(
        fault(&bad).starts_with("plan: steps[0].with.vm: "),
        "{}",
        fault(&bad)
    );
}

#[test]
fn dangling_doubled_and_circular_steps_are_refused() {
    let mut bad = plan();
    bad["steps"][1]["needs"] = json!(["imgapi/attach"]);
    assert_eq!(
        fault(&bad),
        "plan: steps[1].needs: \"imgapi/attach\" is no step of this plan"
    );
    let mut bad = plan();
    bad["steps"][1]["id"] = json!("imgapi/create");
    assert_eq!(
        fault(&bad),
        "plan: steps[1].id: \"imgapi/create\" is used twice"
    );
    let mut bad = plan();
    bad["steps"][0]["needs"] = json!(["imgapi/start"]);
    assert!(fault(&bad).contains("need each other in a circle: imgapi/create, imgapi/start"));
}

#[test]
fn an_output_of_a_step_that_is_not_waited_for_is_refused() {
    let mut bad = plan();
    bad["steps"][1]["verb"] = json!("wait.healthy");
    bad["steps"][1]["needs"] = json!([]);
    bad["steps"][1]["with"] = json!({
        "vm": "00000000-0000-0000-0000-000000000004",
        "address": {"from": "imgapi/create.nic.ip"},
        "check": {"by": "smf"},
        "timeout": 1
    });
    assert!(
        fault(&bad)
            .contains("takes the output \"nic.ip\" of \"imgapi/create\", which it does not need")
    );
}

#[test]
fn an_inventory_of_a_newer_version_is_read_and_its_new_fields_are_kept() {
    let text = json!({
        "kind": "triton.inventory/1",
        "taken_at": "2026-11-23T05:10:00.000Z",
        "taken_on": "00000000-0000-0000-0000-000000000003",
        "dc": {"name": "east-1", "dns_domain": "triton.example", "admin_owner": null, "sapi_app": null,
               "learnt": {"from": "sapi", "at": "2026-11-23T05:10:00.000Z"}},
        "sources": [], "servers": [], "services": [], "instances": [], "other_vms": [], "networks": [],
        "images": [], "restore_points": [], "fences": [], "warnings": [], "moons": 2
    })
    .to_string();
    let (inventory, warnings) = read::inventory(text.as_bytes()).unwrap();
    assert_eq!(inventory.rest["moons"], 2);
    assert_eq!(
        warnings,
        ["inventory: moons: not known to this version, left as it is"]
    );
}

#[test]
fn an_event_stream_cut_in_its_last_line_is_read_up_to_there() {
    let whole =
        r#"{"event":"step-held","at":"2026-11-23T05:10:00.000Z","step":"a/b","because":"x"}"#;
    let text = format!("{whole}\n{{\"event\":\"step-he");
    assert_eq!(read::events(text.as_bytes()).unwrap().len(), 1);
    let bad = format!("nonsense\n{whole}\n");
    assert!(
        read::events(bad.as_bytes())
            .unwrap_err()
            .to_string()
            .starts_with("event stream: line 1: ")
    );
}
