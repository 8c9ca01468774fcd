// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `cargo lab crash-matrix`: a long run of the product, killed before or after any one of its external calls and run again, must end
//! as one that nobody disturbed. All runs go on from the same datacenter, kept right before it.

mod restore;
mod setup;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::demo::{LOST, TARGET, succeeded};
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
    pub story: Story,
}

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Story {
    /// The restore of a headnode that had one of every service.
    Whole,
    /// The restore of one that had a few.
    Few,
    /// A compute node that becomes a headnode.
    Setup,
}

impl Story {
    /// The headnode that the plan is applied on.
    fn host(self) -> &'static str {
        match self {
            Story::Whole | Story::Few => TARGET,
            Story::Setup => LOST,
        }
    }

    fn at_once(self) -> usize {
        match self {
            Story::Whole | Story::Few => AT_ONCE,
            // Each has a copy of the whole product on the new headnode.
            Story::Setup => 4,
        }
    }
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
    say("preparing: a datacenter right before what is killed");
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
        for _ in 0..options.story.at_once() {
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
    lab.all_on_first = options.story == Story::Whole;
    if options.story == Story::Setup {
        lab.headnodes = 1;
        lab.convertible = 1;
    }
    lab.from = from.map(Path::to_owned);
    lab
}

/// Brings the datacenter to that point, and keeps it.
fn prepare(options: &Options, dir: &Path, kept: &Path) -> Result<()> {
    let lab = Running::start(&options_of(options, dir, None))?;
    match options.story {
        Story::Whole | Story::Few => restore::prepare(&lab, options.story == Story::Whole)?,
        Story::Setup => setup::prepare(&lab)?,
    }
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
    let host = options.story.host();
    arm(&lab, host, 0, "before")?;
    succeeded(host, APPLY, lab.script(host, APPLY, b"")?)?;
    let report = lab.control(&json!({"do": "kill-report"}))?;
    Ok(Undisturbed {
        calls: report["calls"].as_u64().unwrap_or_default(),
        end: end_state(options.story, &lab)?,
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
    let host = options.story.host();
    arm(&lab, host, point.call, point.side())?;
    lab.script(host, APPLY, b"")?;
    match options.story {
        Story::Whole | Story::Few => {
            succeeded(host, APPLY, lab.script(host, APPLY, b"")?)?;
        }
        Story::Setup => setup::go_on(&lab, APPLY, point.after)?,
    }
    let end = end_state(options.story, &lab)?;
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

fn end_state(story: Story, lab: &Running) -> Result<Vec<String>> {
    match story {
        Story::Whole | Story::Few => restore::end_state(lab),
        Story::Setup => setup::end_state(lab),
    }
}

fn arm(lab: &Running, host: &str, call: u64, when: &str) -> Result<()> {
    lab.control(&json!({
        "do": "kill-tool", "host": host, "tool": "triton-apply", "call": call, "when": when,
    }))
    .map(drop)
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
