// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The main job, done by hand with the real tools, in a lab whose first headnode is lost.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use support::*;

const PLAN: &str = "triton-inventory | triton-svc-restore --lost headnode0 --plan -i - > plan.json";

#[test]
fn the_tools_compose_and_a_second_apply_changes_nothing() {
    let scene = headnode0_lost();
    scene.ok("headnode1", PLAN);
    let first = scene.run("headnode1", "triton-apply --yes < plan.json");
    assert_eq!(
        first.status.code(),
        Some(0),
        "{}{}",
        err(&first),
        out(&first)
    );
    assert!(
        summary(&first)["changed"].as_u64().unwrap() > 20,
        "{}",
        summary(&first)
    );
    assert_eq!(scene.inconsistencies(), Vec::<String>::new());

    let before = scene.instances();
    let second = scene.run("headnode1", "triton-apply --yes < plan.json");
    assert_eq!(
        second.status.code(),
        Some(0),
        "{}{}",
        err(&second),
        out(&second)
    );
    assert_eq!(summary(&second)["changed"], 0, "{}", out(&second));
    assert_eq!(scene.instances(), before);
    assert_eq!(scene.inconsistencies(), Vec::<String>::new());
}

#[test]
fn one_step_can_be_run_by_hand_and_a_service_left_out() {
    let scene = headnode0_lost();
    scene.ok("headnode1", PLAN);
    // A step whose needs are not there yet is refused, with nothing changed.
    let early = scene.run(
        "headnode1",
        "triton-apply --yes --only imgapi/attach < plan.json",
    );
    assert_eq!(
        early.status.code(),
        Some(3),
        "{}{}",
        err(&early),
        out(&early)
    );

    for step in [
        "headnode0/silent",
        "headnode0/fence",
        "headnode1/resolvers",
        "imgapi/image",
        "imgapi/address-net0",
    ] {
        scene.ok(
            "headnode1",
            &format!("triton-apply --yes --only {step} < plan.json"),
        );
    }
    // Others need sapi: it can't be left out alone.
    let skip = scene.run("headnode1", "triton-apply --yes --skip sapi < plan.json");
    assert_eq!(skip.status.code(), Some(3), "{}", err(&skip));
    assert!(err(&skip).contains("sapi"), "{}", err(&skip));

    let rest = scene.run(
        "headnode1",
        "triton-apply --yes --skip cloudapi < plan.json",
    );
    assert_eq!(rest.status.code(), Some(0), "{}{}", err(&rest), out(&rest));
    let aliases = scene.ok("headnode1", "vmadm list -H -p -o alias");
    assert!(
        aliases.contains("imgapi1") && !aliases.contains("cloudapi1"),
        "{aliases}"
    );
}

#[test]
fn planning_again_after_a_half_done_run_gives_the_same_names_and_resumes() {
    let scene = headnode0_lost();
    scene.ok("headnode1", PLAN);
    scene.ok(
        "headnode1",
        "triton-apply --yes --only headnode0/silent --only headnode0/fence --only headnode1/resolvers --only sapi/record < plan.json",
    );
    scene.ok("headnode1", &PLAN.replace("plan.json", "again.json"));
    let names = "grep -o '\"vm\":\"[^\"]*\"' | sort -u";
    let first = scene.ok("headnode1", &format!("cat plan.json | {names}"));
    let again = scene.ok("headnode1", &format!("cat again.json | {names}"));
    assert_eq!(first, again);
    let rest = scene.run("headnode1", "triton-apply --yes < again.json");
    assert_eq!(rest.status.code(), Some(0), "{}{}", err(&rest), out(&rest));
    assert_eq!(scene.inconsistencies(), Vec::<String>::new());
}
