// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A zone is made, given its data and started by stand-ins of the real commands; the run is killed at each of their calls.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use apply::{Options, World, WorldOptions};
use documents::plan::StepId;
use documents::{Event, Uuid};
use platform::Canceller;
use serde_json::{Value, json};
use support::{Headnode, LOST, POINT, VM, plan};

/// `all`, `undo`, both with `-other` for a plan that differs in a step, or steps to run alone.
#[test]
#[ignore = "run by the tests below, in a process of its own"]
fn case_apply() {
    let folder = std::env::var("TEST_FOLDER").unwrap();
    let how = std::env::var("TEST_HOW").unwrap();
    let mut options = Options {
        jobs: 1,
        ..Options::default()
    };
    let mut plan = plan();
    if how.ends_with("-other") {
        plan = support::other(plan);
    }
    match how.trim_end_matches("-other") {
        "all" => {}
        "undo" => options.undo = true,
        steps => options.only = steps.split(' ').map(StepId::from).collect(),
    }
    let world = WorldOptions {
        root: format!("{folder}/root").into(),
        product: "test/0".to_owned(),
        urls: Vec::new(),
        canceller: interrupted_when_asked(Path::new(&folder)),
        known: Default::default(),
    };
    let world = World::here(world, Uuid::nil()).unwrap();
    let events: Mutex<Vec<Event>> = Mutex::default();
    let sink = |event: &Event| events.lock().unwrap().push(event.clone());
    let outcome = match apply::apply(&plan, &world, &options, &sink) {
        Ok(summary) => json!(summary),
        Err(refused) => json!({"refused": refused.reasons}),
    };
    let events = events.into_inner().unwrap();
    std::fs::write(
        format!("{folder}/events"),
        serde_json::to_string(&events).unwrap(),
    )
    .unwrap();
    println!("\noutcome {outcome}");
}

/// As ^C would: when the file `interrupt-now` appears.
fn interrupted_when_asked(folder: &Path) -> Canceller {
    let canceller = Canceller::new();
    let cancelled = canceller.clone();
    let folder = folder.to_owned();
    std::thread::spawn(move || {
        while !folder.join("interrupt-now").exists() {
            std::thread::sleep(Duration::from_millis(2));
        }
        cancelled.cancel();
        std::fs::remove_file(folder.join("interrupt")).unwrap();
        std::fs::remove_file(folder.join("interrupt-now")).unwrap();
    });
    canceller
}

fn calls(headnode: &Headnode) -> Vec<String> {
    headnode.read("calls").lines().map(str::to_owned).collect()
}

fn undisturbed() -> Vec<String> {
    let headnode = Headnode::new();
    let summary = headnode.outcome("all");
    assert_eq!(
        (&summary["outcome"], &summary["changed"]),
        (&json!("done"), &json!(5)),
        "{summary}"
    );
    headnode.state()
}

#[test]
fn a_zone_comes_back_with_its_data_and_nothing_is_destroyed() {
    let headnode = Headnode::new();
    let summary = headnode.outcome("all");
    assert_eq!(summary["outcome"], "done", "{summary}");
    let clone = format!("state/zfs/zones+{VM}+data");
    assert_eq!(
        headnode.read(&format!("{clone}/origin")).trim(),
        POINT,
        "the data is a clone"
    );
    assert_eq!(headnode.read(&format!("{clone}/zoned")).trim(), "on");
    // The empty dataset's own setting is kept, what it inherited is not.
    assert_eq!(headnode.read(&format!("{clone}/compression")).trim(), "lz4");
    assert_eq!(headnode.read(&format!("{clone}/mountpoint")), "");
    let payload: Value =
        serde_json::from_str(&headnode.read(&format!("state/vm/{VM}/payload"))).unwrap();
    assert_eq!(
        payload,
        json!({
            "alias": "imgapi1", "autoboot": false, "brand": "joyent-minimal", "uuid": VM,
            "customer_metadata": {"key": "CANARY-payload"},
        })
    );
    let record: Value = serde_json::from_str(&headnode.read(&format!("state/moray/{VM}"))).unwrap();
    assert_eq!(record["params"], json!({"image": "x", "alias": "imgapi1"}));
    assert_eq!(headnode.read(&format!("state/moray/{LOST}")), "");
    assert!(!calls(&headnode).iter().any(|call| call.contains("destroy")));

    let again = headnode.outcome("all");
    assert_eq!(again["changed"], 0, "{again}");
}

