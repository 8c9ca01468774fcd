// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `cargo lab bench restore`: how long a restore of every service takes, beside what it can't do without (the longest chain of
//! steps that need one another) and beside one zone after the other, which is how headnode.sh makes them.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::demo::{self, Report};
use crate::error::{Attempted, LabError, Result};

/// The clock may go this much beyond the critical path, and that this far into the serial sum.
const OF_CRITICAL: f64 = 1.15;
const OF_SERIAL: f64 = 0.5;

#[derive(Debug, Args)]
pub struct Arguments {
    /// One JSON line instead of a table
    #[arg(long)]
    json: bool,

    /// Restores; the median counts
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    runs: u8,

    /// Real seconds that a second of the datacenter takes: first boots are waited for, and the less they take, the more counts
    /// what this machine takes to simulate them
    #[arg(long, default_value_t = 0.25)]
    scale: f64,
}

/// One restore.
struct Figure {
    wall: f64,
    critical: f64,
    zone_by_zone: f64,
    serial: f64,
}

pub fn run(arguments: &Arguments, install: PathBuf) -> Result<bool> {
    let mut figures = Vec::new();
    let mut services = 0;
    for run in 1..=arguments.runs {
        let folder = tempfile::tempdir().attempted("making a folder for the bench")?;
        let report = demo::play(folder.path().join("dc"), install.clone(), arguments.scale)?;
        services = whole(&report)?;
        let figure = Figure {
            wall: report.path.wall,
            critical: report.path.critical,
            zone_by_zone: report.path.zone_by_zone,
            serial: report.path.serial,
        };
        eprintln!(
            "bench: restore {run} of {}: {:.1} s",
            arguments.runs, figure.wall
        );
        figures.push(figure);
    }
    figures.sort_by(|a, b| (a.wall / a.critical).total_cmp(&(b.wall / b.critical)));
    let median = &figures[figures.len() / 2];
    print(median, services, arguments)
}

/// What is timed must be a restore that brought everything back.
fn whole(report: &Report) -> Result<usize> {
    match report.good() {
        true => Ok(report.services.len()),
        false => Err(LabError::Failed(format!(
            "the restore to be timed did not bring everything back: {}",
            report.troubles().join("; ")
        ))),
    }
}

fn print(median: &Figure, services: usize, arguments: &Arguments) -> Result<bool> {
    let of_critical = median.wall / median.critical;
    let of_serial = median.critical / median.serial;
    let met = of_critical <= OF_CRITICAL && of_serial <= OF_SERIAL;
    let short = |value: f64| (value * 100.0).round() / 100.0;
    let text = match arguments.json {
        true => json!({
            "kind": "triton.bench-restore/1", "services": services, "scale": arguments.scale, "runs": arguments.runs,
            "seconds": {
                "wall": short(median.wall), "critical_path": short(median.critical),
                "zone_by_zone": short(median.zone_by_zone), "serial": short(median.serial),
            },
            "wall_of_critical_path": short(of_critical), "critical_path_of_serial": short(of_serial),
            "zone_by_zone_of_wall": short(median.zone_by_zone / median.wall),
            "met": met,
        })
        .to_string(),
        false => format!(
            "{services} services, a second of the datacenter taking {} s, median of {}:\n\
             {:<44} {:>7.1} s\n{:<44} {:>7.1} s   {:.2} x, target <= {OF_CRITICAL}\n\
             {:<44} {:>7.1} s   critical path {:.2} x, target <= {OF_SERIAL}\n\
             {:<44} {:>7.1} s   {:.1} x ours\n{}",
            arguments.scale,
            arguments.runs,
            "by the clock",
            median.wall,
            "critical path",
            median.critical,
            of_critical,
            "all steps one after the other",
            median.serial,
            of_serial,
            "one zone after the other (headnode.sh)",
            median.zone_by_zone,
            median.zone_by_zone / median.wall,
            if met { "met" } else { "MISSED" },
        ),
    };
    writeln!(std::io::stdout().lock(), "{text}").attempted("printing the figures")?;
    Ok(met)
}
