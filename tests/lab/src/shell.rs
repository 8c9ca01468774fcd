// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `lab shell`: enters the namespaces of a host and starts a shell there, as its operator would.

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rustix::process::{Pid, PidfdFlags, pidfd_open, setsid};
use rustix::thread::{ThreadNameSpaceType, move_into_thread_name_spaces};
use signal_hook::consts::{SIGINT, SIGQUIT};

use crate::error::{Attempted, LabError, Result};
use crate::host_init;
use crate::host_root::{AGENT, ENVIRONMENT};
use crate::wire;

/// Runs an interactive shell, or one command, on `host` of the lab at `dir`; returns its exit code. Without
/// `terminal` it has none to ask at, and a signal to its own group reaches nobody else. This process must
/// have one thread, for it enters a user namespace.
pub fn enter(dir: &Path, host: &str, command: Option<&str>, terminal: bool) -> Result<u8> {
    let pid = init_of(dir, host)?;
    enter_namespaces(pid).attempted(format!("entering the namespaces of {host}"))?;
    rustix::process::chdir("/root").attempted(format!("entering /root of {host}"))?;
    let mut shell = Command::new("/bin/bash");
    shell
        .env_clear()
        .envs(ENVIRONMENT)
        .env("SSH_AUTH_SOCK", AGENT);
    if let Some(terminal) = std::env::var_os("TERM") {
        shell.env("TERM", terminal);
    }
    match command {
        Some(command) => shell.args(["-c", command]),
        None => shell
            .args(["--noprofile", "--norc", "-i"])
            .env("PS1", format!("[root@{host} \\w]# ")),
    };
    if !terminal {
        // Refused to the leader of a session, who has no terminal of somebody else's.
        let _ = setsid();
        shell.process_group(0);
    }
    if command.is_none() {
        // An interrupt typed in the shell is the shell's.
        for signal in [SIGINT, SIGQUIT] {
            signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))
                .attempted("leaving interrupts to the shell")?;
        }
    }
    let status = shell
        .status()
        .attempted(format!("starting a shell on {host}"))?;
    Ok(status
        .code()
        .or(status.signal().map(|signal| 128 + signal))
        .unwrap_or(1) as u8)
}

/// Process id of a host's init: whoever listens on the init's socket.
fn init_of(dir: &Path, host: &str) -> Result<Pid> {
    let hosts = dir.join("hosts");
    let root = hosts.join(host).join("root");
    if !root.is_dir() {
        let mut known: Vec<String> = fs::read_dir(&hosts)
            .map(|entries| {
                entries
                    .flatten()
                    .map(|e| e.file_name().to_string_lossy().into_owned())
                    .collect()
            })
            .unwrap_or_default();
        known.sort();
        return Err(LabError::Refused(if known.is_empty() {
            format!(
                "no lab is up at {}; `cargo lab up` starts one",
                dir.display()
            )
        } else {
            format!("the lab has no host {host}; it has {}", known.join(", "))
        }));
    }
    let socket = root.join(host_init::SOCKET.trim_start_matches('/'));
    let down = || LabError::Refused(format!("{host} is down: nothing runs there"));
    let stream = wire::connect(&socket).map_err(|_| down())?;
    let pid = wire::peer_pid(&stream).attempted(format!("finding the init of {host}"))?;
    Pid::from_raw(pid).ok_or_else(down)
}

fn enter_namespaces(pid: Pid) -> std::io::Result<()> {
    let init = pidfd_open(pid, PidfdFlags::empty())?;
    let mut types = ThreadNameSpaceType::MOUNT
        | ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME
        | ThreadNameSpaceType::PROCESS_ID
        | ThreadNameSpaceType::NETWORK;
    let user = |process: &str| fs::read_link(format!("/proc/{process}/ns/user"));
    // A process may not enter the user namespace that it is in.
    if user("self")? != user(&pid.as_raw_nonzero().to_string())? {
        types |= ThreadNameSpaceType::USER;
    }
    Ok(move_into_thread_name_spaces(init.as_fd(), types)?)
}
