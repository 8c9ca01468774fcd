// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A hostile peer: who has a headnode's sync key and asks for more than a sync does, without end.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::time::Duration;

use support::{SOURCE, TARGET, synced};

/// KiB that the answering end had at most, by its own account.
const PEAK: &str = "awk '/^VmHWM:/ {print $2}' /proc/$(pidof triton-sync-data)/status";

#[test]
#[ignore = "takes a minute or more; `cargo lab rig test` runs it"]
fn a_flood_of_bad_requests_takes_no_memory() {
    let Some(scene) = synced() else { return };
    let ssh = "ssh -i /var/sdcadm/triton-sync/id_ed25519 -o IdentitiesOnly=yes -o BatchMode=yes \
               -o UserKnownHostsFile=/var/sdcadm/triton-sync/known_hosts -o StrictHostKeyChecking=yes";
    let bad = "i=0; while [ $i -lt COUNT ]; do i=$((i+1)); echo '{\"do\":\"zone\",\"vm\":\"../../etc/passwd\"}'; done";
    let flood = format!(
        "{{ {}; while [ ! -e /tmp/go ]; do sleep 0.2; echo '{{\"do\":\"beat\"}}'; done; {}; \
         while [ -e /tmp/go ]; do sleep 0.2; echo '{{\"do\":\"beat\"}}'; done; }} | {ssh} root@10.77.0.1 x > /dev/null",
        bad.replace("COUNT", "500"),
        bad.replace("COUNT", "9500"),
    );
    let flooding = scene.rig.spawn(TARGET, &flood).unwrap();
    let logged =
        |count: u32| format!("test $(wc -l < /var/log/triton-sync-refused.log) -ge {count}");
    let peak = || -> u64 {
        let peak = scene.ok(SOURCE, PEAK);
        peak.trim().parse().unwrap()
    };
    scene.wait_for(SOURCE, &logged(500), Duration::from_secs(60));
    let before = peak();
    scene.ok(TARGET, "touch /tmp/go");
    scene.wait_for(SOURCE, &logged(10_000), Duration::from_secs(120));
    let after = peak();
    println!("serve had {before} KiB at most after 500 bad requests, {after} KiB after 10000");
    assert!(after <= before + 1024, "{before} KiB, then {after} KiB");
    assert!(after < 48 * 1024, "{after} KiB");
    scene.ok(TARGET, "rm /tmp/go");
    drop(flooding);
    scene.recovers();
}
