// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A lab that runs, as the commands, the demo and the tests hold it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::daemon::{self, Report, Settings};
use crate::error::{Attempted, LabError, Result};
use crate::host_root::link_or_copy;
use crate::lab::Timings;
use crate::{control, stage};

/// What a lab is brought up with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Everything of the lab lies here; it must not exist yet.
    pub dir: PathBuf,
    pub timings: Timings,
    pub headnodes: usize,
    /// headnode0 has one instance of every service.
    pub all_on_first: bool,
    /// Compute nodes that can become headnodes, instead of the one that can't.
    pub convertible: usize,
    /// A datacenter that was kept, to go on from.
    pub from: Option<PathBuf>,
    /// The staged product.
    pub install: PathBuf,
    /// True to leave the folder when the lab goes down.
    pub keep: bool,
}

impl Options {
    pub fn new(dir: PathBuf, install: PathBuf) -> Options {
        Options {
            dir,
            timings: Timings::default(),
            headnodes: 3,
            all_on_first: false,
            convertible: 0,
            from: None,
            install,
            keep: false,
        }
    }
}

/// A lab that goes down when this is dropped, or when the process that holds it dies.
pub struct Running {
    dir: PathBuf,
    supervisor: Child,
}

impl Running {
    pub fn start(options: &Options) -> Result<Running> {
        let supervisor = launch(options, true)?;
        Ok(Running {
            dir: options.dir.clone(),
            supervisor,
        })
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Runs `script` in bash on `host`, as its root would, with no terminal.
    pub fn script(&self, host: &str, script: &str, stdin: &[u8]) -> Result<Output> {
        let on = || format!("running {script} on the lab's {host}");
        let mut child = Command::new(self.dir.join("lab"))
            .args(["shell", "--no-terminal", "--dir"])
            .arg(&self.dir)
            .args([host, "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .attempted(on())?;
        let input = child.stdin.take();
        thread::scope(|scope| {
            // A command need not read its input: that it doesn't is no failure.
            scope.spawn(move || input.map(|mut input| input.write_all(stdin)));
            child.wait_with_output().attempted(on())
        })
    }

    /// Runs one command, given as words.
    pub fn shell(&self, host: &str, argv: &[&str], stdin: &[u8]) -> Result<Output> {
        let words: Vec<String> = argv.iter().map(|word| quoted(word)).collect();
        self.script(host, &words.join(" "), stdin)
    }

    pub fn kill_host(&self, host: &str) -> Result<()> {
        self.control(&json!({ "do": "kill-host", "host": host }))
            .map(drop)
    }

    /// Cuts its power, and returns once CNAPI misses its heartbeats, where there is still a CNAPI.
    pub fn lose_host(&self, host: &str) -> Result<()> {
        self.kill_host(host)?;
        let patience = Instant::now() + Duration::from_secs(30);
        loop {
            let answer =
                self.control(&json!({"do": "fetch", "service": "cnapi", "path": "/servers"}))?;
            let servers = answer["body"].as_array();
            let hears =
                |server: &Value| server["hostname"] == host && server["status"] == "running";
            if !servers.is_some_and(|servers| servers.iter().any(hears)) {
                return Ok(());
            }
            if Instant::now() > patience {
                return Err(LabError::Failed(format!(
                    "CNAPI never missed {host}: {answer}"
                )));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn boot_host(&self, host: &str) -> Result<()> {
        self.control(&json!({ "do": "boot-host", "host": host }))
            .map(drop)
    }

    /// Keeps the datacenter as it stands in a new folder.
    pub fn save(&self, to: &Path) -> Result<()> {
        self.control(&json!({ "do": "save", "to": to })).map(drop)
    }

    pub fn control(&self, request: &Value) -> Result<Value> {
        control::ask(&self.dir, request)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The daemon ends with its standard input, and its supervisor after it.
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}

/// Brings up a lab that outlives this process.
pub fn start_detached(options: &Options) -> Result<()> {
    launch(options, false).map(drop)
}

/// Starts a daemon, in a user namespace if the machine allows it, and else as root.
fn launch(options: &Options, tied: bool) -> Result<Child> {
    prepare(options)?;
    let (report, mut supervisor) = attempt(options, tied, true)?;
    let report = match report {
        Report {
            namespaces: true, ..
        } if rustix::process::geteuid().is_root() => {
            let _ = supervisor.wait();
            fs::remove_dir_all(&options.dir).attempted("trying again as root")?;
            prepare(options)?;
            let (report, again) = attempt(options, tied, false)?;
            supervisor = again;
            report
        }
        report => report,
    };
    let Some(text) = report.failed else {
        return Ok(supervisor);
    };
    let _ = supervisor.wait();
    if !options.keep {
        let _ = fs::remove_dir_all(&options.dir);
    }
    // A refusal by the machine has its own exit code.
    Err(if report.namespaces {
        LabError::Refused(text)
    } else {
        LabError::Failed(text)
    })
}

/// Makes the folder of the lab, with its own copy of the binary and of the product: a build meanwhile must not pull
/// them out from under it.
fn prepare(options: &Options) -> Result<()> {
    let dir = &options.dir;
    if control::ask(dir, &json!({ "do": "status" })).is_ok() {
        let text = format!(
            "a lab is up at {} already; `cargo lab down` ends it",
            dir.display()
        );
        return Err(LabError::Refused(text));
    }
    let on = format!("making {}", dir.display());
    let strangers = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    if strangers && !daemon::settings_file(dir).exists() {
        // All of it would go when the lab goes down.
        let text = format!(
            "{} holds what no lab made; name a new folder",
            dir.display()
        );
        return Err(LabError::Refused(text));
    }
    if daemon::settings_file(dir).exists() {
        // Left by a lab that did not go down by itself.
        fs::remove_dir_all(dir).attempted(&on)?;
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .attempted(&on)?;
    link_or_copy(&stage::lab_binary()?, &dir.join("lab")).attempted(&on)?;
    stage::copy_tree(&options.install, &dir.join("install")).attempted(&on)
}

fn attempt(options: &Options, tied: bool, user_namespace: bool) -> Result<(Report, Child)> {
    let settings = Settings {
        timings: options.timings,
        headnodes: options.headnodes,
        all_on_first: options.all_on_first,
        convertible: options.convertible,
        from: options.from.clone(),
        user_namespace,
        tied,
        keep: options.keep,
    };
    let on = "starting the lab's daemon";
    let text = serde_json::to_string(&settings).attempted(on)?;
    fs::write(daemon::settings_file(&options.dir), text).attempted(on)?;
    let log = fs::File::create(options.dir.join("daemon.log")).attempted(on)?;
    let mut supervisor = Command::new(options.dir.join("lab"))
        .args(["machine", "daemon"])
        .arg(&options.dir)
        .stdin(if tied { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .attempted(on)?;
    let mut line = String::new();
    if let Some(stdout) = supervisor.stdout.take() {
        BufReader::new(stdout).read_line(&mut line).attempted(on)?;
    }
    let report = serde_json::from_str(&line).unwrap_or_else(|_| Report {
        failed: Some(died(&options.dir)),
        namespaces: false,
    });
    Ok((report, supervisor))
}

/// A daemon that ended without a word: its log is all there is.
fn died(dir: &Path) -> String {
    let log = fs::read_to_string(dir.join("daemon.log")).unwrap_or_default();
    format!(
        "the lab's daemon died before the datacenter was up. Its log:\n{}",
        log.trim_end()
    )
}

/// A word as a shell takes it whole.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
