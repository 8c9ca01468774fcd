// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A headnode that was declared dead comes back: nothing of it serves beside what took its place.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::*;

const HOSTS: [&str; 3] = ["headnode0", "headnode1", "headnode2"];
const ZONES: &str = "vmadm list -H -p -o alias,state";

/// Headnodes that trust each other's syncs and have the guard; headnode0 was lost, and restored on headnode1.
fn restored(guarded: bool) -> Scene {
    let scene = up();
    let offers: String = HOSTS
        .map(|host| scene.ok(host, "triton-sync-data trust show"))
        .concat();
    for host in HOSTS {
        let added = scene.feed(host, "triton-sync-data trust add -i -", offers.as_bytes());
        assert_eq!(added.status.code(), Some(0), "{}", err(&added));
        if guarded {
            // As it is installed, but that an operator here is in a hurry.
            scene.ok(
                host,
                "mkdir -p /opt/custom/smf; for of in /opt/triton-headnode/share/smf/triton-hn-guard*.xml; do \
                 sed 's/--patience 60s/--patience 2s/; s/--every 1m/--every 1s/' $of > /opt/custom/smf/${of##*/}; done",
            );
        }
    }
    scene.ok("headnode1", "triton-sync-data");
    scene.lose("headnode0");
    let done = scene.run("headnode1", "triton-svc-restore --lost headnode0 --yes");
    assert_eq!(done.status.code(), Some(0), "{}{}", err(&done), out(&done));
    scene
}

fn doubles(scene: &Scene) -> Vec<Value> {
    let answer = scene.control(json!({"do": "doubles"}));
    answer["doubles"].as_array().unwrap().clone()
}

fn status(scene: &Scene) -> Value {
    let status = scene.run("headnode0", "triton-hn-guard status");
    serde_json::from_str(&out(&status)).unwrap_or_else(|_| panic!("{}", err(&status)))
}

/// What was replaced is stopped and named for it, and the members of clusters run.
fn is_parked(zones: &str) -> bool {
    let replaced = ["sapi0", "imgapi0", "vmapi0", "cloudapi0"];
    let members = ["binder0", "manatee0", "moray0"];
    replaced
        .iter()
        .all(|alias| zones.contains(&format!("parked-{alias}:stopped")))
        && members
            .iter()
            .all(|alias| zones.contains(&format!("{alias}:running")))
}

fn eventually(what: &str, holds: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < patience, "never: {what}");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_headnode_that_comes_back_is_parked_and_no_name_ever_has_two_answers() {
    let scene = restored(true);
    scene.lab.boot_host("headnode0").unwrap();
    let zones = scene.ok("headnode0", ZONES);
    assert!(is_parked(&zones), "{zones}");
    let status = status(&scene);
    assert_eq!(status["verdict"], "dead", "{status}");
    assert!(status["parked"].as_array().unwrap().len() >= 4, "{status}");
    assert!(
        status["notices"]
            .to_string()
            .contains("manatee-adm rebuild"),
        "{status}"
    );
    // Whatever would come up late, comes.
    thread::sleep(Duration::from_secs(2));
    assert_eq!(doubles(&scene), Vec::<Value>::new());
    // The restore took the members of clusters out of SAPI: that they are back is for a person to say.
    let members = ["binder0", "manatee0", "moray0"];
    for found in scene.inconsistencies() {
        let of_member = members
            .iter()
            .any(|alias| found.starts_with(&format!("SAPI has no instance {alias} ")));
        assert!(of_member, "{found}");
    }
}

#[test]
fn without_the_guard_two_zones_answer_to_one_name() {
    let scene = restored(false);
    scene.lab.boot_host("headnode0").unwrap();
    eventually("two zones of one name", || !doubles(&scene).is_empty());
}

#[test]
fn without_a_majority_of_zookeeper_one_headnodes_word_is_enough() {
    let scene = restored(true);
    scene.lab.kill_host("headnode2").unwrap();
    scene.lab.boot_host("headnode0").unwrap();
    let zones = scene.ok("headnode0", ZONES);
    assert!(is_parked(&zones), "{zones}");
    assert_eq!(doubles(&scene), Vec::<Value>::new());
}

#[test]
fn with_nobody_there_the_zones_start_and_stop_once_somebody_confirms() {
    let scene = restored(true);
    for host in ["headnode1", "headnode2"] {
        scene.lab.kill_host(host).unwrap();
    }
    scene.lab.boot_host("headnode0").unwrap();
    let zones = scene.ok("headnode0", ZONES);
    assert!(zones.contains("sapi0:running"), "{zones}");
    assert_eq!(status(&scene)["verdict"], "unknown");
    scene.lab.boot_host("headnode1").unwrap();
    eventually("parked", || is_parked(&scene.ok("headnode0", ZONES)));
    assert_eq!(status(&scene)["verdict"], "dead");
}

#[test]
fn a_fence_that_is_in_zookeeper_alone_parks_nothing() {
    let scene = restored(true);
    let server = scene.ok(
        "headnode2",
        "sysinfo | sed -n 's/.*\"UUID\": \"\\(.*\\)\",/\\1/p' | head -1",
    );
    let server = server.trim();
    let zones = scene.ok("headnode2", "vmadm list -H -p -o uuid,alias");
    let replaced: Vec<Value> = zones
        .lines()
        .map(|line| {
            let (uuid, alias) = line.split_once(':').unwrap();
            json!({"old": uuid, "new": uuid, "service": "x", "alias": alias})
        })
        .collect();
    let forged = json!({
        "kind": "triton.fence/1", "server": server, "hostname": "headnode2", "epoch": 7, "run": server,
        "declared_by": server, "declared_at": "2026-11-23T05:10:00Z", "replaced": replaced,
    });
    scene.control(json!({
        "do": "put-in-zookeeper", "path": format!("/triton-headnode/fences/{server}"), "content": forged.to_string(),
    }));
    scene.lab.kill_host("headnode2").unwrap();
    scene.lab.boot_host("headnode2").unwrap();
    let zones = scene.ok("headnode2", ZONES);
    assert!(!zones.contains("parked-"), "{zones}");
    assert!(zones.contains("binder2:running"), "{zones}");
}

#[test]
fn a_fence_that_was_lifted_parks_nothing_any_more() {
    let scene = restored(true);
    let unknown = scene.run("headnode1", "triton-hn-guard lift --yes headnode7");
    assert_eq!(unknown.status.code(), Some(2), "{}", err(&unknown));
    assert!(
        err(&unknown).contains("declared dead: headnode0"),
        "{}",
        err(&unknown)
    );
    scene.ok("headnode1", "triton-hn-guard lift --yes headnode0");
    let copies = scene.ok("headnode2", "cat /var/sdcadm/fences/*.json");
    assert!(copies.contains("\"lifted\":{"), "{copies}");
    scene.lab.boot_host("headnode0").unwrap();
    let zones = scene.ok("headnode0", ZONES);
    assert!(
        zones.contains("sapi0:running") && !zones.contains("parked-"),
        "{zones}"
    );
}
