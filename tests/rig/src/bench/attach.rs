// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `cargo lab bench attach`: how long it takes to give a zone its data, of ten megabytes and of ten gigabytes, on real ZFS, by the
//! executor's own verb; beside a bare `zfs clone` of the same snapshots in the same run.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use super::{Options, say};
use crate::attaching::{self, Attach, Point};
use crate::error::{Attempted, Result, RigError};
use crate::testing::{self, TestRig};

const HOST: &str = "headnode1";
/// A restore point of each size.
const SIZES_MIB: [(&str, u64); 2] = [("small", 10), ("large", 10 * 1024)];
/// The larger one may take this much longer.
const RATIO: f64 = 1.2;

/// Medians, in milliseconds, by size.
struct Figures {
    attach: BTreeMap<&'static str, f64>,
    clone: BTreeMap<&'static str, f64>,
}

/// Runs it; true when the target is met.
pub fn attach(options: Options) -> Result<bool> {
    let mut rig_options = options.rig.clone();
    rig_options.guests = vec!["headnode0".to_owned(), HOST.to_owned()];
    rig_options.disk_mib = 16 * 1024;
    rig_options.memory_mib = 768;
    let rig = testing::turn(rig_options)?;
    say("making restore points of 10 MiB and of 10 GiB");
    let points = SIZES_MIB
        .iter()
        .map(|(name, mib)| Ok((*name, attaching::restore_point(&rig, HOST, name, *mib)?)))
        .collect::<Result<BTreeMap<&str, Point>>>()?;
    let zones = attaching::zones(&rig, HOST, SIZES_MIB.len() * options.runs)?;
    let attaches: Vec<Attach<'_>> = zones
        .iter()
        .zip(SIZES_MIB.iter().cycle())
        .map(|(vm, (name, _))| Attach {
            service: name,
            vm,
            point: &points[name],
        })
        .collect();
    let plan = attaching::plan(&rig, HOST, 0, &attaches)?;
    say("attaching");
    let apply = format!("{} -j 1 --json", attaching::APPLY);
    let applied = rig.run_with(HOST, &apply, plan.to_string().as_bytes())?;
    if !applied.success() {
        return Err(RigError::Failed(applied.stdout + &applied.stderr));
    }
    let figures = Figures {
        attach: attached(&applied.stdout, options.runs)?,
        clone: bare_clones(&rig, &points, options.runs)?,
    };
    print(&figures, &options)
}

/// What the executor's events say each attach took.
fn attached(events: &str, runs: usize) -> Result<BTreeMap<&'static str, f64>> {
    let mut took: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for line in events.lines() {
        let event: Value = serde_json::from_str(line)
            .map_err(|error| RigError::Failed(format!("triton-apply printed {line}: {error}")))?;
        let step = event["step"].as_str().unwrap_or_default();
        let size = SIZES_MIB.iter().find(|(size, _)| step.starts_with(size));
        if let (Some((size, _)), "step-done", Some(millis)) = (
            size,
            event["event"].as_str().unwrap_or_default(),
            event["millis"].as_f64(),
        ) {
            took.entry(size).or_default().push(millis);
        }
    }
    for (size, _) in SIZES_MIB {
        let count = took.get(size).map_or(0, Vec::len);
        if count != runs {
            return Err(RigError::Failed(format!(
                "{count} of {runs} {size} attaches are told of: {events}"
            )));
        }
    }
    Ok(took
        .into_iter()
        .filter_map(|(size, millis)| {
            let name = SIZES_MIB.iter().find(|(name, _)| *name == size)?.0;
            Some((name, median(millis)))
        })
        .collect())
}

fn bare_clones(
    rig: &TestRig,
    points: &BTreeMap<&str, Point>,
    runs: usize,
) -> Result<BTreeMap<&'static str, f64>> {
    let mut took: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
    for run in 0..runs {
        for (size, _) in SIZES_MIB {
            let snapshot = &points[size].snapshot;
            let timed = format!(
                "began=$(date +%s%N); zfs clone -o zoned=on {snapshot} zones/bare-{size}-{run} || exit 1; \
                 echo $(( $(date +%s%N) - began ))"
            );
            let nanos = rig.ok(HOST, &timed)?;
            let nanos: f64 = nanos
                .trim()
                .parse()
                .map_err(|error| RigError::Failed(format!("a clone's time {nanos}: {error}")))?;
            took.entry(size).or_default().push(nanos / 1e6);
        }
    }
    let medians = took
        .into_iter()
        .map(|(size, millis)| (size, median(millis)));
    Ok(medians.collect())
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn print(figures: &Figures, options: &Options) -> Result<bool> {
    let ratio = |of: &BTreeMap<&str, f64>| of["large"] / of["small"];
    let met = ratio(&figures.attach) <= RATIO;
    let short = |value: f64| (value * 100.0).round() / 100.0;
    let document = json!({
        "kind": "triton.bench-attach/1", "runs": options.runs,
        "attach_ms": {"10MiB": short(figures.attach["small"]), "10GiB": short(figures.attach["large"])},
        "zfs_clone_ms": {"10MiB": short(figures.clone["small"]), "10GiB": short(figures.clone["large"])},
        "ratio": short(ratio(&figures.attach)), "zfs_clone_ratio": short(ratio(&figures.clone)),
        "met": met,
    });
    if let Some(path) = &options.keep {
        fs::write(path, document.to_string()).attempted(format!("writing {}", path.display()))?;
    }
    if options.json {
        println!("{document}");
    } else {
        println!(
            "{:<24} {:>10} {:>10} {:>7}\n{:<24} {:>7.0} ms {:>7.0} ms {:>7.2}  target <= {RATIO}: {}\n\
             {:<24} {:>7.0} ms {:>7.0} ms {:>7.2}",
            format!("median of {}", options.runs),
            "10 MiB",
            "10 GiB",
            "ratio",
            "dataset.attach",
            figures.attach["small"],
            figures.attach["large"],
            ratio(&figures.attach),
            if met { "met" } else { "MISSED" },
            "bare zfs clone",
            figures.clone["small"],
            figures.clone["large"],
            ratio(&figures.clone),
        );
    }
    Ok(met)
}
