// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The daemon of a lab, in two processes: a supervisor that leaves this machine's namespaces, and inside them the
//! process that holds the datacenter. When one ends so does the other, and nothing is left behind.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{
    Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit, setsid, umask,
};
use serde::{Deserialize, Serialize};

use crate::error::{Attempted, LabError, Result};
use crate::lab::{Lab, Timings};
use crate::log::CallLog;
use crate::world::WorldSpec;
use crate::{agents, checker, control, fork, host, host_root, namespace, physics, world};

/// What the daemon is told by way of `<dir>/lab.json`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Settings {
    pub timings: Timings,
    pub headnodes: usize,
    pub all_on_first: bool,
    pub convertible: usize,
    /// A datacenter that was kept, to go on from instead of a new one.
    pub from: Option<PathBuf>,
    /// True to become root of a user namespace, false to be root already.
    pub user_namespace: bool,
    /// True when the daemon ends with whoever holds its standard input open.
    pub tied: bool,
    /// True to leave the folder of the lab for a look at it.
    pub keep: bool,
}

/// The one line that a daemon prints, once the datacenter is up or can't be.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    pub failed: Option<String>,
    /// True when it was the namespaces that could not be made.
    pub namespaces: bool,
}

pub fn settings_file(dir: &Path) -> PathBuf {
    dir.join("lab.json")
}

pub fn call_log(dir: &Path) -> PathBuf {
    dir.join("calls.ndjson")
}

/// The supervisor.
pub fn supervise(dir: &Path) -> ExitCode {
    match supervised(dir) {
        Ok(code) => ExitCode::from(code),
        Err(error) => report(Err(&error)),
    }
}

fn supervised(dir: &Path) -> Result<u8> {
    // An interrupt at the terminal is for the command in front, not for the datacenter.
    let _ = setsid();
    let settings = read_settings(dir)?;
    namespace::leave(settings.user_namespace)?;
    let mut inside = Command::new(dir.join("lab"))
        .args(["machine", "inside"])
        .arg(dir)
        .spawn()
        .attempted("starting the lab's daemon")?;
    let status = inside.wait().attempted("waiting for the lab's daemon")?;
    let leave = match (settings.keep, status.success()) {
        (false, true) => fs::remove_dir_all(dir),
        _ => fs::remove_file(control::socket(dir)).or(Ok(())),
    };
    leave.attempted(format!("removing {}", dir.display()))?;
    Ok(status.code().map_or(1, |code| code as u8))
}

/// The process that holds the datacenter; process 1 of its namespace.
pub fn inside(dir: &Path) -> ExitCode {
    let lab = match bring_up(dir) {
        Ok(lab) => lab,
        Err(error) => return report(Err(&error)),
    };
    report(Ok(()));
    control::serve(&lab)
}

fn bring_up(dir: &Path) -> Result<Arc<Lab>> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .attempted("tying the daemon to its supervisor")?;
    umask(rustix::fs::Mode::from_raw_mode(0o022));
    allow_many_files();
    let settings = read_settings(dir)?;
    if settings.tied {
        thread::spawn(end_with_parent);
    }
    namespace::furnish()?;
    // However fast the lab runs, its threads come as late as the machine lets them: a heartbeat is not missed for that.
    let mut timings = settings.timings;
    timings.heartbeat_lifetime = timings.heartbeat_lifetime.max(1.5 / timings.scale);
    let log = CallLog::create(&call_log(dir)).attempted("creating the call log")?;
    let dc = match &settings.from {
        Some(from) => fork::load(from, dir)?,
        None => world::build(&WorldSpec {
            headnodes: settings.headnodes,
            all_on_first: settings.all_on_first,
            convertible: settings.convertible,
        }),
    };
    let lab = Arc::new(Lab::new(dir.to_owned(), timings, log, dc));
    match settings.from {
        Some(_) => go_on(&lab)?,
        None => begin(&lab)?,
    }
    control::listen(&lab)?;
    Ok(lab)
}

/// A new datacenter, in which all runs.
fn begin(lab: &Arc<Lab>) -> Result<()> {
    let hosts: Vec<String> = lab.dc().hosts.keys().cloned().collect();
    for name in &hosts {
        host_root::lay(lab, name)?;
    }
    world::furnish(lab);
    for name in &hosts {
        host::start(lab, name)?;
    }
    physics::start_all(lab);
    agents::start(lab);
    wait_until_consistent(lab)
}

/// One that was kept: what ran there runs on.
fn go_on(lab: &Arc<Lab>) -> Result<()> {
    fork::complete(lab)?;
    for name in fork::hosts_up(lab) {
        host::start(lab, &name)?;
    }
    physics::go_on(lab);
    agents::start(lab);
    Ok(())
}

/// The agents tell VMAPI, NAPI and CNAPI what there is; before they all have, nobody should look.
fn wait_until_consistent(lab: &Arc<Lab>) -> Result<()> {
    let patience = Instant::now() + Duration::from_secs(30);
    loop {
        let found = checker::check(lab, &[]);
        if found.is_empty() {
            return Ok(());
        }
        if Instant::now() > patience {
            let all = found.join("\n  ");
            return Err(LabError::Failed(format!(
                "the datacenter did not settle:\n  {all}"
            )));
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// A datacenter of listeners, sessions and streams outgrows the usual 1024 open files.
fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    // Refused only where it is as high as it may be.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    );
}

fn end_with_parent() {
    let mut stdin = io::stdin();
    let mut byte = [0];
    while matches!(stdin.read(&mut byte), Ok(1)) {}
    std::process::exit(0);
}

pub fn read_settings(dir: &Path) -> Result<Settings> {
    let path = settings_file(dir);
    let text = fs::read(&path).attempted(format!("reading {}", path.display()))?;
    serde_json::from_slice(&text).attempted(format!("reading {}", path.display()))
}

/// Tells whoever started the daemon how it went, and says the exit code.
fn report(outcome: std::result::Result<(), &LabError>) -> ExitCode {
    let report = Report {
        failed: outcome.err().map(ToString::to_string),
        namespaces: matches!(outcome, Err(LabError::Namespaces { .. })),
    };
    if let Ok(line) = serde_json::to_string(&report) {
        // Nobody may be listening any more.
        let _ = writeln!(io::stdout(), "{line}");
    }
    outcome
        .err()
        .map_or(ExitCode::SUCCESS, |error| ExitCode::from(error.exit_code()))
}
