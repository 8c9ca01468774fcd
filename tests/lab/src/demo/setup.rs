// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `cargo lab demo --setup`: one headnode and two compute nodes become three headnodes, whose clusters are brought to three by the
//! commands that the tool printed, as they were printed; then the first is lost and restored.

use std::path::PathBuf;
use std::time::Instant;

use super::{LOST, Report, Survivors, lose_and_restore, say, succeeded};
use crate::error::{LabError, Result};
use crate::running::{Options, Running};

const SURVIVORS: Survivors = Survivors {
    target: "cn0",
    third: "cn1",
};

pub fn play(dir: PathBuf, install: PathBuf, scale: f64) -> Result<Report> {
    let began = Instant::now();
    let mut options = Options::new(dir, install);
    options.timings.scale = scale;
    options.headnodes = 1;
    options.convertible = 2;
    options.all_on_first = true;
    say("bringing up a datacenter of one headnode, which has every service, and two compute nodes");
    let lab = Running::start(&options)?;
    let mut report = Report {
        up_seconds: began.elapsed().as_secs_f64(),
        ..Report::default()
    };
    let setting_up = Instant::now();
    say("making headnodes of them: triton-hn-setup cn0 cn1 --yes");
    for command in headnodes(&lab)? {
        say(&format!("as it said must be done: {command}"));
        succeeded(LOST, &command, lab.script(LOST, &command, b"")?)?;
    }
    report.setup_seconds = Some(setting_up.elapsed().as_secs_f64());
    lose_and_restore(&lab, SURVIVORS, &mut report)?;
    report.total_seconds = began.elapsed().as_secs_f64();
    Ok(report)
}

/// Makes them; returns the commands that a person must paste afterwards.
fn headnodes(lab: &Running) -> Result<Vec<String>> {
    let command = format!(
        "triton-hn-setup {} {} --yes",
        SURVIVORS.target, SURVIVORS.third
    );
    let output = succeeded(LOST, &command, lab.script(LOST, &command, b"")?)?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let commands: Vec<String> = said
        .lines()
        .filter(|line| line.starts_with("you must: "))
        .filter_map(|line| line.find("sdcadm ").map(|at| line[at..].to_owned()))
        .collect();
    match commands.is_empty() {
        false => Ok(commands),
        true => Err(LabError::Failed(format!(
            "{command} said of no command that it must be run:\n{said}"
        ))),
    }
}
