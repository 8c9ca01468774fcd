// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The scenarios in `tests/scenarios`, one folder each: what happens to a datacenter that has lost its first headnode
//! (`happens.json`), what is said about it, in this order (`log.txt`), and how it ends (`end.json`).
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::fs;
use std::path::Path;
use std::process::Output;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;
use support::*;

const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios");

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Happening {
    Control { control: Value },
    Command(Command),
}

/// A command on a host, and the exit code that it must have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Command {
    on: String,
    run: String,
    exit: i32,
    /// While it runs: once this succeeds there...
    once: Option<String>,
    /// ...this is done.
    then: Option<Value>,
    /// It is tried again for so many seconds.
    within: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    /// Aliases of zones that run on headnode1.
    running: Vec<String>,
    /// SAPI, VMAPI, NAPI, CNAPI, DNS and the machines agree.
    consistent: bool,
}

fn play(name: &str) {
    let folder = Path::new(SCENARIOS).join(name);
    let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
    let happens: Vec<Happening> = serde_json::from_str(&read("happens.json")).unwrap();
    let scene = headnode0_lost();
    let mut said = String::new();
    for happening in &happens {
        match happening {
            Happening::Control { control } => drop(scene.control(control.clone())),
            Happening::Command(command) => {
                let output = run(&scene, command);
                said += &format!("{}{}", out(&output), err(&output));
                assert_eq!(
                    output.status.code(),
                    Some(command.exit),
                    "{}: {said}",
                    command.run
                );
            }
        }
    }
    in_order(&said, &read("log.txt"));
    let end: End = serde_json::from_str(&read("end.json")).unwrap();
    let zones = scene.ok("headnode1", "vmadm list -H -p -o alias,state");
    for alias in &end.running {
        assert!(
            zones.contains(&format!("{alias}:running")),
            "{alias}: {zones}"
        );
    }
    if end.consistent {
        assert_eq!(scene.inconsistencies(), Vec::<String>::new());
    }
    let destroyed = scene.destroying_calls().into_iter();
    let destroyed: Vec<String> = destroyed
        .filter(|call| !call.contains("triton-sync-"))
        .collect();
    assert_eq!(destroyed, Vec::<String>::new());
}

fn run(scene: &Scene, command: &Command) -> Output {
    let patience = Instant::now() + Duration::from_secs(command.within.unwrap_or(0));
    loop {
        let output = thread::scope(|scope| {
            let running = scope.spawn(|| scene.run(&command.on, &command.run));
            if let (Some(once), Some(then)) = (&command.once, &command.then) {
                let patience = Instant::now() + Duration::from_secs(30);
                while !scene.run(&command.on, once).status.success() {
                    assert!(Instant::now() < patience, "never: {once}");
                    thread::sleep(Duration::from_millis(20));
                }
                scene.control(then.clone());
            }
            running.join().unwrap()
        });
        if output.status.code() == Some(command.exit) || Instant::now() > patience {
            return output;
        }
        thread::sleep(Duration::from_millis(200));
    }
}

/// Each of the wanted lines stands somewhere behind the one before it.
fn in_order(said: &str, wanted: &str) {
    let mut rest = said;
    for line in wanted.lines() {
        match rest.find(line) {
            Some(at) => rest = &rest[at + line.len()..],
            None => panic!("\"{line}\" is not said, or not in its place:\n{said}"),
        }
    }
}

macro_rules! scenarios {
    ($($test:ident: $folder:literal,)*) => {
        $(#[test]
        fn $test() {
            play($folder);
        })*

        #[test]
        fn every_folder_is_played() {
            let mut folders: Vec<String> = fs::read_dir(SCENARIOS)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            folders.sort();
            let mut played = vec![$($folder.to_owned()),*];
            played.sort();
            assert_eq!(played, folders);
        }
    };
}

scenarios! {
    the_pool_is_full_at_the_attach: "pool-full-at-the-attach",
    a_setup_fails: "setup-fails",
    a_zone_boots_but_never_answers: "boots-but-never-answers",
    a_second_headnode_dies_in_the_middle: "second-headnode-dies-in-the-middle",
    the_operators_ssh_drops: "the-operators-ssh-drops",
    the_operator_interrupts_twice: "interrupted-twice",
    sdcadm_is_at_work: "sdcadm-is-at-work",
    the_image_of_a_zone_is_missing: "image-missing",
    sapi_ends_the_connection_before_it_answers: "sapi-ends-before-it-answers",
}
