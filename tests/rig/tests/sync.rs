// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The rules of sync, on real ZFS over real ssh.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use support::{SOURCE, SYNC, Scene, TARGET, synced, trusting};

#[test]
fn a_round_sends_what_is_new_and_a_round_without_news_takes_no_snapshot_and_sends_nothing() {
    let Some(scene) = trusting() else { return };
    let first = scene.sync();
    assert_eq!(first.len(), 3);
    assert!(
        first.iter().all(|one| one["outcome"] == "sent"),
        "{first:#?}"
    );
    scene.is_whole_and_tidy();
    let properties = scene.ok(
        TARGET,
        &format!(
            "zfs get -Hp -o value readonly,mounted,canmount {}",
            scene.copy
        ),
    );
    assert_eq!(properties, "on\nno\non");

    let snapshots = "zfs list -H -t snapshot,bookmark -o name -r zones";
    let before = scene.ok(SOURCE, snapshots);
    scene.rig.forget_calls(SOURCE).unwrap();
    let second = scene.sync();
    assert!(
        second.iter().all(|one| one["outcome"] == "unchanged"),
        "{second:#?}"
    );
    assert!(
        second
            .iter()
            .all(|one| one["lag_seconds"].as_i64() < Some(60))
    );
    let calls = scene.rig.calls(SOURCE).unwrap();
    let zfs: Vec<String> = calls.iter().map(rig::Call::name).collect();
    assert_eq!(
        zfs,
        ["zfs list", "zfs get"],
        "commands of a round without news"
    );
    assert_eq!(scene.ok(SOURCE, snapshots), before);

    scene.write(1);
    let third = scene.sync();
    let imgapi = Scene::imgapi(&third);
    assert_eq!(imgapi["outcome"], "sent");
    let bytes = imgapi["bytes"].as_u64().unwrap();
    assert!((1 << 20..2 << 20).contains(&bytes), "{bytes}");
    assert_eq!(
        third
            .iter()
            .filter(|one| one["outcome"] == "unchanged")
            .count(),
        2
    );
    scene.is_whole_and_tidy();
}

#[test]
fn foreign_snapshots_hide_nothing_are_not_touched_and_do_not_stop_a_sync() {
    let Some(scene) = synced() else { return };
    let dataset = &scene.dataset;
    scene.write(1);
    scene.ok(
        SOURCE,
        &format!("zfs snapshot '{dataset}@a name with spaces'"),
    );
    let hidden = scene.ok(SOURCE, &format!("zfs get -Hp -o value written {dataset}"));
    assert_eq!(hidden, "0", "plain `written` would see nothing to send");
    let results = scene.sync();
    assert_eq!(Scene::imgapi(&results)["outcome"], "sent");
    let copied = scene.ok(
        TARGET,
        &format!("zfs list -H -t snapshot -o name -d 1 {}", scene.copy),
    );
    assert!(!copied.contains("a name with spaces"), "{copied}");

    // A newer foreign one on both ends: the copy's newest is not the source's any more.
    scene.ok(TARGET, &format!("zfs snapshot {}@foreign", scene.copy));
    scene.ok(SOURCE, &format!("zfs snapshot {dataset}@foreign"));
    scene.write(1);
    scene.recovers();
    let parked = scene.ok(TARGET, "zfs list -H -o name -r zones/triton-restore");
    assert!(
        parked.contains("-parked-") && parked.contains("-diverged"),
        "{parked}"
    );
    let theirs = scene.ok(
        SOURCE,
        &format!("zfs list -H -t snapshot -o name -d 1 {dataset}"),
    );
    assert!(
        theirs.contains("a name with spaces") && theirs.contains("@foreign"),
        "{theirs}"
    );
}

#[test]
#[ignore = "takes a minute or more; `cargo lab rig test` runs it"]
fn a_source_whose_snapshot_somebody_removed_goes_on_from_its_bookmark() {
    let Some(scene) = synced() else { return };
    let ours = format!(
        "zfs list -H -t snapshot -o name -d 1 {} | grep triton-sync",
        scene.dataset
    );
    scene.ok(SOURCE, &format!("zfs destroy $({ours})"));
    scene.write(1);
    let results = scene.sync();
    let imgapi = Scene::imgapi(&results);
    assert_eq!(
        (&imgapi["outcome"], &imgapi["why"]),
        (&"sent".into(), &serde_json::Value::Null)
    );
    assert!(imgapi["bytes"].as_u64() < Some(2 << 20), "{imgapi}");
    scene.is_whole_and_tidy();
}

#[test]
#[ignore = "takes a minute or more; `cargo lab rig test` runs it"]
fn a_copy_that_was_changed_and_a_source_made_anew_are_put_aside_and_sent_again() {
    let Some(scene) = synced() else { return };
    let copy = &scene.copy;
    scene.ok(
        TARGET,
        &format!("zfs set readonly=off {copy} && zfs set mountpoint=/tmp/changed {copy} && echo x > /tmp/changed/x && zfs unmount {copy} && zpool sync zones"),
    );
    scene.recovers();
    let dataset = &scene.dataset;
    scene.ok(
        SOURCE,
        &format!(
            "zfs destroy -r {dataset} && zfs create {dataset} && echo anew > /{dataset}/first"
        ),
    );
    scene.recovers();
    let parked = scene.ok(
        TARGET,
        "zfs list -H -o name -r zones/triton-restore | grep -c parked",
    );
    assert_eq!(parked, "2");
}

