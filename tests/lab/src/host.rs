// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The hosts of a running lab: one process tree each, in its own mount, process and name (UTS) namespace.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};
use std::os::fd::BorrowedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

use rustix::net::{Shutdown, shutdown};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::error::{Attempted, LabError, Result};
use crate::host_init::{self, Start};
use crate::lab::Lab;
use crate::machine::{self, Boots};
use crate::{host_root, physics, smf, standin, wire, world};

/// The hosts that run, by name.
#[derive(Debug, Default)]
pub struct Machines {
    running: Mutex<BTreeMap<String, Machine>>,
    ended: Condvar,
}

#[derive(Debug)]
struct Machine {
    /// Process id of the host's init as the daemon sees it.
    init: i32,
    /// Where the host's stand-ins arrive.
    stand_ins: UnixListener,
}

impl Machines {
    pub fn init_pid(&self, host: &str) -> Option<i32> {
        self.running().get(host).map(|machine| machine.init)
    }

    pub fn is_up(&self, host: &str) -> bool {
        self.running().contains_key(host)
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<String, Machine>> {
        self.running
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Powers a host on: returns when its init answers. Its root must have been laid out.
pub fn start(lab: &Arc<Lab>, host: &str) -> Result<()> {
    if lab.machines.is_up(host) {
        return Err(LabError::Refused(format!("{host} is up already")));
    }
    let stand_ins = standin::listen(lab, host)?;
    let (tell, told) = mpsc::channel();
    let (shared, name) = (Arc::clone(lab), host.to_owned());
    thread::spawn(move || watch(&shared, &name, stand_ins, &tell));
    match told.recv() {
        Ok(outcome) => outcome,
        Err(_) => Err(LabError::Failed(format!(
            "starting {host}: its thread ended"
        ))),
    }
}

/// The thread of a host: starts its init, waits for its end.
fn watch(lab: &Arc<Lab>, host: &str, stand_ins: UnixListener, tell: &Sender<Result<()>>) {
    let mut init = match start_init(lab, host) {
        Ok(init) => init,
        Err(error) => {
            let _ = tell.send(Err(error));
            return;
        }
    };
    let machine = Machine {
        init: init.id() as i32,
        stand_ins,
    };
    lab.machines.running().insert(host.to_owned(), machine);
    let _ = tell.send(Ok(()));
    let _ = init.wait();
    // First the world learns of the death, then whoever waits for it.
    physics::host_died(lab, host);
    if let Some(machine) = lab.machines.running().remove(host) {
        let _ = shutdown(&machine.stand_ins, Shutdown::Both);
    }
    lab.machines.ended.notify_all();
}

fn start_init(lab: &Lab, host: &str) -> Result<Child> {
    let flags = UnshareFlags::NEWNS | UnshareFlags::NEWUTS | UnshareFlags::NEWPID;
    // SAFETY: no file descriptors table is unshared. Only this thread leaves; its next child is process 1 there.
    unsafe { unshare_unsafe(flags) }.attempted(format!("making the namespaces of {host}"))?;
    // A compute node has the product once somebody installs it there, and keeps what was installed.
    let own = lab.host_path(host, "/opt/triton-headnode/bin").exists();
    let was_headnode = lab.dc().hosts.get(host).is_some_and(|host| host.headnode);
    let install = (was_headnode && !own).then(|| lab.install());
    let mut init = Command::new(lab.dir.join("lab"))
        .args(["machine", "host-init", host])
        .arg(lab.host_root(host))
        .args(install)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .attempted(format!("starting the init of {host}"))?;
    let mut line = String::new();
    if let Some(stdout) = init.stdout.take() {
        BufReader::new(stdout)
            .read_line(&mut line)
            .attempted(format!("hearing from {host}"))?;
    }
    if line == "up\n" {
        return Ok(init);
    }
    let _ = init.wait();
    Err(LabError::Failed(format!(
        "starting {host}: its init ended; the daemon's log says why"
    )))
}

/// Power is cut: every process of the host ends, and all it served falls silent. Returns when that is so.
pub fn kill(lab: &Lab, host: &str) -> Result<()> {
    let init = lab.machines.init_pid(host).and_then(Pid::from_raw);
    let Some(init) = init else {
        return Err(LabError::Refused(format!(
            "{host} is not a running host of this lab"
        )));
    };
    kill_process(init, Signal::KILL).attempted(format!("killing the init of {host}"))?;
    let mut running = lab.machines.running();
    while running.contains_key(host) {
        running = lab
            .machines
            .ended
            .wait(running)
            .unwrap_or_else(|poisoned| poisoned.into_inner());
    }
    Ok(())
}

/// Power is back: the machine boots what its key or the network gives it, memory is empty, services that precede the zones start, and the zones boot.
pub fn boot(lab: &Arc<Lab>, host: &str) -> Result<()> {
    if !lab.dc().hosts.contains_key(host) {
        return Err(LabError::Refused(format!("{host} is no host of this lab")));
    }
    if lab.machines.is_up(host) {
        return Err(LabError::Refused(format!("{host} is up already")));
    }
    let headnode = match machine::boots(lab, host) {
        Boots::Headnode { .. } => true,
        Boots::ComputeNode { .. } => false,
        Boots::Nothing { why } => {
            return Err(LabError::Refused(format!("{host} does not boot: {why}")));
        }
    };
    let on = format!("booting {host}");
    let kept = world::kept_by_network(lab, host);
    host_root::lay(lab, host)?;
    match headnode {
        true => world::headnode_boots(lab, host).attempted(on)?,
        false => world::compute_node_boots(lab, host, kept).attempted(on)?,
    }
    start(lab, host)?;
    physics::host_up(lab, host);
    smf::before_zones(lab, host)?;
    physics::zones_boot(lab, host);
    smf::beside_zones(lab, host)
}

/// Has the init of a host start a process with the given standard streams. The answer to read from the stream
/// (`wire::receive::<i32>`) is its exit code; an end of file means that the host died.
pub fn spawn(
    lab: &Lab,
    host: &str,
    start: &Start,
    streams: [BorrowedFd; 3],
) -> io::Result<UnixStream> {
    let stream = wire::connect(&lab.host_path(host, host_init::SOCKET))?;
    wire::send(&stream, start, &streams)?;
    Ok(stream)
}
