// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A process that the rig started and must end, known across runs of this program by its id and the moment it started.

use std::fs;
use std::io;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, waitpid};
use serde::{Deserialize, Serialize};

use crate::error::{Attempted, Result, RigError};

/// How long the kernel may take to end what was killed.
const LONGEST_DEATH: Duration = Duration::from_secs(10);

/// The first process of a process group of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub pid: i32,
    /// In clock ticks since the machine booted; with it a reused id is not mistaken for ours.
    started: u64,
}

impl Group {
    /// A child that was started as the leader of its group.
    pub fn of(child: &Child) -> Result<Group> {
        let pid = child.id() as i32;
        let started = started(pid).ok_or_else(|| {
            RigError::Failed(format!("process {pid} is gone as soon as it was started"))
        })?;
        Ok(Group { pid, started })
    }

    /// This very process, to tell later whether it still runs.
    pub fn this() -> Option<Group> {
        let pid = std::process::id() as i32;
        Some(Group {
            pid,
            started: started(pid)?,
        })
    }

    pub fn alive(&self) -> bool {
        self.reap();
        started(self.pid) == Some(self.started)
    }

    /// Ends every process of the group at once and returns when none is left: a helper that lives on would hold the
    /// guest's network device.
    pub fn kill(&self) -> Result<()> {
        let on = || format!("ending process group {}", self.pid);
        let Some(pid) = Pid::from_raw(self.pid).filter(|_| self.alive()) else {
            return Ok(());
        };
        let deadline = Instant::now() + LONGEST_DEATH;
        while Instant::now() < deadline {
            match kill_process_group(pid, Signal::KILL) {
                Err(rustix::io::Errno::SRCH) => return Ok(()),
                result => result.attempted(on())?,
            }
            self.reap();
            // Whoever inherits the dead may take seconds to bury them, but they hold nothing any more.
            if !self.has_living_members() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Err(io::Error::from(io::ErrorKind::TimedOut)).attempted(on())
    }

    fn has_living_members(&self) -> bool {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter_map(stat)
            .any(|found| found.group == self.pid && found.lives())
    }

    /// A dead child of this process stays in its group until it is waited for.
    fn reap(&self) {
        let ours = stat(self.pid).is_some_and(|found| found.started == self.started);
        if let Some(pid) = Pid::from_raw(self.pid).filter(|_| ours) {
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
    }
}

/// When a process started that is alive.
fn started(pid: i32) -> Option<u64> {
    stat(pid).filter(Stat::lives).map(|found| found.started)
}

/// What a process's stat file says.
struct Stat {
    state: char,
    group: i32,
    /// In clock ticks since the machine booted.
    started: u64,
}

impl Stat {
    fn lives(&self) -> bool {
        !matches!(self.state, 'Z' | 'X')
    }
}

/// Fields 3, 5 and 22 of a process's stat file. The 2nd, in parentheses, may hold anything.
fn stat(pid: i32) -> Option<Stat> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        group: fields.get(2)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    #[test]
    fn ending_a_group_ends_what_its_leader_started_too() {
        let mut child = Command::new("sh")
            .args(["-c", "sleep 60 & echo $!; wait"])
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut line = String::new();
        io::BufRead::read_line(
            &mut io::BufReader::new(child.stdout.take().unwrap()),
            &mut line,
        )
        .unwrap();
        let group = Group::of(&child).unwrap();
        assert!(group.alive());
        group.kill().unwrap();
        assert!(!group.alive());
        assert_eq!(started(line.trim().parse().unwrap()), None);
        let _ = child.wait();
    }

    #[test]
    fn another_process_under_the_same_id_is_left_alone() {
        let this = Group::this().unwrap();
        let before_us = Group {
            started: this.started - 1,
            ..this
        };
        assert!(this.alive());
        assert!(!before_us.alive());
        before_us.kill().unwrap();
    }
}
