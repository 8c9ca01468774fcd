// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What the rig promises the tests that build on it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rig::{Options, testing};

fn guests(names: &[&str]) -> Options {
    let guests = names.iter().map(|name| (*name).to_owned()).collect();
    Options {
        guests,
        disk_mib: 512,
        ..Options::default()
    }
}

#[test]
fn a_host_that_lost_its_power_comes_back_with_its_pool_and_its_host_key_and_nothing_in_root() {
    let Some(rig) = testing::rig(guests(&["headnode0"])) else {
        return;
    };
    let host_key = rig
        .ok("headnode0", "cat /var/ssh/ssh_host_ed25519_key.pub")
        .unwrap();
    rig.ok(
        "headnode0",
        "zfs create zones/kept && echo data >/zones/kept/file && zpool sync && touch /root/gone",
    )
    .unwrap();
    let guid = rig
        .ok("headnode0", "zfs get -Hpo value guid zones/kept")
        .unwrap();
    let killed = Instant::now();
    rig.kill("headnode0").unwrap();
    assert!(killed.elapsed() < Duration::from_secs(5));
    assert!(!rig.status().unwrap()[0].up);
    let error = rig.run("headnode0", "true").unwrap_err();
    assert_eq!(error.to_string(), "headnode0 is off");
    rig.boot("headnode0").unwrap();
    assert_eq!(
        rig.ok("headnode0", "zfs get -Hpo value guid zones/kept")
            .unwrap(),
        guid
    );
    assert_eq!(rig.ok("headnode0", "cat /zones/kept/file").unwrap(), "data");
    assert_eq!(
        rig.ok("headnode0", "cat /var/ssh/ssh_host_ed25519_key.pub")
            .unwrap(),
        host_key
    );
    assert!(!rig.run("headnode0", "ls /root/gone").unwrap().success());
}

#[test]
fn a_host_that_is_cut_off_is_out_of_the_others_reach_but_not_out_of_ours() {
    let Some(rig) = testing::rig(guests(&["headnode0", "headnode1"])) else {
        return;
    };
    let reaches = || {
        rig.run("headnode0", "ping -c 1 -W 2 headnode1")
            .unwrap()
            .success()
    };
    assert!(reaches());
    rig.cut("headnode1").unwrap();
    assert!(rig.status().unwrap()[1].cut);
    assert!(!reaches());
    assert_eq!(rig.ok("headnode1", "hostname").unwrap(), "headnode1");
    rig.heal("headnode1").unwrap();
    assert!(reaches());
}

#[test]
fn hosts_sync_over_ssh_with_keys_that_the_test_sets_up() {
    let Some(rig) = testing::rig(guests(&["headnode0", "headnode1"])) else {
        return;
    };
    rig.ok(
        "headnode1",
        "ssh-keygen -q -t ed25519 -N '' -f /var/ssh/sync",
    )
    .unwrap();
    let key = rig.ok("headnode1", "cat /var/ssh/sync.pub").unwrap();
    let ssh = "ssh -o BatchMode=yes -o StrictHostKeyChecking=no -i /var/ssh/sync headnode0";
    assert!(
        !rig.run("headnode1", &format!("{ssh} true"))
            .unwrap()
            .success()
    );
    // Both there now and after the next boot.
    let accept = "mkdir -p /usbkey/config.inc; cat >/usbkey/config.inc/root.authorized_keys; \
                  cp /usbkey/config.inc/root.authorized_keys /root/.ssh/authorized_keys; zpool sync";
    assert!(
        rig.run_with("headnode0", accept, key.as_bytes())
            .unwrap()
            .success()
    );
    rig.kill("headnode0").unwrap();
    rig.boot("headnode0").unwrap();
    rig.ok("headnode0", "zfs create zones/a && zfs snapshot zones/a@s")
        .unwrap();
    rig.forget_calls("headnode0").unwrap();
    rig.ok(
        "headnode1",
        &format!("{ssh} zfs send zones/a@s | zfs receive -s -u zones/b"),
    )
    .unwrap();
    let guid = |host: &str, name: &str| {
        rig.ok(host, &format!("zfs get -Hpo value guid {name}"))
            .unwrap()
    };
    assert_eq!(
        guid("headnode0", "zones/a@s"),
        guid("headnode1", "zones/b@s")
    );
    let names: Vec<String> = rig
        .calls("headnode0")
        .unwrap()
        .iter()
        .map(|c| c.name())
        .collect();
    assert_eq!(names, ["zfs send", "zfs get"]);
    assert!(
        rig.calls("headnode1")
            .unwrap()
            .iter()
            .any(|call| call.name() == "ssh")
    );
}

