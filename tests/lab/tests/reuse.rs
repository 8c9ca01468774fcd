// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A restore that gives the new zones the addresses of the dead ones, on a person's word or the BMC's that the power is off.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use support::*;

const REUSE: &str = "triton-svc-restore --lost headnode0 --ips reuse --yes";

/// Addresses of the core zones on a host, by service.
fn addresses(scene: &Scene, host: &str) -> BTreeMap<String, Vec<String>> {
    let printed = scene.ok(host, "vmadm lookup -j");
    let zones: Value = serde_json::from_str(&printed).unwrap();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for zone in zones.as_array().unwrap() {
        let Some(role) = zone["tags"]["smartdc_role"].as_str() else {
            continue;
        };
        let nics = zone["nics"].as_array().unwrap();
        let ips = nics
            .iter()
            .map(|nic| nic["ip"].as_str().unwrap().to_owned());
        found.entry(role.to_owned()).or_default().extend(ips);
    }
    found
}

fn bmc_says(scene: &Scene, words: &str) {
    let program = format!(
        "#!/bin/sh\n[ \"$1 $2\" = 'status headnode0' ] && echo 'Chassis Power is {words}'\n"
    );
    scene.feed(
        "headnode1",
        "cat > /var/sdcadm/power-status && chmod 0700 /var/sdcadm/power-status",
        program.as_bytes(),
    );
}

#[test]
fn the_new_zones_have_the_old_addresses_and_nobody_has_one_twice() {
    let scene = up();
    scene.ok("headnode1", "triton-sync-data");
    let before = addresses(&scene, "headnode0");
    let here = addresses(&scene, "headnode1");
    scene.lose("headnode0");

    let refused = scene.run("headnode1", REUSE);
    assert_eq!(refused.status.code(), Some(3), "{}", err(&refused));
    assert!(err(&refused).contains("--powered-off"), "{}", err(&refused));

    let done = scene.run("headnode1", &format!("{REUSE} --powered-off"));
    assert_eq!(done.status.code(), Some(0), "{}{}", err(&done), out(&done));
    assert_eq!(scene.inconsistencies(), Vec::<String>::new());
    let after = addresses(&scene, "headnode1");
    let restored: Vec<&String> = after
        .keys()
        .filter(|service| !here.contains_key(*service))
        .collect();
    assert!(restored.len() >= 4, "{after:?}");
    for service in restored {
        assert_eq!(after[service], before[service], "{service}");
    }
    let fence = scene.ok("headnode1", "cat /var/sdcadm/fences/*");
    let fence: Value = serde_json::from_str(&fence).unwrap();
    assert_eq!(fence["addresses_reused"], json!(true));
    assert_eq!(fence["power_off"], json!({"person": "root"}));
}

#[test]
fn a_bmc_that_says_on_stops_it_before_anything_is_changed_and_one_that_says_off_lets_it_go_on() {
    let scene = headnode0_lost();
    bmc_says(&scene, "on");
    let here = addresses(&scene, "headnode1");
    let refused = scene.run("headnode1", REUSE);
    assert_ne!(refused.status.code(), Some(0), "{}", out(&refused));
    assert!(
        out(&refused).contains("not known to be off"),
        "{}",
        out(&refused)
    );
    assert_eq!(addresses(&scene, "headnode1"), here);
    scene.ok(
        "headnode1",
        "test ! -e /var/sdcadm/fences || test -z \"$(ls /var/sdcadm/fences)\"",
    );

    scene.ok("headnode1", "chmod 0777 /var/sdcadm/power-status");
    let untrusted = scene.run("headnode1", REUSE);
    assert_ne!(untrusted.status.code(), Some(0));
    assert!(
        out(&untrusted).contains("chmod go-w"),
        "{}",
        out(&untrusted)
    );

    bmc_says(&scene, "off");
    let done = scene.run("headnode1", REUSE);
    assert_eq!(done.status.code(), Some(0), "{}{}", err(&done), out(&done));
    assert_eq!(scene.inconsistencies(), Vec::<String>::new());
}
