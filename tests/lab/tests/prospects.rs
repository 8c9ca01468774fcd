// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Which servers may become headnodes: what the servers themselves say, over ssh.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use serde_json::Value;
use support::*;

/// What is not fit, as `server guard verdict: why`.
fn against(scene: &Scene, words: &str) -> (Option<i32>, Vec<String>) {
    let output = scene.run("headnode1", &format!("triton-hn-setup check {words}"));
    let rows = out(&output);
    let rows = rows
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let told = rows.filter(|row| row["verdict"] != "fit").map(|row| {
        let word = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        format!(
            "{} {} {}: {}",
            word("server"),
            word("guard"),
            word("verdict"),
            word("why")
        )
    });
    (output.status.code(), told.collect())
}

#[test]
fn a_headnode_is_none_to_be_made_and_a_server_that_is_down_is_unknown() {
    let scene = up();
    let (exit, told) = against(&scene, "headnode2");
    assert_eq!(exit, Some(3));
    assert_eq!(
        told,
        ["headnode2 compute-node refused: CNAPI says that it is a headnode already"]
    );
    scene.lose("headnode2");
    let (exit, told) = against(&scene, "headnode2");
    assert_eq!(exit, Some(3));
    let unknown = told
        .iter()
        .find(|row| row.contains("medium unknown"))
        .unwrap();
    assert!(unknown.contains("could not be looked at"), "{unknown}");
}

#[test]
fn a_compute_node_is_told_all_that_stands_in_its_way() {
    let scene = up();
    let (exit, told) = against(&scene, "cn0");
    assert_eq!(exit, Some(3));
    let of = |guard: &str| {
        told.iter()
            .find(|row| row.starts_with(&format!("cn0 {guard} ")))
    };
    assert!(
        of("other-vms").is_some_and(|row| row.contains("3 VMs of others")),
        "{told:?}"
    );
    assert!(
        of("medium").is_some_and(|row| row.contains("no pcfs devices found")),
        "{told:?}"
    );
    assert_eq!(told.len(), 2, "{told:?}");
    let (_, told) = against(&scene, "cn0 --accept-other-vms");
    assert!(
        told.iter()
            .any(|row| row.starts_with("cn0 other-vms accepted")),
        "{told:?}"
    );
}

#[test]
fn a_key_that_is_not_mounted_is_found_and_left_unmounted() {
    let scene = up();
    scene.ok("headnode2", "sdc-usbkey unmount");
    let (_, told) = against(&scene, "headnode2");
    assert!(!told.iter().any(|row| row.contains("medium")), "{told:?}");
    assert!(
        scene
            .ok("headnode2", "sdc-usbkey status -j")
            .contains("not mounted")
    );
    scene.ok(
        "headnode2",
        "sdc-usbkey mount && rm /mnt/usbkey/.joyliveusb",
    );
    let (_, told) = against(&scene, "headnode2");
    assert!(
        told.iter()
            .any(|row| row.contains("headnode2 medium refused: it has no Triton key")),
        "{told:?}"
    );
}

#[test]
fn the_server_of_a_manatee_reboots_only_while_three_peers_are_well() {
    let scene = up();
    let of_manatee = |told: &[String]| {
        let mut rows = told.iter();
        rows.find(|row| row.starts_with("headnode2 manatee "))
            .cloned()
    };
    let (_, told) = against(&scene, "headnode2");
    assert_eq!(of_manatee(&told), None, "{told:?}");
    scene.ok(
        "headnode0",
        "vmadm stop $(vmadm lookup tags.smartdc_role=manatee)",
    );
    let (exit, told) = against(&scene, "headnode2");
    assert_eq!(exit, Some(3));
    let refused = of_manatee(&told).unwrap();
    assert!(
        refused.contains("refused: its manatee is the sync, and its shard has 2 peers"),
        "{refused}"
    );
}
