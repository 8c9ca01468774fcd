// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A headnode that loses its power while a restore gives zones their data, at a random moment, on real ZFS: what its disk has
//! then is readable, and the same plan applied again ends as if nothing had happened.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use rig::Options;
use rig::attaching::{self, Attach, Point};
use rig::testing::{self, TestRig};

const HOST: &str = "headnode0";
const SEEDS: u32 = 50;
/// Zones of a run.
const ZONES: usize = 3;
/// Milliseconds between two events of a run, and more: the power also goes while something is done.
const BETWEEN: u64 = 400;

/// After how many of a run's events the power goes, and how many milliseconds after the last of them.
fn moment(seed: u32, events: usize) -> (usize, u64) {
    let mut state = u64::from(seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state ^= state >> 31;
    state = state.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((state >> 32) as usize % events, state % BETWEEN)
}

/// Now and then a guest hangs while it mounts its pool, long before the product runs: it is switched off and on once more, as its
/// operator would do. True when that was needed.
fn power_on(rig: &TestRig) -> bool {
    if rig.boot(HOST).is_ok() {
        return false;
    }
    rig.kill(HOST).unwrap();
    rig.boot(HOST).unwrap();
    true
}

fn apply(rig: &TestRig, plan: &str) -> String {
    let applied = rig.run(HOST, &format!("{} --json < {plan}", attaching::APPLY));
    let applied = applied.unwrap();
    assert!(applied.success(), "{}{}", applied.stdout, applied.stderr);
    applied.stdout
}

/// Writes the plan that gives the zones their data into the guest; returns where.
fn plan(rig: &TestRig, seed: u32, zones: &[String], point: &Point) -> String {
    let attaches = zones.iter().map(|vm| Attach {
        service: "imgapi",
        vm,
        point,
    });
    let plan = attaching::plan(rig, HOST, seed, &attaches.collect::<Vec<_>>()).unwrap();
    let path = format!("/var/rig/plan-{seed}.json");
    let write = format!("cat > {path} && sync");
    let written = rig.run_with(HOST, &write, plan.to_string().as_bytes());
    assert!(written.unwrap().success());
    path
}

/// Each zone has a clone of the restore point in place of its empty dataset, which is aside, and nothing else is there.
fn is_as_undisturbed(rig: &TestRig, zones: &[String], point: &Point) {
    for vm in zones {
        let list = format!("zfs list -Hp -o name,origin,zoned -r zones/{vm}");
        let listed = rig.ok(HOST, &list).unwrap();
        let lines: Vec<&str> = listed.lines().collect();
        let data = format!("zones/{vm}/data\t{}\ton", point.snapshot);
        assert!(lines.contains(&data.as_str()), "{listed}");
        let aside = format!("zones/{vm}/data-parked-");
        let parked = lines.iter().filter(|line| line.starts_with(&aside));
        assert_eq!((lines.len(), parked.count()), (3, 1), "{listed}");
    }
}

#[test]
#[ignore = "takes a quarter of an hour; `cargo lab rig test` runs it"]
fn power_lost_at_any_moment_of_a_run() {
    let Some(rig) = testing::rig(Options {
        guests: vec![HOST.to_owned()],
        disk_mib: 1024,
        ..Options::with_product().unwrap()
    }) else {
        return;
    };
    let point = attaching::restore_point(&rig, HOST, "small", 4).unwrap();
    let zones = attaching::zones(&rig, HOST, (SEEDS as usize + 1) * ZONES).unwrap();
    let (undisturbed, zones) = zones.split_at(ZONES);
    let events = apply(&rig, &plan(&rig, SEEDS, undisturbed, &point))
        .lines()
        .count();
    is_as_undisturbed(&rig, undisturbed, &point);
    let (mut resumed, mut again) = (0, 0);
    for (seed, zones) in (0..SEEDS).zip(zones.chunks(ZONES)) {
        let plan = plan(&rig, seed, zones, &point);
        let (event, later) = moment(seed, events);
        let run = format!("{} --json < {plan}", attaching::APPLY);
        let mut running = rig.spawn(HOST, &run).unwrap();
        assert_eq!(running.after_lines(event).unwrap(), event);
        std::thread::sleep(Duration::from_millis(later));
        rig.kill(HOST).unwrap();
        drop(running);
        again += u32::from(power_on(&rig));
        let said = apply(&rig, &plan);
        resumed += u32::from(said.contains(r#""resumed":true"#));
        is_as_undisturbed(&rig, zones, &point);
        println!("seed {seed}: killed {later} ms after event {event} of {events}");
    }
    println!(
        "{resumed} of {SEEDS} runs were resumed; {again} boots hung, before anything of the product ran"
    );
    assert!(
        resumed > SEEDS / 2,
        "{resumed} runs were killed in their middle"
    );
}
