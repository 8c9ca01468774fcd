// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Running a command and measuring it: wall time from start to exit, and the peak of its memory.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::error::{Attempted, LabError, Result};

pub struct Run {
    program: PathBuf,
    args: Vec<OsString>,
}

/// Medians over all runs.
pub struct Measured {
    pub millis: f64,
    pub peak_mib: f64,
}

impl Run {
    pub fn new(program: impl Into<PathBuf>) -> Run {
        Run {
            program: program.into(),
            args: Vec::new(),
        }
    }

    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Run {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// What it prints; it must exit 0.
    pub fn output(&self) -> Result<Vec<u8>> {
        let on = || format!("running {}", self.program.display());
        let output = self
            .command()
            .stdout(Stdio::piped())
            .output()
            .attempted(on())?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(LabError::Failed(format!(
            "{} ended with {}: {said}",
            self.program.display(),
            output.status
        )))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }
}

pub fn median(run: &Run, runs: usize) -> Result<Measured> {
    let mut millis = Vec::with_capacity(runs);
    for _ in 0..runs {
        millis.push(time_once(run)?);
    }
    millis.sort_by(f64::total_cmp);
    Ok(Measured {
        millis: millis[runs / 2],
        peak_mib: peak_once(run)?,
    })
}

/// Of two that are run in turns.
pub fn alternating(both: [&Run; 2], runs: usize) -> Result<[Measured; 2]> {
    let mut millis = [Vec::new(), Vec::new()];
    for _ in 0..runs {
        for (run, millis) in both.iter().zip(&mut millis) {
            millis.push(time_once(run)?);
        }
    }
    let [ours, peer] = millis.map(|mut millis| {
        millis.sort_by(f64::total_cmp);
        millis[millis.len() / 2]
    });
    let measured = |run, millis| {
        Ok(Measured {
            millis,
            peak_mib: peak_once(run)?,
        })
    };
    Ok([measured(both[0], ours)?, measured(both[1], peer)?])
}

fn time_once(run: &Run) -> Result<f64> {
    let began = Instant::now();
    let output = run
        .command()
        .output()
        .attempted(format!("running {}", run.program.display()))?;
    let took = began.elapsed().as_secs_f64() * 1_000.0;
    match output.status.success() {
        true => Ok(took),
        false => Err(LabError::Failed(format!(
            "{} ended with {}: {}",
            run.program.display(),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ))),
    }
}

/// The kernel's own high-water mark, read until the process is gone; what grows in the last moment is missed.
fn peak_once(run: &Run) -> Result<f64> {
    let on = || format!("running {}", run.program.display());
    let mut child = run.command().spawn().attempted(on())?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0.0_f64;
    while child.try_wait().attempted(on())?.is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
        peak_kib = peak_kib.max(kib.unwrap_or(0.0));
    }
    Ok(peak_kib / 1024.0)
}
