// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A host that gets its power back: what it forgot, what its key brought back, and who serves again.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use serde_json::json;
use support::*;

const EDITS: &str = "touch /root/note /usbkey/extra.txt /var/kept && echo lost=yes >> /usbkey/config && \
                     echo 'ssh-ed25519 AAAA a-key' > /usbkey/config.inc/root.authorized_keys";

#[test]
fn a_host_that_boots_again_forgot_its_memory_and_obeys_its_key() {
    let scene = up();
    scene.ok("headnode0", EDITS);
    scene.lose("headnode0");
    scene.lab.boot_host("headnode0").unwrap();
    let again = scene.lab.boot_host("headnode0").unwrap_err().to_string();
    assert!(again.contains("is up already"), "{again}");

    let left = scene.ok(
        "headnode0",
        "ls /root /usbkey/extra.txt /var/kept; grep -c lost= /usbkey/config; true",
    );
    assert_eq!(left, "/usbkey/extra.txt\n/var/kept\n\n/root:\n0\n");
    let keys = scene.ok("headnode0", "cat /root/.ssh/authorized_keys; ls /root/.ssh");
    assert_eq!(keys, "ssh-ed25519 AAAA a-key\nauthorized_keys\n");
}

#[test]
fn its_zones_serve_again_but_for_those_that_were_stopped() {
    let scene = up();
    let stopped = "vmadm stop $(vmadm lookup tags.smartdc_role=cloudapi)";
    scene.ok("headnode0", stopped);
    scene.lose("headnode0");
    scene.lab.boot_host("headnode0").unwrap();
    let status = scene.control(json!({"do": "status"}));
    let mut hosts = status["hosts"].as_array().unwrap().iter();
    let revived = hosts.find(|host| host["host"] == "headnode0").unwrap();
    let zones = revived["zones"].as_array().unwrap();
    let off = zones.iter().filter(|zone| zone["state"] != "running");
    let off: Vec<&str> = off.map(|zone| zone["alias"].as_str().unwrap()).collect();
    assert_eq!(off, ["cloudapi0"]);
    let left = scene.inconsistencies();
    assert!(
        left.iter().all(|found| found.contains("cloudapi")),
        "{left:#?}"
    );
    let answer = scene.control(json!({"do": "fetch", "service": "imgapi", "path": "/ping"}));
    assert_eq!(answer["status"], 200, "{answer}");
}
