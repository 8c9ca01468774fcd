// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What is remembered of a rig, so that another run of this program finds it, and finds what to end.
//!
//! The record and all sockets lie in `/run/triton-rig/<id>/`, where paths are short enough for sockets and nothing
//! survives a reboot of this machine. The rig's folder holds the disks and a link `rig` to there.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::cache::Build;
use crate::error::{Attempted, Result, RigError};
use crate::network::Network;
use crate::process::Group;

pub const RUN: &str = "/run/triton-rig";

/// One rig. Guests are numbered from 1, in the order of `guests`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    pub id: String,
    /// Disks, consoles and the shared folder.
    pub dir: PathBuf,
    pub build: Build,
    pub network: Network,
    /// Hostnames.
    pub guests: Vec<String>,
    pub memory_mib: u32,
    /// Folder of this machine that guests see as `/opt/triton-headnode`.
    pub install: Option<PathBuf>,
    /// The process that the rig must not outlive.
    pub owner: Option<Group>,
}

/// What a process does for a guest.
#[derive(Debug, Clone, Copy)]
pub enum Role {
    /// It is the guest.
    Machine,
    /// It holds the ssh connection that commands go by.
    Link,
}

impl Role {
    fn suffix(self) -> &'static str {
        match self {
            Role::Machine => "machine",
            Role::Link => "link",
        }
    }
}

impl Record {
    /// Folder of sockets and process ids.
    pub fn run(&self) -> PathBuf {
        Path::new(RUN).join(&self.id)
    }

    /// Folder that guests see as `/share`.
    pub fn share(&self) -> PathBuf {
        self.dir.join("share")
    }

    /// Number of the guest `host`.
    pub fn number(&self, host: &str) -> Result<usize> {
        let position = self.guests.iter().position(|guest| guest == host);
        position.map(|index| index + 1).ok_or_else(|| {
            RigError::Refused(format!(
                "the rig has no host {host}; it has {}",
                self.guests.join(", ")
            ))
        })
    }

    /// Makes the rig's two folders and writes the record. `dir` must be new or empty.
    pub fn create(&self) -> Result<()> {
        let on = || format!("making the rig's folder {}", self.dir.display());
        fs::create_dir_all(self.share()).attempted(on())?;
        fs::create_dir_all(self.run().join("uml")).attempted(on())?;
        symlink(self.run(), self.dir.join("rig")).attempted(on())?;
        let text = serde_json::to_string(self).attempted(on())?;
        write_whole(&self.run().join("rig.json"), &text)
    }

    /// The rig whose folder is `dir`.
    pub fn read(dir: &Path) -> Result<Record> {
        let run = fs::read_link(dir.join("rig")).map_err(|_| none_at(dir))?;
        read_record(&run).ok_or_else(|| none_at(dir))
    }

    /// All rigs of this machine.
    pub fn all() -> Vec<Record> {
        let entries = fs::read_dir(RUN).into_iter().flatten().flatten();
        entries
            .filter_map(|entry| read_record(&entry.path()))
            .collect()
    }

    pub fn forget(&self) {
        let _ = fs::remove_dir_all(&self.dir);
        let _ = fs::remove_dir_all(self.run());
    }

    pub fn process(&self, number: usize, role: Role) -> Option<Group> {
        let text = fs::read_to_string(self.process_file(number, role)).ok()?;
        serde_json::from_str::<Group>(&text)
            .ok()
            .filter(Group::alive)
    }

    pub fn started(&self, number: usize, role: Role, group: &Group) -> Result<()> {
        let path = self.process_file(number, role);
        let text = serde_json::to_string(group).attempted("writing a process id")?;
        write_whole(&path, &text)
    }

    pub fn end(&self, number: usize, role: Role) -> Result<()> {
        if let Some(group) = self.process(number, role) {
            group.kill()?;
        }
        match fs::remove_file(self.process_file(number, role)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).attempted("forgetting a process id")
            }
            _ => Ok(()),
        }
    }

    fn process_file(&self, number: usize, role: Role) -> PathBuf {
        self.run().join(format!("{number}.{}", role.suffix()))
    }
}

/// A name that no other rig of this machine has.
pub fn new_id() -> String {
    let nanos = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    let seed = (nanos as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(std::process::id());
    format!("{:08x}", (seed >> 20) as u32)
}

fn read_record(run: &Path) -> Option<Record> {
    serde_json::from_str(&fs::read_to_string(run.join("rig.json")).ok()?).ok()
}

/// Whoever reads the file meanwhile sees all of it or none.
fn write_whole(path: &Path, text: &str) -> Result<()> {
    let fresh = path.with_extension("new");
    fs::write(&fresh, text)
        .and_then(|()| fs::rename(&fresh, path))
        .attempted(format!("writing {}", path.display()))
}

fn none_at(dir: &Path) -> RigError {
    RigError::Refused(format!(
        "no rig is up at {}; `cargo lab rig up` starts one",
        dir.display()
    ))
}
