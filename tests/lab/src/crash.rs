// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `cargo lab crash-matrix`: the restore of a whole headnode, killed before or after any one of its external calls and run again,
//! must end as one that nobody disturbed. All runs go on from the same datacenter, kept right after its loss.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::demo::{self, LOST, TARGET, succeeded};
use crate::error::{Attempted, LabError, Result};
use crate::running::{self, Running};

const APPLY: &str = "triton-apply --yes < /var/tmp/plan.json";

/// Runs at once: each is a datacenter, and waits most of its time.
const AT_ONCE: usize = 12;

#[derive(Debug, Clone)]
pub struct Options {
    pub install: PathBuf,
    /// Every call, on both sides of it; else so many runs, chosen by the seed.
    pub full: bool,
    pub runs: usize,
    pub seed: u64,
    /// The lost headnode had one of every service; else the few of a lab that nobody asked more of.
    pub every_service: bool,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// External calls of a restore that nobody disturbs.
    pub calls: u64,
    pub runs: usize,
    /// Each run that did not end as the undisturbed one, and how.
    pub strayed: Vec<String>,
    pub seconds: f64,
}

impl Verdict {
    pub fn json(&self) -> Value {
        json!({
            "kind": "triton.crash-matrix/1",
            "calls": self.calls,
            "runs": self.runs,
            "converged": self.runs - self.strayed.len(),
            "seconds": (self.seconds * 10.0).round() / 10.0,
        })
    }
}

/// Where a run is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    call: u64,
    after: bool,
}

impl Point {
    fn side(self) -> &'static str {
        if self.after { "after" } else { "before" }
    }
}

pub fn run(options: &Options, say: &(dyn Fn(&str) + Sync)) -> Result<Verdict> {
    let began = Instant::now();
    let folder = tempfile::tempdir().attempted("making a folder for the crash matrix")?;
    say("preparing: a datacenter that has just lost its first headnode");
    let kept = folder.path().join("kept");
    prepare(options, &folder.path().join("first"), &kept)?;
    let undisturbed = undisturbed(options, &folder.path().join("undisturbed"), &kept)?;
    let points = match options.full {
        true => all(undisturbed.calls),
        false => some(undisturbed.calls, options.runs, options.seed),
    };
    say(&format!(
        "{} calls; {} runs, each killed once",
        undisturbed.calls,
        points.len()
    ));
    let strayed = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let dir = folder
                        .path()
                        .join(format!("{}-{}", point.call, point.side()));
                    if let Err(error) = disturbed(options, &dir, &kept, *point, &undisturbed.end) {
                        let text = format!("killed {} call {}: {error}", point.side(), point.call);
                        say(&text);
                        let mut strayed = strayed.lock().unwrap_or_else(|p| p.into_inner());
                        strayed.push(text);
                    }
                }
            });
        }
    });
    Ok(Verdict {
        calls: undisturbed.calls,
        runs: points.len(),
        strayed: strayed.into_inner().unwrap_or_else(|p| p.into_inner()),
        seconds: began.elapsed().as_secs_f64(),
    })
}

/// Every call, on both sides.
fn all(calls: u64) -> Vec<Point> {
    let points = (1..=calls).flat_map(|call| [false, true].map(|after| Point { call, after }));
    points.collect()
}

/// As many different ones as are asked for, if there are, all over the run. A small xorshift generator is enough.
fn some(calls: u64, runs: usize, seed: u64) -> Vec<Point> {
    let most = usize::try_from(calls * 2).unwrap_or(usize::MAX);
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut points = BTreeSet::new();
    while points.len() < runs.min(most) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let call = 1 + (state >> 8) % calls;
        points.insert(Point {
            call,
            after: state & 1 == 1,
        });
    }
    points.into_iter().collect()
}

fn options_of(options: &Options, dir: &Path, from: Option<&Path>) -> running::Options {
    let mut lab = running::Options::new(dir.to_owned(), options.install.clone());
    lab.timings.scale = 0.01;
    lab.all_on_first = options.every_service;
    lab.from = from.map(Path::to_owned);
    lab
}

/// Syncs, loses the headnode, plans, and keeps the datacenter as it is then.
fn prepare(options: &Options, dir: &Path, kept: &Path) -> Result<()> {
    let lab = Running::start(&options_of(options, dir, None))?;
    if options.every_service {
        demo::one_binder_each(&lab)?;
    }
    for (host, command) in [
        (LOST, "triton-svc-restore reserve --yes"),
        (TARGET, "triton-sync-data"),
    ] {
        succeeded(host, command, lab.script(host, command, b"")?)?;
    }
    lab.lose_host(LOST)?;
    let plan = format!("triton-svc-restore --lost {LOST} --plan > /var/tmp/plan.json");
    succeeded(TARGET, &plan, lab.script(TARGET, &plan, b"")?)?;
    let patience = Instant::now() + Duration::from_secs(30);
    loop {
        match lab.save(kept) {
            // Sessions of the dead zones have not run out yet.
            Err(LabError::Refused(_)) if Instant::now() < patience => {
                thread::sleep(Duration::from_millis(100));
            }
            outcome => return outcome,
        }
    }
}