#[test]
#[ignore = "takes a minute or more; `cargo lab rig test` runs it"]
fn what_would_fill_the_pool_is_refused_with_figures_and_the_last_restore_point_stays() {
    let Some(scene) = synced() else { return };
    scene.write(64);
    let free = "zfs list -Hp -o avail zones";
    scene.ok(
        TARGET,
        &format!("zfs create -o mountpoint=/tmp/full zones/full && head -c $(($({free}) - 100 * 1024 * 1024)) /dev/urandom > /tmp/full/file; zpool sync zones"),
    );
    let results = scene.sync();
    let imgapi = Scene::imgapi(&results);
    assert_eq!(imgapi["outcome"], "failed");
    assert!(
        imgapi["why"].as_str().unwrap().contains("67108864"),
        "{imgapi}"
    );
    assert!(
        imgapi["guid"].is_string(),
        "the last restore point stays: {imgapi}"
    );
    assert_eq!(
        results
            .iter()
            .filter(|one| one["outcome"] == "unchanged")
            .count(),
        2
    );
    scene.ok(TARGET, "zfs destroy zones/full && zpool sync zones");
    scene.recovers();
}

#[test]
fn a_sync_key_runs_serve_and_nothing_else() {
    let Some(scene) = synced() else { return };
    let ssh = "ssh -i /var/sdcadm/triton-sync/id_ed25519 -o IdentitiesOnly=yes -o BatchMode=yes \
               -o UserKnownHostsFile=/var/sdcadm/triton-sync/known_hosts -o StrictHostKeyChecking=yes";
    let before = scene.ok(SOURCE, "zfs list -Hp -t all -o name,guid -r zones");
    for command in ["id", "zfs destroy -r zones", "cat /usbkey/config"] {
        let tried = scene.run(
            TARGET,
            &format!("{ssh} root@10.77.0.1 '{command}' < /dev/null"),
        );
        let said = format!("{}{}", tried.stdout, tried.stderr);
        assert!(
            !said.contains("uid=") && !said.contains("datacenter_name"),
            "{said}"
        );
    }
    let forward = scene.run(
        TARGET,
        &format!("{ssh} -o ExitOnForwardFailure=yes -W 127.0.0.1:22 root@10.77.0.1 < /dev/null"),
    );
    assert!(!forward.success(), "{}", forward.stdout);
    let flood = format!(
        "{{ echo '{{\"do\":\"hello\",\"version\":1}}'; for i in $(seq 10000); do echo '{{\"do\":\"zone\",\"vm\":\"../../etc/passwd\"}}'; done; }} | {ssh} root@10.77.0.1 x > /dev/null"
    );
    scene.run(TARGET, &flood);
    let refused = scene.ok(SOURCE, "wc -l < /var/log/triton-sync-refused.log");
    assert_eq!(refused.trim(), "10000");
    assert_eq!(
        scene.ok(SOURCE, "zfs list -Hp -t all -o name,guid -r zones"),
        before
    );
    scene.recovers();
}

#[test]
fn trust_and_restore_points_outlive_the_boots_of_both_ends() {
    let Some(scene) = synced() else { return };
    scene.write(1);
    for host in [SOURCE, TARGET] {
        scene.rig.kill(host).unwrap();
        scene.rig.boot(host).unwrap();
    }
    scene.recovers();
    let holds = scene.ok(SOURCE, &format!("{SYNC} holds -H"));
    assert_eq!(holds, "");
}

#[test]
#[ignore = "takes a minute or more; `cargo lab rig test` runs it"]
fn two_thousand_foreign_snapshots_cost_no_command_and_hide_nothing() {
    let Some(scene) = synced() else { return };
    let take = "all=$(zfs list -H -o name -r zones | grep '/data$'); \
                for n in $(seq 667); do zfs snapshot $(for one in $all; do echo $one@foreign-$n; done); done; \
                zfs list -H -t snapshot -o name -r zones | grep -c @foreign-";
    assert_eq!(scene.ok(SOURCE, take), "2001");
    scene.rig.forget_calls(SOURCE).unwrap();
    let unchanged = scene.sync();
    assert!(
        unchanged.iter().all(|one| one["outcome"] == "unchanged"),
        "{unchanged:#?}"
    );
    let calls = scene.rig.calls(SOURCE).unwrap();
    let zfs: Vec<String> = calls.iter().map(rig::Call::name).collect();
    assert_eq!(zfs, ["zfs list", "zfs get"]);
    scene.write(1);
    scene.ok(
        SOURCE,
        &format!("zfs snapshot {}@foreign-last", scene.dataset),
    );
    assert_eq!(Scene::imgapi(&scene.sync())["outcome"], "sent");
    scene.is_whole_and_tidy();
    let left = "zfs list -H -t snapshot -o name -r zones | grep -c @foreign-";
    assert_eq!(scene.ok(SOURCE, left), "2002");
}
