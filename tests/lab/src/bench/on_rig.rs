// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `cargo lab bench sync` and `attach`: hand the released product and the released stand-ins to the rig's benches.

use std::path::PathBuf;
use std::process::Command;

use clap::Args;

use crate::error::{Attempted, LabError, Result};
use crate::stage;

#[derive(Debug, Args)]
pub struct Arguments {
    /// One JSON document instead of a table
    #[arg(long)]
    json: bool,

    /// Rounds of each tool and case; the slowest tools have one
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    runs: u8,

    /// Without peers: ours and the limit only
    #[arg(long)]
    alone: bool,

    /// Leave the JSON document here, too
    #[arg(long, value_name = "FILE")]
    keep: Option<PathBuf>,
}

pub fn sync(arguments: &Arguments, install: PathBuf) -> Result<bool> {
    measured(rig::bench::sync(options(arguments, install)?))
}

pub fn attach(arguments: &Arguments, install: PathBuf) -> Result<bool> {
    measured(rig::bench::attach(options(arguments, install)?))
}

fn measured(outcome: std::result::Result<bool, rig::RigError>) -> Result<bool> {
    outcome.map_err(|error| LabError::Failed(error.to_string()))
}

fn options(arguments: &Arguments, install: PathBuf) -> Result<rig::bench::Options> {
    Ok(rig::bench::Options {
        rig: rig::Options {
            install: Some(install),
            stand_ins: Some(stand_ins()?),
            ..rig::Options::default()
        },
        runs: usize::from(arguments.runs),
        json: arguments.json,
        alone: arguments.alone,
        keep: arguments.keep.clone(),
    })
}

/// This program, built for speed: stand-ins that are slow to start would be measured as ours.
fn stand_ins() -> Result<PathBuf> {
    let repository = stage::repository();
    let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--release", "--package", "lab"])
        .current_dir(&repository)
        .status()
        .attempted("building the stand-ins")?;
    if !built.success() {
        return Err(LabError::Failed("the stand-ins did not build".to_owned()));
    }
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| repository.join("target"), PathBuf::from);
    target
        .join("release/lab")
        .canonicalize()
        .attempted("finding the released stand-ins")
}
