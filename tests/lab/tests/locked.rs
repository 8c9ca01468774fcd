// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! One run at a time changes a datacenter, by the word of a majority of its ZooKeeper.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use support::*;

const PLAN: &str = "triton-svc-restore --lost headnode0 --plan > plan.json";
const APPLY: &str = "triton-apply --yes < plan.json";

#[test]
fn of_two_restores_at_once_one_is_refused_and_told_who_holds_the_lock() {
    let scene = up();
    let hosts = ["headnode1", "headnode2"];
    for host in hosts {
        scene.ok(host, "triton-sync-data");
    }
    scene.lose("headnode0");
    for host in hosts {
        scene.ok(host, PLAN);
    }
    let outputs = thread::scope(|scope| {
        let runs = hosts.map(|host| {
            let scene = &scene;
            scope.spawn(move || scene.run(host, APPLY))
        });
        runs.map(|run| run.join().unwrap())
    });
    let codes = [outputs[0].status.code(), outputs[1].status.code()];
    let (won, refused) = match codes {
        [Some(0), Some(3)] => (hosts[0], &outputs[1]),
        [Some(3), Some(0)] => (hosts[1], &outputs[0]),
        _ => panic!("{codes:?}: {}{}", err(&outputs[0]), err(&outputs[1])),
    };
    let told = err(refused);
    let named = format!("on {won} (process ");
    assert!(
        told.contains(&named) && told.contains("holds the run lock"),
        "{told}"
    );
    assert_eq!(scene.inconsistencies(), Vec::<String>::new());
}

#[test]
fn the_minority_side_is_refused_and_changes_nothing() {
    let scene = headnode0_lost();
    scene.ok("headnode1", PLAN);
    // Of three binders one is left.
    scene.lab.kill_host("headnode2").unwrap();
    let zones = scene.ok("headnode1", "vmadm list -H -p -o uuid,state");
    let refused = scene.run("headnode1", APPLY);
    let told = err(&refused);
    assert_eq!(refused.status.code(), Some(3), "{told}");
    assert!(
        told.contains("no majority") && told.contains("--accept-no-majority"),
        "{told}"
    );
    assert_eq!(
        scene.ok("headnode1", "vmadm list -H -p -o uuid,state"),
        zones
    );
}

#[test]
fn without_a_majority_a_file_on_each_headnode_that_is_reached_keeps_another_run_out() {
    const RISK: &str = "triton-apply --yes --accept-no-majority < plan.json";
    let scene = up();
    let hosts = ["headnode1", "headnode2"];
    for host in hosts {
        scene.ok(host, "triton-sync-data");
    }
    scene.lose("headnode0");
    for host in hosts {
        scene.ok(host, PLAN);
    }
    // Of three binders one is left.
    let binder = "$(vmadm lookup tags.smartdc_role=binder)";
    scene.ok("headnode1", &format!("vmadm stop {binder}"));
    scene.control(json!({
        "do": "kill-tool", "host": "headnode1", "tool": "triton-apply", "call": 30, "when": "before",
    }));
    let killed = scene.run("headnode1", RISK);
    assert!(!killed.status.success());
    assert!(
        err(&killed).contains("going on without"),
        "{}",
        err(&killed)
    );
    let refused = scene.run("headnode2", RISK);
    let told = err(&refused);
    assert_eq!(refused.status.code(), Some(3), "{told}");
    assert!(
        told.contains("on headnode1 (process ") && told.contains("holds the run lock"),
        "{told}"
    );
    scene.ok("headnode1", &format!("vmadm start {binder}"));
    scene.ok("headnode1", APPLY);
    assert_eq!(scene.inconsistencies(), Vec::<String>::new());
    for host in hosts {
        scene.ok(host, "test ! -e /var/sdcadm/triton-headnodes.lock");
    }
}

#[test]
fn a_run_that_loses_the_majority_in_the_middle_stops_and_goes_on_when_it_is_back() {
    let scene = headnode0_lost();
    scene.ok("headnode1", PLAN);
    let stopped = thread::scope(|scope| {
        let run = scope.spawn(|| scene.run("headnode1", APPLY));
        let patience = Instant::now() + Duration::from_secs(30);
        let changed = "grep -rq '\"changed\":true' /var/sdcadm/journal";
        while !scene.run("headnode1", changed).status.success() {
            assert!(Instant::now() < patience, "the run never began");
            thread::sleep(Duration::from_millis(20));
        }
        scene.lab.kill_host("headnode2").unwrap();
        run.join().unwrap()
    });
    assert_eq!(stopped.status.code(), Some(4), "{}", err(&stopped));
    let told = out(&stopped);
    assert!(
        told.contains("no majority") || told.contains("run lock of this datacenter is lost"),
        "{told}"
    );
    scene.lab.boot_host("headnode2").unwrap();
    let patience = Instant::now() + Duration::from_secs(60);
    let finished = loop {
        let finished = scene.run("headnode1", APPLY);
        if finished.status.success() || Instant::now() > patience {
            break finished;
        }
        thread::sleep(Duration::from_millis(200));
    };
    assert_eq!(
        finished.status.code(),
        Some(0),
        "{}{}",
        err(&finished),
        out(&finished)
    );
    assert_eq!(scene.inconsistencies(), Vec::<String>::new());
}