struct Undisturbed {
    calls: u64,
    end: Vec<String>,
}

fn undisturbed(options: &Options, dir: &Path, kept: &Path) -> Result<Undisturbed> {
    let lab = Running::start(&options_of(options, dir, Some(kept)))?;
    arm(&lab, 0, "before")?;
    succeeded(TARGET, APPLY, lab.script(TARGET, APPLY, b"")?)?;
    let report = lab.control(&json!({"do": "kill-report"}))?;
    Ok(Undisturbed {
        calls: report["calls"].as_u64().unwrap_or_default(),
        end: end_state(&lab)?,
    })
}

/// Killed at the point and run again; the error is how it differs in the end.
fn disturbed(
    options: &Options,
    dir: &Path,
    kept: &Path,
    point: Point,
    wanted: &[String],
) -> Result<()> {
    let lab = Running::start(&options_of(options, dir, Some(kept)))?;
    arm(&lab, point.call, point.side())?;
    lab.script(TARGET, APPLY, b"")?;
    succeeded(TARGET, APPLY, lab.script(TARGET, APPLY, b"")?)?;
    let end = end_state(&lab)?;
    let wanted: BTreeSet<&String> = wanted.iter().collect();
    let end: BTreeSet<&String> = end.iter().collect();
    let missing = wanted
        .difference(&end)
        .map(|line| format!("missing: {line}"));
    let more = end
        .difference(&wanted)
        .map(|line| format!("too much: {line}"));
    let differences: Vec<String> = missing.chain(more).collect();
    match differences.is_empty() {
        true => Ok(()),
        false => Err(LabError::Failed(differences.join("\n  "))),
    }
}

fn arm(lab: &Running, call: u64, when: &str) -> Result<()> {
    lab.control(&json!({
        "do": "kill-tool", "host": TARGET, "tool": "triton-apply", "call": call, "when": when,
    }))
    .map(drop)
}

/// Everything that a restore leaves, but for times: zones, datasets, records; and whatever disagrees.
fn end_state(lab: &Running) -> Result<Vec<String>> {
    let mut state = demo::settled(lab)?;
    state.extend(demo::destroys(lab)?);
    let status = lab.control(&json!({"do": "status"}))?;
    for host in status["hosts"].as_array().into_iter().flatten() {
        for zone in host["zones"].as_array().into_iter().flatten() {
            state.push(format!("zone {} {zone}", host["host"]));
        }
    }
    for (service, path, keys) in [
        ("sapi", "/instances", ["uuid", "service_uuid", "params"]),
        // Which of the free addresses and MACs a zone gets is NAPI's to say; that no two have the same one is checked above.
        (
            "napi",
            "/nics?limit=1000",
            ["belongs_to_uuid", "nic_tag", "primary"],
        ),
        (
            "vmapi",
            "/vms?state=active&limit=1000",
            ["uuid", "alias", "state"],
        ),
    ] {
        let answer = lab.control(&json!({"do": "fetch", "service": service, "path": path}))?;
        let records = answer["body"].as_array().cloned().unwrap_or_default();
        let lines = records.iter().map(|record| {
            let values = keys.map(|key| record[key].to_string());
            format!("{service} {}", values.join(" "))
        });
        state.extend(lines);
    }
    let list = "zfs list -Hp -o name,origin,readonly,mountpoint -r zones";
    let output = succeeded(TARGET, list, lab.script(TARGET, list, b"")?)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    state.extend(
        text.lines()
            .map(|line| format!("dataset {}", timeless(line))),
    );
    Ok(state)
}

/// The line without the moments at which something was put aside.
fn timeless(line: &str) -> String {
    let mut parts = line.split("-parked-");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == 'T' || c == 'Z');
        text.push_str("-parked-");
        text.push_str(rest);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_chooses_the_same_points_every_time_and_another_others() {
        assert_eq!(some(500, 60, 1), some(500, 60, 1));
        assert_ne!(some(500, 60, 1), some(500, 60, 2));
        assert_eq!(some(500, 60, 1).len(), 60);
        assert_eq!(some(3, 60, 1), all(3));
    }

    #[test]
    fn when_something_was_put_aside_does_not_count() {
        assert_eq!(
            timeless("zones/a/data-parked-20261123T051000Z-empty-before-restore\t-"),
            "zones/a/data-parked--empty-before-restore\t-"
        );
    }
}
