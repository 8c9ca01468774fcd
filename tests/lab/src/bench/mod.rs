// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `cargo lab bench`: figures of the staged product, each beside a peer or the limit in the same run. Never part of a test:
//! machines are noisy.

mod inventory;
mod measure;
mod on_rig;
mod restore;
mod usbkey;

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::error::{Attempted, LabError, Result};
use measure::{Measured, Run};

/// What takes longer, and is asked for by name.
#[derive(Debug, clap::Subcommand)]
pub enum What {
    /// A restore of every service beside its own critical path, and beside headnode.sh's order
    Restore(restore::Arguments),
    /// Making a boot medium, beside tar, pigz and dd of the same bytes (some minutes, six gigabytes of disk)
    Usbkey(usbkey::Arguments),
    /// The sync beside syncoid, zfs_autobackup and the bare pipe, on the rig (an hour or so)
    Sync(on_rig::Arguments),
    /// Giving a zone its data, of ten megabytes and of ten gigabytes, on the rig (a few minutes)
    Attach(on_rig::Arguments),
}

impl What {
    pub fn run(self, install: PathBuf) -> Result<bool> {
        match self {
            What::Restore(arguments) => restore::run(&arguments, install),
            What::Usbkey(arguments) => usbkey::run(&arguments, &install),
            What::Sync(arguments) => on_rig::sync(&arguments, install),
            What::Attach(arguments) => on_rig::attach(&arguments, install),
        }
    }
}

/// Runs per figure; the median counts.
const RUNS: usize = 31;

/// One line of the bench.
struct Figure {
    name: &'static str,
    ours: f64,
    peer: f64,
    unit: &'static str,
    peer_is: &'static str,
    target: String,
    met: bool,
}

/// Runs every benchmark on the product staged at `install`. True when every target is met.
pub fn run(install: &Path, as_json: bool) -> Result<bool> {
    let folder = tempfile::tempdir().attempted("making a folder for the bench")?;
    let small = folder.path().join("small.json");
    let large = folder.path().join("large.json");
    write(&small, &inventory::of(3, 30, 0))?;
    write(&large, &inventory::of(2_000, 300, 20_000))?;
    let restore = install.join("bin/triton-svc-restore");

    for inventory in [&small, &large] {
        check_plan(&plan(&restore, inventory))?;
    }
    let nothing = measure::median(&Run::new("/bin/true"), RUNS)?;
    let version = measure::median(&Run::new(&restore).args(["--version"]), RUNS)?;
    let small_plan = measure::median(&plan(&restore, &small), RUNS)?;
    let large_plan = measure::median(&plan(&restore, &large), RUNS)?;
    let read = measure::median(&Run::new("/bin/cat").args([large.as_os_str()]), RUNS)?;

    let figures = [
        milliseconds(
            "start to exit of --version",
            &version,
            &nothing,
            "/bin/true",
            10.0,
        ),
        milliseconds(
            "plan with all plugins, small datacenter",
            &small_plan,
            &nothing,
            "/bin/true",
            150.0,
        ),
        milliseconds(
            "plan, 2000 servers, 300 core zones, 20000 VMs",
            &large_plan,
            &read,
            "/bin/cat of the inventory",
            150.0,
        ),
        Figure {
            name: "peak memory of that plan",
            ours: large_plan.peak_mib,
            peer: read.peak_mib,
            unit: "MiB",
            peer_is: "/bin/cat of the inventory",
            target: "< 100 MiB".to_owned(),
            met: large_plan.peak_mib < 100.0,
        },
    ];
    report(&figures, as_json)
}

/// Prints them; true when every target is met.
fn report(figures: &[Figure], as_json: bool) -> Result<bool> {
    let mut out = std::io::stdout().lock();
    for figure in figures {
        let line = match as_json {
            true => figure.json().to_string(),
            false => figure.text(),
        };
        writeln!(out, "{line}").attempted("printing a figure")?;
    }
    let met = figures.iter().all(|figure| figure.met);
    if as_json {
        let verdict =
            json!({"kind": "triton.bench-verdict/1", "figures": figures.len(), "met": met});
        writeln!(out, "{verdict}").attempted("printing the verdict")?;
    }
    Ok(met)
}

/// What is timed must be a plan that could be applied, not a quick refusal.
fn check_plan(run: &Run) -> Result<()> {
    let plan: Value = serde_json::from_slice(&run.output()?)
        .map_err(|error| LabError::Failed(format!("the plan to be timed is no JSON: {error}")))?;
    let steps = plan["steps"].as_array().map_or(0, Vec::len);
    match plan["refusals"].as_array() {
        Some(refusals) if refusals.is_empty() && steps > 40 => Ok(()),
        refusals => Err(LabError::Failed(format!(
            "the plan to be timed has {steps} steps and refusals {refusals:?}"
        ))),
    }
}

fn plan(tool: &Path, inventory: &Path) -> Run {
    Run::new(tool)
        .args(["--lost", "headnode0", "--plan", "-i"])
        .args([inventory.as_os_str()])
}

fn milliseconds(
    name: &'static str,
    ours: &Measured,
    peer: &Measured,
    peer_is: &'static str,
    limit: f64,
) -> Figure {
    Figure {
        name,
        ours: ours.millis,
        peer: peer.millis,
        unit: "ms",
        peer_is,
        target: format!("< {limit} ms"),
        met: ours.millis < limit,
    }
}

impl Figure {
    fn ratio(&self) -> f64 {
        self.ours / self.peer
    }

    fn json(&self) -> Value {
        let short = |value: f64| (value * 100.0).round() / 100.0;
        json!({
            "kind": "triton.bench/1",
            "name": self.name,
            "ours": short(self.ours),
            "peer": short(self.peer),
            "peer_is": self.peer_is,
            "ratio": short(self.ratio()),
            "unit": self.unit,
            "target": self.target,
            "met": self.met,
        })
    }

    fn text(&self) -> String {
        format!(
            "{:<48} {:>8.2} {:<3}  {:>6.1} x {} ({:.2} {})  target {}: {}",
            self.name,
            self.ours,
            self.unit,
            self.ratio(),
            self.peer_is,
            self.peer,
            self.unit,
            self.target,
            if self.met { "met" } else { "MISSED" }
        )
    }
}

fn write(path: &Path, document: &Value) -> Result<()> {
    let text = serde_json::to_string(document)
        .map_err(|error| LabError::Failed(format!("writing an inventory: {error}")))?;
    std::fs::write(path, text).attempted(format!("writing {}", path.display()))
}