#[test]
fn zfs_refuses_what_illumos_lacks_and_mounts_that_smartos_refuses() {
    let Some(rig) = testing::rig(guests(&["headnode0"])) else {
        return;
    };
    let refused = |command: &str, code: i32, text: &str| {
        let output = rig.run("headnode0", command).unwrap();
        assert_eq!(output.code, code, "{command}: {output:?}");
        assert!(output.stderr.contains(text), "{command}: {output:?}");
    };
    refused("zfs list -j", 2, "invalid option 'j'");
    refused(
        "zfs receive -o readonly=on zones/x",
        2,
        "invalid option 'o'",
    );
    refused(
        "zfs receive -sux mountpoint zones/x",
        2,
        "invalid option 'x'",
    );
    refused("zfs send --saved zones", 2, "invalid option 'saved'");
    refused(
        "zfs redact zones@a b zones@c",
        2,
        "unrecognized command 'redact'",
    );
    refused("zfs get acltype zones", 2, "invalid property 'acltype'");
    refused(
        "zfs set relatime=on zones",
        1,
        "invalid property 'relatime'",
    );
    // illumos' getopt does not look for options behind the first operand.
    refused("zfs list zones -H", 1, "cannot open '-H'");
    refused(
        "zfs create -o zoned=on zones/z; zfs mount zones/z",
        1,
        "cannot mount 'zones/z': dataset is exported to a local zone",
    );
    let calls = rig.calls("headnode0").unwrap();
    assert_eq!(calls.iter().filter(|call| call.refused).count(), 7);
}

#[test]
fn nothing_is_left_of_a_rig_that_was_dropped() {
    let Some(rig) = testing::rig(guests(&["headnode0"])) else {
        return;
    };
    let dir = rig.dir().to_owned();
    let run = fs::read_link(dir.join("rig")).unwrap();
    fs::write(rig.share().join("handed over"), "by the test").unwrap();
    assert_eq!(
        rig.ok("headnode0", "cat '/share/handed over'").unwrap(),
        "by the test"
    );
    drop(rig);
    assert!(!dir.exists());
    assert!(!run.exists());
    let id = run.file_name().unwrap().to_string_lossy().into_owned();
    assert!(!Path::new("/run/netns").join(format!("rig-{id}")).exists());
    let of_this_rig = |entry: &fs::DirEntry| {
        fs::read(entry.path().join("cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).contains(&*run.to_string_lossy()))
    };
    let left = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(of_this_rig)
        .count();
    assert_eq!(left, 0);
}

#[test]
fn stand_ins_answer_in_guests_and_remember_across_boots_and_the_product_runs() {
    // The product need not be staged for the rig's own tests.
    let options = match Options::with_product() {
        Ok(options) => options,
        Err(error) => return println!("skipped: {error}"),
    };
    let guests = vec!["headnode0".to_owned()];
    let Some(rig) = testing::rig(Options {
        guests,
        disk_mib: 512,
        ..options
    }) else {
        return;
    };
    assert!(
        rig.ok("headnode0", "sysinfo")
            .unwrap()
            .contains(r#""Admin IP": "10.77.0.1""#)
    );
    let lookup = "vmadm lookup tags.smartdc_role=imgapi state=running";
    let zone = rig.ok("headnode0", lookup).unwrap();
    rig.ok("headnode0", &format!("vmadm stop {zone} && zpool sync"))
        .unwrap();
    rig.kill("headnode0").unwrap();
    rig.boot("headnode0").unwrap();
    assert_eq!(rig.ok("headnode0", lookup).unwrap(), "");
    let version = rig
        .ok(
            "headnode0",
            "/opt/triton-headnode/bin/triton-sync-data --version",
        )
        .unwrap();
    assert!(version.starts_with("triton-sync-data "), "{version}");
}
