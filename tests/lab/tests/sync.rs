// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Sync between headnodes that trust each other for that and nothing else.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use serde_json::Value;
use support::*;

/// The boot medium has keys of its own, which are copied over those of `/usbkey` at every boot.
const OPERATOR: &str = "echo 'ssh-ed25519 AAAA operator' > $(sdc-usbkey mount)/config.inc/root.authorized_keys && sdc-usbkey unmount";

const REFUSED: &str = "/var/log/triton-sync-refused.log";

/// A datacenter whose headnodes know each other by nothing but the keys of their syncs.
fn trusting() -> Scene {
    let scene = up();
    scene.ok("headnode0", OPERATOR);
    let hosts = ["headnode0", "headnode1", "headnode2"];
    let offers: String = hosts
        .map(|host| scene.ok(host, "triton-sync-data trust show"))
        .concat();
    for host in hosts {
        let add = "triton-sync-data trust add -i -";
        let added = scene.feed(host, add, offers.as_bytes());
        assert_eq!(added.status.code(), Some(0), "{}", err(&added));
        scene.ok(host, "rm /root/.ssh/id_ed25519");
    }
    scene
}

fn lines(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn trust_is_enough_to_sync_and_for_nothing_else_and_outlives_the_boots_of_both_ends() {
    let scene = trusting();
    scene.ok("headnode1", "triton-sync-data");
    let as_peer = "ssh -o IdentitiesOnly=yes -i /var/sdcadm/triton-sync/id_ed25519 root@10.99.99.7";
    let shell = scene.run("headnode1", &format!("{as_peer} id < /dev/null"));
    assert!(!out(&shell).contains("uid="), "{}", out(&shell));

    for host in ["headnode0", "headnode1"] {
        scene.lab.kill_host(host).unwrap();
        scene.lab.boot_host(host).unwrap();
    }
    scene.ok("headnode0", "! test -e /root/.ssh/id_ed25519");
    scene.ok("headnode0", "grep -q operator /root/.ssh/authorized_keys");
    // Some APIs are on their way up with headnode0, so the records may be old ones; the datasets are not.
    let again = scene.run("headnode1", "triton-sync-data -j --from headnode0");
    let results = lines(&out(&again));
    let datasets: Vec<&Value> = results
        .iter()
        .filter(|one| one["kind"] == "triton.sync-result/1")
        .collect();
    assert_eq!(datasets.len(), 3, "{}{}", out(&again), err(&again));
    assert!(
        datasets.iter().all(|one| one["outcome"] != "failed"),
        "{datasets:?}"
    );
    let known = scene.ok("headnode1", "triton-sync-data trust ls -H -o hostname");
    assert_eq!(
        known.split_whitespace().collect::<Vec<_>>(),
        ["headnode0", "headnode2"]
    );
    let status = scene.ok("headnode1", "triton-sync-data status -j");
    assert!(
        lines(&status).iter().all(|one| one["ok"] == true),
        "{status}"
    );
}

#[test]
fn a_hostile_peer_gets_what_serve_allows_and_all_else_is_logged() {
    let scene = trusting();
    let before = scene.ok("headnode0", "zfs list -Hp -o name,guid -r zones");
    let foreign = "11111111-2222-3333-4444-555555555555";
    let attack = [
        r#"{"do":"hello","version":1}"#.to_owned(),
        "id".to_owned(),
        "zfs destroy -r zones".to_owned(),
        r#"{"do":"zone","vm":"../../etc/shadow"}"#.to_owned(),
        format!(r#"{{"do":"zone","vm":"{foreign}"}}"#),
        format!(r#"{{"do":"snapshots","vms":["{foreign}"]}}"#),
        format!(r#"{{"do":"remove-snapshot","vm":"{foreign}","name":"x"}}"#),
        r#"{"do":"hello","version":2}"#.to_owned(),
        r#"{"do":"zones","also":"this"}"#.to_owned(),
    ];
    let mut text: String = attack.iter().flat_map(|line| [line, "\n"]).collect();
    for _ in 0..2000 {
        text.push_str("{\"do\":\"destroy\",\"vm\":\"zones\"}\n");
    }
    let as_peer = "ssh -o IdentitiesOnly=yes -i /var/sdcadm/triton-sync/id_ed25519 root@10.99.99.7 zfs destroy -r zones";
    scene.feed("headnode1", as_peer, text.as_bytes());

    assert_eq!(
        scene.ok("headnode0", "zfs list -Hp -o name,guid -r zones"),
        before
    );
    let log = scene.ok("headnode0", &format!("cat {REFUSED}"));
    let log = lines(&log);
    assert_eq!(log.len(), attack.len() - 1 + 2000);
    assert!(
        log.iter()
            .all(|line| line["for"].is_string() && line["refused"].is_string())
    );
    assert_eq!(
        scene.ok("headnode0", &format!("stat -c %a {REFUSED}")),
        "600\n"
    );
}

#[test]
fn a_peers_trust_can_be_withdrawn() {
    let scene = trusting();
    scene.ok("headnode0", "triton-sync-data trust remove headnode1");
    let refused = scene.run("headnode1", "triton-sync-data --from headnode0");
    assert_eq!(refused.status.code(), Some(1), "{}", out(&refused));
    assert!(
        out(&refused).contains("Permission denied"),
        "{}",
        out(&refused)
    );
    let unknown = scene.run("headnode0", "triton-sync-data trust remove headnode7");
    assert_eq!(unknown.status.code(), Some(2));
    for bad in ["", "{}", "hello"] {
        let added = scene.feed(
            "headnode0",
            "triton-sync-data trust add -i -",
            bad.as_bytes(),
        );
        assert_eq!(added.status.code(), Some(2), "{bad}: {}", err(&added));
    }
}

#[test]
fn rounds_go_on_by_themselves_and_sooner_when_a_peer_asks() {
    let scene = trusting();
    scene.ok(
        "headnode1",
        "triton-sync-data --every 1h -j > rounds.log 2> rounds.err & echo $! > pid",
    );
    let rounds = "grep -c sync-summary rounds.log";
    let wait_for = |count: &str| {
        let wait = format!(
            "for i in $(seq 300); do test \"$({rounds})\" = {count} && exit 0; sleep 0.1; done; cat rounds.*; exit 1"
        );
        scene.ok("headnode1", &wait);
    };
    wait_for("2");
    scene.ok("headnode0", "triton-sync-data poke");
    wait_for("4");
    scene.ok(
        "headnode1",
        "kill -TERM $(cat pid); while kill -0 $(cat pid) 2>/dev/null; do sleep 0.05; done",
    );
}

#[test]
fn the_status_of_several_headnodes_is_merged_and_says_who_is_behind() {
    let scene = trusting();
    scene.ok("headnode1", "triton-sync-data");
    scene.ok("headnode2", "triton-sync-data");
    let answers: String = ["headnode1", "headnode2"]
        .map(|host| {
            scene.ok(
                host,
                "triton-sync-data status -j --prometheus /var/tmp/sync.prom",
            )
        })
        .concat();
    let merged = scene.feed(
        "headnode1",
        "triton-sync-data status -j -i -",
        answers.as_bytes(),
    );
    assert_eq!(merged.status.code(), Some(0), "{}", err(&merged));
    let on: Vec<Value> = lines(&out(&merged))
        .iter()
        .map(|one| one["on"].clone())
        .collect();
    assert!(
        on.contains(&"headnode1".into()) && on.contains(&"headnode2".into()),
        "{on:?}"
    );
    let metrics = scene.ok("headnode1", "cat /var/tmp/sync.prom");
    assert!(
        metrics.contains("triton_sync_lag_seconds{source=\"headnode0\",service=\"imgapi\""),
        "{metrics}"
    );
}
