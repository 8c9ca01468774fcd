// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The namespaces of the lab: user, mount, network and process ids of its daemon, and a network where every
//! address of the datacenter is this machine's own.

use std::fs;
use std::os::fd::AsFd;
use std::process::Command;

use rustix::ioctl::{self, Opcode, Setter};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::net::{AddressFamily, SocketType, socket};
use rustix::process::{getegid, geteuid};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::error::{Attempted, LabError, Result};
use crate::stage;

/// Networks of the datacenter. A network on `lo` makes each of its addresses local, so that any thread can listen
/// on any of them.
const NETWORKS: [(&str, [u8; 4]); 2] = [("lo:1", [10, 99, 99, 1]), ("lo:2", [10, 88, 88, 1])];

/// What linux/sockios.h calls the requests.
const SIOCSIFFLAGS: Opcode = 0x8914;
const SIOCSIFADDR: Opcode = 0x8916;
const SIOCSIFNETMASK: Opcode = 0x891c;

const IFF_UP_AND_RUNNING: u16 = 0x1 | 0x40;

/// Leaves this process's namespaces; its next child is the init of the new process ids. Only while the process has
/// one thread. With `user`, an unprivileged user becomes root of a user namespace; without, it must be root.
pub fn leave(user: bool) -> Result<()> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let mut flags = UnshareFlags::NEWNS | UnshareFlags::NEWNET | UnshareFlags::NEWPID;
    if user {
        flags |= UnshareFlags::NEWUSER;
    }
    // SAFETY: no file descriptors table is unshared, which is what makes this call unsafe.
    unsafe { unshare_unsafe(flags) }.map_err(denied("making the lab's namespaces"))?;
    if user {
        // The kernel lets an unprivileged process map its group only after it gave up setgroups.
        let write = |file: &str, text: String| {
            fs::write(format!("/proc/self/{file}"), text)
                .map_err(denied("becoming root of the lab's user namespace"))
        };
        write("setgroups", "deny".to_owned())?;
        write("uid_map", format!("0 {uid} 1"))?;
        write("gid_map", format!("0 {gid} 1"))?;
    }
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )
    .map_err(denied("making the lab's mounts private"))
}

/// Whether this machine lets us make a lab's namespaces, tried in a process of its own; if not, what to enable.
pub fn probe() -> Result<()> {
    let attempted = "trying out namespaces";
    let output = Command::new(stage::lab_binary()?)
        .args(["machine", "probe"])
        .output()
        .attempted(attempted)?;
    if output.status.success() {
        return Ok(());
    }
    Err(LabError::Refused(
        String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    ))
}

/// Furnishes the namespaces from inside, as their init: own /proc, network up.
pub fn furnish() -> Result<()> {
    mount_proc("/proc")?;
    let socket = socket(AddressFamily::INET, SocketType::DGRAM, None)
        .map_err(denied("opening a socket for the lab's network"))?;
    set_interface::<SIOCSIFFLAGS>(&socket, "lo", &IFF_UP_AND_RUNNING.to_ne_bytes())?;
    for (label, address) in NETWORKS {
        set_interface::<SIOCSIFADDR>(&socket, label, &inet(address))?;
        set_interface::<SIOCSIFNETMASK>(&socket, label, &inet([255, 255, 255, 0]))?;
    }
    Ok(())
}

pub fn mount_proc(path: &str) -> Result<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", path, "proc", flags, None).map_err(denied("mounting /proc"))
}

/// `struct ifreq`: an interface's name and 24 bytes that depend on the request.
#[repr(C)]
struct InterfaceRequest {
    name: [u8; 16],
    value: [u8; 24],
}

fn set_interface<const REQUEST: Opcode>(socket: impl AsFd, name: &str, value: &[u8]) -> Result<()> {
    let mut request = InterfaceRequest {
        name: [0; 16],
        value: [0; 24],
    };
    request.name[..name.len()].copy_from_slice(name.as_bytes());
    request.value[..value.len()].copy_from_slice(value);
    // SAFETY: the three requests used here read a `struct ifreq`, which this has the size and layout of.
    unsafe { ioctl::ioctl(socket, Setter::<REQUEST, InterfaceRequest>::new(request)) }
        .map_err(denied(&format!("setting up the network interface {name}")))
}

/// `struct sockaddr_in` with port 0.
fn inet(address: [u8; 4]) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&AddressFamily::INET.as_raw().to_ne_bytes());
    bytes[4..8].copy_from_slice(&address);
    bytes
}

fn denied<E: Into<std::io::Error>>(attempted: &str) -> impl FnOnce(E) -> LabError {
    let attempted = attempted.to_owned();
    move |source| LabError::Namespaces {
        attempted,
        source: source.into(),
    }
}