#[test]
fn secrets_are_in_no_event_and_in_the_journal_only_where_they_are_kept() {
    let headnode = Headnode::new();
    let output = headnode.apply("all");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("CANARY"));
    assert!(!String::from_utf8_lossy(&output.stderr).contains("CANARY"));
    assert!(headnode.read("events").contains("step-done"));
    assert!(!headnode.read("events").contains("CANARY"));
    let journal = format!("root/var/sdcadm/journal/{}", Uuid::from_u128(7));
    assert!(
        !headnode
            .read(&format!("{journal}/events.ndjson"))
            .contains("CANARY")
    );
    let kept = headnode.read(&format!("{journal}/kept-imgapi-retire-record.json"));
    assert!(kept.contains("CANARY-lost"));
}

/// Kills the run at every call, from the first to the last, and lets the next one finish it.
fn killed_at_every_call(when: &str) {
    let wanted = undisturbed();
    for call in 1.. {
        let headnode = Headnode::new();
        headnode.write("kill", &format!("{call} {when}\n"));
        let killed = headnode.apply("all");
        if killed.status.signal().is_none() {
            // The run has fewer calls than that, or none of this kind.
            assert_eq!(headnode.state(), wanted, "undisturbed by call {call}");
            if calls(&headnode).len() < call {
                assert!(call > 20, "only {call} calls");
                return;
            }
            continue;
        }
        let finished = headnode.outcome("all");
        assert_eq!(finished["outcome"], "done", "{when} {call}: {finished}");
        assert_eq!(headnode.state(), wanted, "killed {when} call {call}");
    }
}

#[test]
fn a_run_killed_before_any_call_is_finished_by_the_next() {
    killed_at_every_call("before");
}

#[test]
fn a_run_killed_after_any_call_is_finished_by_the_next() {
    killed_at_every_call("after");
}

#[test]
fn a_create_that_outlives_its_run_is_waited_for() {
    let headnode = Headnode::new();
    // Where in the run the create is.
    let undisturbed = Headnode::new();
    undisturbed.outcome("all");
    let call = calls(&undisturbed)
        .iter()
        .position(|call| call == "vmadm create")
        .unwrap();
    headnode.write("kill", &format!("{} middle\n", call + 1));
    assert_eq!(headnode.apply("all").status.signal(), Some(9));
    let finished = headnode.outcome("all");
    assert_eq!(finished["outcome"], "done", "{finished}");
    assert_eq!(headnode.state(), undisturbed.state());
    let creates = calls(&headnode)
        .iter()
        .filter(|call| *call == "vmadm create")
        .count();
    assert_eq!(creates, 1);
}

#[test]
fn an_interrupt_lets_a_create_finish_and_begins_nothing_more() {
    let headnode = Headnode::new();
    headnode.write("interrupt", "");
    let first = headnode.outcome("all");
    assert_eq!(
        (&first["outcome"], &first["failed"], &first["changed"]),
        (&json!("partial"), &json!(0), &json!(2)),
        "{first}"
    );
    assert!(
        first["next"]
            .as_str()
            .unwrap()
            .contains("was interrupted; apply the same plan again")
    );
    let zone = format!("state/vm/{VM}/state");
    assert_eq!(headnode.read(&zone).trim(), "stopped");
    assert_eq!(headnode.outcome("all")["outcome"], "done");
    assert_eq!(headnode.state(), undisturbed());
}

