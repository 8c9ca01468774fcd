// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A zone that was destroyed by mistake on a headnode that lives, brought back there from the headnode's own restore points.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use support::*;

const IMGAPI: &str = "vmadm lookup tags.smartdc_role=imgapi";

#[test]
fn a_zone_that_was_destroyed_by_mistake_comes_back_with_its_data() {
    let scene = up();
    let zone = scene.ok("headnode0", IMGAPI);
    let zone = zone.trim();
    let tidy = scene.run("headnode0", "triton-svc-restore --local --yes");
    assert_eq!(tidy.status.code(), Some(2), "{}", err(&tidy));
    assert!(err(&tidy).contains("nothing to restore"), "{}", err(&tidy));

    scene.ok("headnode0", "triton-sync-data --local");
    scene.ok("headnode0", &format!("vmadm delete {zone}"));
    // What comes after the mistake keeps what the zone was made from.
    scene.ok("headnode0", "triton-sync-data --local");

    let done = scene.run("headnode0", "triton-svc-restore --local imgapi --yes");
    assert_eq!(done.status.code(), Some(0), "{}{}", err(&done), out(&done));
    let new = scene.ok("headnode0", IMGAPI);
    assert_ne!(new.trim(), zone);
    assert_eq!(new.trim().lines().count(), 1, "{new}");
    assert_eq!(scene.inconsistencies(), Vec::<String>::new());
    let origin = format!("zfs list -Hp -o name,origin zones/{}/data", new.trim());
    assert!(scene.ok("headnode0", &origin).contains(zone));
    assert_eq!(
        scene.ok("headnode0", "ls -A /var/sdcadm/fences 2>/dev/null || true"),
        ""
    );
}

#[test]
fn data_that_is_still_there_is_not_passed_over_for_an_older_copy() {
    let scene = up();
    let zone = scene.ok("headnode0", IMGAPI);
    let zone = zone.trim();
    scene.ok("headnode0", "triton-sync-data --local");
    scene.ok("headnode0", &format!("vmadm delete {zone}"));
    scene.ok(
        "headnode0",
        &format!("zfs create zones/{zone} && zfs create zones/{zone}/data"),
    );
    let refused = scene.run("headnode0", "triton-svc-restore --local imgapi --yes");
    assert_eq!(refused.status.code(), Some(3), "{}", err(&refused));
    assert!(
        err(&refused).contains("is still there"),
        "{}",
        err(&refused)
    );
}
