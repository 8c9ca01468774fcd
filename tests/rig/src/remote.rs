// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Commands in guests, over ssh. One connection per guest is held open, because a new one costs most of a second there;
//! where it is gone, ssh makes its own.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Attempted, Result, RigError};
use crate::process::Group;
use crate::state::{Record, Role};

const LONGEST_HANDSHAKE: Duration = Duration::from_secs(60);

/// What a command left behind.
#[derive(Debug, Clone)]
pub struct Output {
    /// The command's exit code; 255 is ssh's own when it could not be run.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    pub fn success(&self) -> bool {
        self.code == 0
    }
}

/// A command that runs in a guest meanwhile. Dropped, its connection is closed; what it started may live on.
#[derive(Debug)]
pub struct Running {
    child: Option<Child>,
    what: String,
}

impl Running {
    /// True until the command has ended.
    pub fn running(&mut self) -> bool {
        self.child
            .as_mut()
            .is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Waits until it has written that many lines, which nobody reads again, or has ended; returns how many came.
    pub fn after_lines(&mut self, lines: usize) -> Result<usize> {
        let Some(stdout) = self.child.as_mut().and_then(|child| child.stdout.as_mut()) else {
            return Ok(0);
        };
        let mut read = 0;
        for line in BufReader::new(stdout).lines().take(lines) {
            line.attempted(format!("reading what {} says", self.what))?;
            read += 1;
        }
        Ok(read)
    }

    /// Waits for its end. Output beyond a pipe's buffer waits for this call.
    pub fn wait(mut self) -> Result<Output> {
        let Some(child) = self.child.take() else {
            return Err(RigError::Failed(format!("{}: waited for twice", self.what)));
        };
        finish(child, &self.what)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Opens the connection that later commands share.
pub fn open_link(record: &Record, number: usize) -> Result<()> {
    let on = || format!("connecting to {}", record.guests[number - 1]);
    close_link(record, number)?;
    let complaints = record.run().join(format!("{number}.ssh-log"));
    let mut ssh = ssh(record, number);
    ssh.args(["-M", "-N"])
        .args([
            "-o",
            "ServerAliveInterval=10",
            "-o",
            "ServerAliveCountMax=6",
        ])
        .arg(address(number))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&complaints).attempted(on())?)
        .process_group(0);
    let child = record.network.inside(|| ssh.spawn())?.attempted(on())?;
    let group = Group::of(&child)?;
    record.started(number, Role::Link, &group)?;
    let deadline = Instant::now() + LONGEST_HANDSHAKE;
    while !socket(record, number).exists() {
        if !group.alive() || Instant::now() > deadline {
            let why = fs::read_to_string(&complaints).unwrap_or_default();
            return Err(RigError::Failed(format!(
                "{}: ssh gave up: {}",
                on(),
                why.trim()
            )));
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

pub fn close_link(record: &Record, number: usize) -> Result<()> {
    record.end(number, Role::Link)?;
    // A killed ssh leaves its socket, and a later one would refuse to take its place.
    let _ = fs::remove_file(socket(record, number));
    Ok(())
}

/// Runs a shell command in a guest and gives it `input`.
pub fn run(record: &Record, number: usize, command: &str, input: &[u8]) -> Result<Output> {
    let what = describe(record, number, command);
    let mut child = start(record, number, command, Stdio::piped())?;
    let stdin = child.stdin.take();
    thread::scope(|scope| {
        // A command that doesn't read to the end is no error of ours.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
        finish(child, &what)
    })
}

pub fn spawn(record: &Record, number: usize, command: &str) -> Result<Running> {
    let child = start(record, number, command, Stdio::null())?;
    Ok(Running {
        child: Some(child),
        what: describe(record, number, command),
    })
}

/// Runs a command, or a shell, at the caller's own terminal; returns its exit code.
pub fn attend(record: &Record, number: usize, command: Option<&str>) -> Result<u8> {
    must_be_on(record, number)?;
    let mut ssh = ssh(record, number);
    if command.is_none() && rustix::termios::isatty(std::io::stdin()) {
        ssh.arg("-t");
    }
    ssh.arg(address(number)).args(command);
    let what = describe(record, number, command.unwrap_or("a shell"));
    let status = record.network.inside(|| ssh.status())?.attempted(what)?;
    Ok(code(status) as u8)
}

fn start(record: &Record, number: usize, command: &str, stdin: Stdio) -> Result<Child> {
    must_be_on(record, number)?;
    let mut ssh = ssh(record, number);
    ssh.arg(address(number))
        .arg(command)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    record
        .network
        .inside(|| ssh.spawn())?
        .attempted(describe(record, number, command))
}

fn must_be_on(record: &Record, number: usize) -> Result<()> {
    match record.process(number, Role::Machine) {
        Some(_) => Ok(()),
        None => Err(RigError::Refused(format!(
            "{} is off",
            record.guests[number - 1]
        ))),
    }
}

fn finish(child: Child, what: &str) -> Result<Output> {
    let output = child.wait_with_output().attempted(what)?;
    Ok(Output {
        code: code(output.status),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status
        .code()
        .or(status.signal().map(|signal| 128 + signal))
        .unwrap_or(255)
}

/// ssh without anything of the person who runs it: no configuration, agent or known hosts.
fn ssh(record: &Record, number: usize) -> Command {
    let mut ssh = Command::new("ssh");
    ssh.args(["-F", "none", "-i"])
        .arg(&record.build.key)
        .arg("-S")
        .arg(socket(record, number))
        .args(["-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"])
        .args([
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
        ])
        .args([
            "-o",
            "ConnectTimeout=10",
            "-o",
            "ControlMaster=no",
            "-o",
            "LogLevel=ERROR",
        ])
        .env_remove("SSH_AUTH_SOCK");
    ssh
}

fn socket(record: &Record, number: usize) -> std::path::PathBuf {
    record.run().join(format!("{number}.ssh"))
}

fn address(number: usize) -> String {
    format!("root@10.78.0.{number}")
}

fn describe(record: &Record, number: usize, command: &str) -> String {
    format!("on {}: {command}", record.guests[number - 1])
}
