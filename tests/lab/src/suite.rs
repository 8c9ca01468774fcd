// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `cargo lab test`: builds everything and runs every test that this machine can. The rig's tests wait for their guests most of the
//! time, so the others run meanwhile; what the rig's said is shown after theirs.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;

use crate::error::{Attempted, LabError, Result};
use crate::{namespace, stage};

/// What is tested where no datacenter can be brought up.
const WITHOUT_DATACENTER: [&str; 9] = [
    "--package",
    "lab",
    "--lib",
    "--test",
    "recordings",
    "--test",
    "commands",
    "--test",
    "platform_commands",
];

/// Programs of others that check and read the disk images made here.
const READERS_OF_IMAGES: [&str; 3] = ["sgdisk", "fsck.fat", "mcopy"];

/// Runs them, the given arguments going to `cargo test`; returns the worst exit code.
pub fn run(arguments: &[String]) -> Result<u8> {
    let install = stage::stage(false)?;
    let datacenter = namespace::probe();
    if let Err(why) = &datacenter {
        eprintln!("lab: skipped: all tests that bring up a datacenter. {why}");
    }
    if let Err(why) = rig::testing::available() {
        eprintln!("lab: skipped: all tests on real ZFS and ssh. {why}");
    }
    if let Some(missing) = missing(&READERS_OF_IMAGES) {
        eprintln!(
            "lab: skipped: what {missing} says of the disk images made here. It is not installed \
             (Debian: apt-get install gdisk dosfstools mtools)."
        );
    }
    let test = |selection: &[&str]| cargo_test(selection, arguments, &install);
    match (datacenter, arguments) {
        (Ok(()), []) => beside_the_rig(|| test(&["--workspace", "--exclude", "rig"])),
        (Ok(()), _) => test(&["--workspace"]),
        (Err(_), _) => {
            let others = test(&["--workspace", "--exclude", "lab"])?;
            Ok(others.max(test(&WITHOUT_DATACENTER)?))
        }
    }
}

/// The first of these programs that PATH doesn't have.
fn missing(programs: &[&'static str]) -> Option<&'static str> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found =
        |program: &str| env::split_paths(&path).any(|folder| folder.join(program).is_file());
    programs.iter().copied().find(|program| !found(program))
}

/// Tests that run at once, unless the caller says: those of a datacenter wait most of their time.
const THREADS: &str = "4";

/// The tests that drive the staged product find it by `LAB_INSTALL`.
fn cargo_test(selection: &[&str], arguments: &[String], install: &Path) -> Result<u8> {
    let threads = env::var_os("RUST_TEST_THREADS").unwrap_or_else(|| THREADS.into());
    let status = Command::new(cargo())
        .args(["test", "--no-fail-fast"])
        .args(selection)
        .args(arguments)
        .env("LAB_INSTALL", install)
        .env("RUST_TEST_THREADS", threads)
        .status()
        .attempted("running cargo test")?;
    Ok(status.code().map_or(1, |code| code as u8))
}

fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The rig's tests, and these others at the same time.
fn beside_the_rig(others: impl FnOnce() -> Result<u8>) -> Result<u8> {
    let programs = programs_of("rig")?;
    let log = tempfile::tempfile().attempted("making a file for what the rig's tests say")?;
    let mut copy = log
        .try_clone()
        .attempted("sharing the file for what the rig's tests say")?;
    let (others, of_rig) = thread::scope(|scope| {
        let of_rig = scope.spawn(move || run_each(&programs, &log));
        let others = others();
        let of_rig = of_rig.join();
        let died = || {
            Err(LabError::Failed(
                "the rig's tests were left alone".to_owned(),
            ))
        };
        (others, of_rig.unwrap_or_else(|_| died()))
    });
    copy.rewind()
        .and_then(|()| io::copy(&mut copy, &mut io::stdout().lock()).map(drop))
        .attempted("showing what the rig's tests said")?;
    Ok(others?.max(of_rig?))
}

/// One after the other: there is one rig on a machine.
fn run_each(programs: &[PathBuf], mut log: &File) -> Result<u8> {
    let mut worst = 0;
    for program in programs {
        let on = || format!("running {}", program.display());
        writeln!(log, "\n     Running {} (rig)", program.display()).attempted(on())?;
        let out = || log.try_clone().attempted(on());
        let status = Command::new(program)
            .current_dir(stage::repository().join("tests/rig"))
            .stdin(Stdio::null())
            .stdout(out()?)
            .stderr(out()?)
            .status()
            .attempted(on())?;
        worst = worst.max(status.code().map_or(1, |code| code as u8));
    }
    Ok(worst)
}

/// The test programs of a package, as cargo builds them with all the others.
fn programs_of(package: &str) -> Result<Vec<PathBuf>> {
    let built = Command::new(cargo())
        .args(["test", "--workspace", "--no-run", "--message-format=json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .output()
        .attempted("building the tests")?;
    if !built.status.success() {
        return Err(LabError::Failed("the tests did not build".to_owned()));
    }
    Ok(programs_in(
        &String::from_utf8_lossy(&built.stdout),
        package,
    ))
}

fn programs_in(messages: &str, package: &str) -> Vec<PathBuf> {
    let folder = format!("/tests/{package}#");
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs: Vec<PathBuf> = messages
        .filter(|message| message["profile"]["test"] == true)
        .filter(|message| {
            let id = message["package_id"].as_str();
            id.is_some_and(|id| id.contains(&folder))
        })
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .collect();
    programs.sort();
    programs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_installed_is_named() {
        assert_eq!(missing(&["sh", "no-such-program"]), Some("no-such-program"));
        assert_eq!(missing(&["sh"]), None);
    }

    #[test]
    fn the_programs_of_a_package_are_its_tests_and_nobody_elses() {
        let messages = [
            r#"{"package_id":"path+file:///r/tests/rig#0.1.0","profile":{"test":true},"executable":"/t/sync-1"}"#,
            r#"{"package_id":"path+file:///r/tests/rig#0.1.0","profile":{"test":false},"executable":"/t/rig"}"#,
            r#"{"package_id":"path+file:///r/tests/lab#0.1.0","profile":{"test":true},"executable":"/t/lab-1"}"#,
            r#"{"package_id":"path+file:///r/tests/rig#0.1.0","profile":{"test":true},"executable":null}"#,
            "warning: not JSON",
        ];
        let found = programs_in(&messages.join("\n"), "rig");
        assert_eq!(found, [PathBuf::from("/t/sync-1")]);
    }
}
