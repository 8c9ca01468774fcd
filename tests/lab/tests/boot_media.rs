// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Boot media of headnodes: what is written to them, what two of them differ in, and that nothing goes wrong on the way.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use support::*;

/// A platform and a script that headnode1 has and the others have not, on its key and in its `/usbkey`.
const NEWER: &str = "set -e; mkdir -p /tmp/new/os/20270101T000000Z/platform /tmp/new/scripts;
    echo kernel > /tmp/new/os/20270101T000000Z/platform/unix; echo '#!/bin/bash' > /tmp/new/scripts/newer.sh;
    chmod 755 /tmp/new/scripts/newer.sh; triton-usbkey-image write /tmp/new --yes;
    mkdir -p /usbkey/extra/joysetup; echo joysetup > /usbkey/extra/joysetup/joysetup.sh;
    echo '{}' > /usbkey/extra/joysetup/node.config";

const SYNC: &str = "triton-usbkey-image sync headnode2 --yes";

fn rows(scene: &Scene, headnode: &str) -> (Option<i32>, Vec<String>) {
    let output = scene.run(
        "headnode1",
        &format!("triton-usbkey-image status {headnode}"),
    );
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        let word = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
        format!("{} {} {}", word("place"), word("part"), word("state"))
    };
    (
        output.status.code(),
        out(&output).lines().map(row).collect(),
    )
}

fn marker(scene: &Scene, folder: &str) {
    scene.ok(
        "headnode1",
        &format!("mkdir -p {folder} && touch {folder}/.joyliveusb"),
    );
}

#[test]
fn what_another_headnode_lacks_is_told_and_sent_once_and_its_own_files_stay() {
    let scene = up();
    assert_eq!(
        rows(&scene, "headnode2"),
        (Some(0), vec!["- - same".to_owned()])
    );
    scene.ok("headnode1", NEWER);
    let (exit, told) = rows(&scene, "headnode2");
    assert_eq!(exit, Some(1));
    assert_eq!(
        told,
        [
            "medium platform 20270101T000000Z missing",
            "medium scripts differs",
            "/usbkey joysetup differs",
            "/usbkey platform 20270101T000000Z missing",
            "/usbkey scripts differs",
        ]
    );
    let before = scene.ok("headnode2", "cat /usbkey/config");

    let sent: Value = serde_json::from_str(&scene.ok("headnode1", SYNC)).unwrap();
    assert_eq!(
        sent["medium"],
        json!(["os/20270101T000000Z/platform/unix", "scripts/newer.sh"])
    );
    assert_eq!(sent["usbkey"], json!(["extra/joysetup/joysetup.sh"]));
    assert_eq!(
        rows(&scene, "headnode2"),
        (Some(0), vec!["- - same".to_owned()])
    );
    assert_eq!(scene.ok("headnode2", "cat /usbkey/config"), before);
    scene.ok(
        "headnode2",
        "test -x /usbkey/scripts/newer.sh && ! grep -qx '{}' /usbkey/extra/joysetup/node.config",
    );

    let again: Value = serde_json::from_str(&scene.ok("headnode1", SYNC)).unwrap();
    assert_eq!(again["bytes"], 0, "{again}");
}

#[test]
fn a_headnode_that_does_not_answer_is_unknown_and_never_the_same() {
    let scene = up();
    scene.lose("headnode2");
    assert_eq!(
        rows(&scene, "headnode2"),
        (Some(1), vec!["- - unknown".to_owned()])
    );
    let refused = scene.run("headnode1", "triton-usbkey-image sync headnode9");
    assert_eq!(refused.status.code(), Some(2), "{}", err(&refused));
    assert!(
        err(&refused).contains("headnode0, headnode2"),
        "{}",
        err(&refused)
    );
}

#[test]
fn a_sync_that_is_killed_at_any_of_its_calls_is_finished_by_the_next() {
    let scene = up();
    scene.ok("headnode1", NEWER);
    let order = |call: u64| {
        json!({
            "do": "kill-tool", "host": "headnode1", "tool": "triton-usbkey-image", "call": call, "when": "after",
        })
    };
    for call in 1.. {
        scene.ok(
            "headnode2",
            "cd /usbkey && rm -rf os/20270101T000000Z scripts/newer.sh extra/joysetup
             sdc-usbkey mount > /dev/null; cd /mnt/usbkey && rm -rf os/20270101T000000Z scripts/newer.sh
             cd / && sdc-usbkey unmount",
        );
        scene.control(order(call));
        let _ = scene.run("headnode1", SYNC);
        let killed = scene.control(json!({"do": "kill-report"}))["killed"] == true;
        scene.control(order(0));
        scene.ok("headnode1", SYNC);
        assert_eq!(
            rows(&scene, "headnode2").0,
            Some(0),
            "killed at call {call}"
        );
        if !killed {
            assert!(call > 10, "nothing was killed");
            break;
        }
    }
}

