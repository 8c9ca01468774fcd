// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A guest: a Linux kernel in user mode, with its disk and its console.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{StatVfsMountFlags, statvfs};

use crate::error::{Attempted, Result, RigError};
use crate::network;
use crate::process::Group;
use crate::state::{Record, Role};

/// A boot takes 3 s on an idle machine; a busy one has to be very busy to need this.
const LONGEST_BOOT: Duration = Duration::from_secs(90);

/// Powers the guest on and returns at once.
pub fn power_on(record: &Record, number: usize) -> Result<()> {
    let host = &record.guests[number - 1];
    let on = || format!("starting the guest {host}");
    let console = File::create(console(record, host)).attempted(on())?;
    let complaints = console.try_clone().attempted(on())?;
    let mut linux = Command::new(&record.build.linux);
    linux
        .args(command_line(record, number))
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("TMPDIR", memory_folder(record)?)
        .stdin(Stdio::null())
        .stdout(console)
        .stderr(complaints)
        .process_group(0);
    let child = record.network.inside(|| linux.spawn())?.attempted(on())?;
    record.started(number, Role::Machine, &Group::of(&child)?)
}

/// Returns when sshd answers, which the guest starts last.
pub fn wait_until_up(record: &Record, number: usize) -> Result<()> {
    let host = &record.guests[number - 1];
    let deadline = Instant::now() + LONGEST_BOOT;
    loop {
        let seen = fs::read(console(record, host)).unwrap_or_default();
        let seen = String::from_utf8_lossy(&seen);
        if seen
            .lines()
            .any(|line| line.starts_with("rig: ") && line.ends_with(" s: ready"))
        {
            return Ok(());
        }
        let alive = record.process(number, Role::Machine).is_some();
        if !alive || Instant::now() > deadline {
            let what = if alive {
                "does not come up"
            } else {
                "stopped while it booted"
            };
            let lines: Vec<&str> = seen.lines().collect();
            let tail = lines[lines.len().saturating_sub(15)..].join("\n  ");
            let text = format!("the guest {host} {what}; its console says:\n  {tail}");
            return Err(RigError::Failed(text));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

pub fn console(record: &Record, host: &str) -> PathBuf {
    record.dir.join(format!("{host}.console"))
}

pub fn disk(record: &Record, host: &str) -> PathBuf {
    record.dir.join(format!("{host}.disk"))
}

fn command_line(record: &Record, number: usize) -> Vec<String> {
    let host = &record.guests[number - 1];
    let mut words = vec![
        format!("mem={}M", record.memory_mib),
        format!("umid={number}"),
        format!("uml_dir={}/", record.run().join("uml").display()),
        format!("initrd={}", record.build.initrd.display()),
        "root=/dev/ram0".to_owned(),
        "rw".to_owned(),
        format!("ubda={}", disk(record, host).display()),
        "con=null".to_owned(),
        "con0=null,fd:1".to_owned(),
        "ssl=null".to_owned(),
        "quiet".to_owned(),
        // A guest that panics is gone, like one whose power was cut.
        "panic=1".to_owned(),
        format!("rig.host={host}"),
        format!("rig.number={number}"),
        format!("rig.guests={}", record.guests.join(",")),
        format!("rig.share={}", record.share().display()),
    ];
    words.extend(network::devices(number));
    words.extend(
        record
            .install
            .as_ref()
            .map(|install| format!("rig.install={}", install.display())),
    );
    words
}

/// The guest's memory is a file without a name, which has to be executable and have room.
fn memory_folder(record: &Record) -> Result<PathBuf> {
    let needed = u64::from(record.memory_mib) << 20;
    let fits = |folder: &PathBuf| {
        statvfs(folder).is_ok_and(|found| {
            !found.f_flag.contains(StatVfsMountFlags::NOEXEC)
                && found.f_bavail * found.f_frsize > needed
        })
    };
    let shm = Path::new("/dev/shm").to_path_buf();
    [shm, record.dir.clone(), std::env::temp_dir()].into_iter().find(fits).ok_or_else(|| {
        RigError::Refused(format!(
            "no folder for a guest's memory: /dev/shm and {} are mounted noexec or have less than {} MiB free",
            record.dir.display(),
            record.memory_mib
        ))
    })
}
