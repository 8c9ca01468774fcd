// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Faults while a receive runs. Each ends in a whole restore point after at most one more round, with nothing left over.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::time::Duration;

use support::{SOURCE, Scene, TARGET, kills, none_runs, synced};

/// Waits for a round that was caught to end by itself.
fn ends(scene: &Scene, round: rig::Running) {
    scene.wait_for(
        TARGET,
        &none_runs("triton-sync-data -j"),
        Duration::from_secs(90),
    );
    drop(round);
}

#[test]
fn a_link_that_is_cut_and_healed() {
    let Some(scene) = synced() else { return };
    let round = scene.caught_receiving();
    scene.rig.cut(SOURCE).unwrap();
    ends(&scene, round);
    // Nothing stays behind on the side that nobody told.
    scene.wait_for(
        SOURCE,
        &none_runs("triton-sync-data|zfs send"),
        Duration::from_secs(90),
    );
    scene.rig.heal(SOURCE).unwrap();
    let results = scene.sync();
    let imgapi = Scene::imgapi(&results);
    assert_eq!(imgapi["outcome"], "sent", "{imgapi}");
    assert!(
        imgapi["bytes"].as_u64() < Some(66 << 20),
        "it went on where it was: {imgapi}"
    );
    scene.is_whole_and_tidy();
}

#[test]
#[ignore = "takes a minute or more; `cargo lab rig test` runs it"]
fn a_source_that_loses_its_power() {
    let Some(scene) = synced() else { return };
    let round = scene.caught_receiving();
    scene.rig.kill(SOURCE).unwrap();
    ends(&scene, round);
    scene.rig.boot(SOURCE).unwrap();
    scene.recovers();
}

#[test]
#[ignore = "takes a minute or more; `cargo lab rig test` runs it"]
fn a_target_that_loses_its_power() {
    let Some(scene) = synced() else { return };
    let round = scene.caught_receiving();
    scene.rig.kill(TARGET).unwrap();
    drop(round);
    scene.rig.boot(TARGET).unwrap();
    scene.wait_for(
        SOURCE,
        &none_runs("triton-sync-data|zfs send"),
        Duration::from_secs(90),
    );
    scene.recovers();
}

#[test]
#[ignore = "takes a minute or more; `cargo lab rig test` runs it"]
fn each_of_our_processes_that_is_killed() {
    let Some(scene) = synced() else { return };
    for (host, victim) in [
        (TARGET, "triton-sync-data -j"),
        (TARGET, "zfs receive"),
        (SOURCE, "triton-sync-data serve"),
        (SOURCE, "zfs send"),
        (TARGET, " ssh -o"),
    ] {
        let round = scene.caught_receiving();
        scene.ok(host, &kills(victim));
        ends(&scene, round);
        scene.wait_for(SOURCE, &none_runs("zfs send"), Duration::from_secs(90));
        scene.wait_for(TARGET, &none_runs("zfs receive"), Duration::from_secs(90));
        println!("after {victim} on {host}");
        scene.recovers();
    }
}

#[test]
#[ignore = "takes a minute or more; `cargo lab rig test` runs it"]
fn a_receive_whose_snapshot_is_gone_is_given_up_and_the_round_goes_on_by_itself() {
    let Some(scene) = synced() else { return };
    let round = scene.caught_receiving();
    scene.ok(TARGET, &kills("triton-sync-data -j"));
    ends(&scene, round);
    scene.wait_for(SOURCE, &none_runs("zfs send"), Duration::from_secs(90));
    let newest = format!(
        "$(zfs list -H -t snapshot -o name -s creation -d 1 {} | tail -1)",
        scene.dataset
    );
    scene.ok(SOURCE, &format!("zfs destroy {newest}"));
    let results = scene.sync();
    let imgapi = Scene::imgapi(&results);
    assert_eq!(imgapi["outcome"], "sent", "{imgapi}");
    assert!(
        imgapi["why"].as_str().unwrap().contains("given up"),
        "{imgapi}"
    );
    scene.is_whole_and_tidy();
}