#[test]
fn a_write_that_is_killed_at_any_moment_leaves_each_file_as_it_was_or_as_it_is_to_be() {
    let scene = up();
    scene.ok(
        "headnode1",
        "mkdir -p /tmp/key/os/x /tmp/new/os/x && touch /tmp/key/.joyliveusb
        for n in $(seq 40); do head -c 50000 /dev/zero | tr '\\0' o > /tmp/key/os/x/$n
        head -c 50000 /dev/zero | tr '\\0' n > /tmp/new/os/x/$n; done",
    );
    let told = scene.ok("headnode1", "killed=0
        for milliseconds in $(seq 1 4 200); do
            timeout -s KILL 0.$(printf %03d $milliseconds) triton-usbkey-image write /tmp/new --to /tmp/key --yes > /dev/null && break
            killed=$((killed + 1))
            for n in $(seq 40); do
                test \"$(wc -c < /tmp/key/os/x/$n)\" = 50000 || echo cut short: $n
                test \"$(tr -d o < /tmp/key/os/x/$n | wc -c)\" = 0 || cmp /tmp/new/os/x/$n /tmp/key/os/x/$n
            done
        done
        triton-usbkey-image write /tmp/new --to /tmp/key --yes > /dev/null
        for n in $(seq 40); do cmp /tmp/new/os/x/$n /tmp/key/os/x/$n; done
        find /tmp/key -path '*parked*' -prune -o -name '*.triton-new' -print
        test $killed -gt 0 || echo never killed");
    assert_eq!(told, "");
}

/// A medium that can't take what is to be written: the message, and everything as it was.
fn refused(scene: &Scene, prepare: &str, to: &str, exit: i32, says: &str) {
    scene.ok("headnode1", prepare);
    let listing = "find /tmp/key /usbkey -type f -exec cksum {} + | sort";
    let before = scene.ok("headnode1", listing);
    // No --yes: what speaks against it is told before anybody is asked.
    let refused = scene.run(
        "headnode1",
        &format!("triton-usbkey-image write /tmp/new {to}"),
    );
    assert_eq!(refused.status.code(), Some(exit), "{}", err(&refused));
    assert!(err(&refused).contains(says), "{}", err(&refused));
    assert_eq!(scene.ok("headnode1", listing), before);
}

#[test]
fn a_medium_that_is_no_key_too_small_or_another_datacenters_is_refused_before_anybody_is_asked() {
    let scene = up();
    scene.ok(
        "headnode1",
        "mkdir -p /tmp/new/os/x /tmp/key && head -c 3000000 /dev/urandom > /tmp/new/os/x/unix",
    );
    refused(&scene, "true", "--to /tmp/key", 3, "no Triton key");
    refused(
        &scene,
        "mount -t tmpfs -o size=2m tmpfs /tmp/key && touch /tmp/key/.joyliveusb",
        "--to /tmp/key",
        3,
        "nothing was written. Remove platforms",
    );
    refused(
        &scene,
        "sdc-usbkey mount && sed -i s/datacenter_name=.*/datacenter_name=elsewhere/ /mnt/usbkey/config",
        "",
        3,
        "is of datacenter elsewhere",
    );
}

#[test]
fn a_medium_that_can_not_be_written_fails_by_its_name_and_stays_as_it_was() {
    let scene = up();
    marker(&scene, "/tmp/key");
    scene.ok(
        "headnode1",
        "mkdir -p /tmp/new/os && echo unix > /tmp/new/os/unix
        mount --bind /tmp/key /tmp/key && mount -o remount,ro,bind /tmp/key",
    );
    let failed = scene.run(
        "headnode1",
        "triton-usbkey-image write /tmp/new --to /tmp/key --yes",
    );
    assert_eq!(failed.status.code(), Some(1), "{}", err(&failed));
    assert!(
        err(&failed).contains("Read-only file system"),
        "{}",
        err(&failed)
    );
    assert_eq!(scene.ok("headnode1", "ls -A /tmp/key"), ".joyliveusb\n");
}