#[test]
fn what_was_done_before_the_start_can_be_taken_back_and_done_again() {
    let headnode = Headnode::new();
    let begun = headnode.outcome("imgapi/record imgapi/create imgapi/attach");
    assert_eq!(begun["changed"], 3, "{begun}");
    let undone = headnode.outcome("undo");
    assert_eq!(undone["outcome"], "undone", "{undone}");
    let data = format!("state/zfs/zones+{VM}+data");
    assert_eq!(headnode.read(&format!("{data}/origin")), "");
    assert_eq!(headnode.read(&format!("state/moray/{VM}")), "");
    // Nothing was destroyed: the clone lies aside, the zone is there.
    assert!(
        headnode
            .state()
            .iter()
            .any(|line| line.contains("-undone/origin"))
    );
    assert_eq!(
        headnode.read(&format!("state/vm/{VM}/state")).trim(),
        "stopped"
    );

    // The zone is left, and is named as long as it is there.
    assert_eq!(
        (&undone["changed"], &undone["held"]),
        (&json!(2), &json!(1))
    );
    let once_more = headnode.outcome("undo");
    assert_eq!(
        (&once_more["changed"], &once_more["held"]),
        (&json!(0), &json!(1))
    );
    assert!(headnode.read("events").contains("`vmadm delete"));

    let again = headnode.outcome("all");
    assert_eq!(
        (&again["outcome"], &again["changed"]),
        (&json!("done"), &json!(4))
    );
    assert_eq!(headnode.read(&format!("{data}/origin")).trim(), POINT);
}

#[test]
fn what_another_plan_of_the_run_did_is_not_passed_over_and_its_file_is_named() {
    let headnode = Headnode::new();
    headnode.outcome("imgapi/record imgapi/create imgapi/attach");
    let before = headnode.state();
    let refused = headnode.outcome("all-other");
    let reason = refused["refused"][0].as_str().unwrap();
    assert!(reason.contains("/var/sdcadm/journal/"), "{reason}");

    let undone = headnode.outcome("undo-other");
    assert_eq!(undone["outcome"], "partial", "{undone}");
    let events: Vec<Value> = serde_json::from_str(&headnode.read("events")).unwrap();
    let why = |step: &str| {
        let held = events
            .iter()
            .find(|event| event["event"] == "step-held" && event["step"] == step);
        held.unwrap()["because"].as_str().unwrap().to_owned()
    };
    let attach = why("imgapi/attach");
    let (_, file) = attach.split_once("triton-apply --undo < ").unwrap();
    let kept = headnode.read(&format!("root{file}"));
    assert_eq!(documents::read::plan(kept.as_bytes()).unwrap(), plan());
    // What the data needs stays with it; the record goes.
    assert!(why("imgapi/create").contains("a step that needs it stays"));
    let record = format!("/state/moray/{VM} ");
    let without_record: Vec<String> = before
        .into_iter()
        .filter(|line| !line.starts_with(&record))
        .collect();
    assert_eq!(headnode.state(), without_record);

    assert_eq!(headnode.outcome("undo")["outcome"], "undone");
    assert_eq!(headnode.outcome("all")["outcome"], "done");
}

#[test]
fn once_a_zone_was_started_the_way_is_forward() {
    let headnode = Headnode::new();
    headnode.outcome("all");
    let before = headnode.state();
    let refused = headnode.outcome("undo");
    let reason = refused["refused"][0].as_str().unwrap();
    assert!(reason.contains("the way is forward"), "{reason}");
    assert_eq!(headnode.state(), before);
}

#[test]
fn a_world_that_has_moved_on_is_refused_with_every_reason_and_nothing_is_changed() {
    let headnode = Headnode::new();
    headnode.write(&format!("state/snap/{}", POINT.replace('/', "+")), "4243\n");
    let other = r#"{"uuid":"x","params":{"alias":"somebody else"}}"#;
    headnode.write(&format!("state/moray/{VM}"), other);
    headnode.write(
        "root/var/sdcadm/svc-restore-data/old/20261123T051000Z/vm.json",
        "{\"tampered\":\"CANARY\"}",
    );
    let before = headnode.state();
    let refused = headnode.outcome("all");
    let text = refused["refused"].to_string();
    for reason in [
        "has the guid 4243",
        "already holds another record",
        "is not what the plan was made from",
    ] {
        assert!(text.contains(reason), "{text}");
    }
    assert!(!text.contains("CANARY"));
    assert_eq!(headnode.state(), before);
    assert!(!headnode.path("root/var/sdcadm/journal").exists());
}

#[test]
fn a_zone_that_was_booted_before_keeps_its_data() {
    let headnode = Headnode::new();
    headnode.outcome("imgapi/create");
    headnode.write(&format!("root/zones/{VM}/root/var/svc/setup_complete"), "");
    let refused = headnode.outcome("all");
    let reason = refused["refused"][0].as_str().unwrap();
    assert!(reason.contains("was booted before"), "{reason}");
}
