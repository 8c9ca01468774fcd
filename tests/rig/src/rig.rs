// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `Rig`: guests on a network of their own, for tests and for the command alike.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::cache;
use crate::calls::{self, Call};
use crate::disk;
use crate::error::{Attempted, Result, RigError};
use crate::guest;
use crate::network::Network;
use crate::preflight;
use crate::process::Group;
use crate::product;
use crate::remote::{self, Output, Running};
use crate::state::{self, Record, Role};

/// What to bring up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder for disks and consoles, new or empty; by default one of its own among the temporary files.
    pub dir: Option<PathBuf>,
    /// Hostnames; the n-th has the address 10.77.0.n.
    pub guests: Vec<String>,
    /// Size of each guest's disk; it takes room only as it fills.
    pub disk_mib: u64,
    /// Memory of each guest.
    pub memory_mib: u32,
    /// An install folder (`bin/`, `lib/plugins/`, `share/`); guests see it as `/opt/triton-headnode`.
    pub install: Option<PathBuf>,
    /// A program that is `vmadm`, `imgadm` and so on when it is called so.
    pub stand_ins: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            dir: None,
            guests: ["headnode0", "headnode1", "headnode2"]
                .map(str::to_owned)
                .to_vec(),
            disk_mib: 4096,
            memory_mib: 256,
            install: None,
            stand_ins: None,
        }
    }
}

impl Options {
    /// With the product and the stand-ins of this workspace's build; an error says how to make what is missing.
    pub fn with_product() -> Result<Options> {
        Ok(Options {
            install: Some(product::staged()?),
            stand_ins: Some(product::lab()?),
            ..Options::default()
        })
    }
}

/// Where one of the guests stands.
#[derive(Debug, Clone, serde::Serialize)]
pub struct GuestStatus {
    pub host: String,
    pub address: String,
    pub up: bool,
    /// Taken off the headnodes' network.
    pub cut: bool,
    pub console: PathBuf,
}

/// A rig that is up. One that this process brought up goes down with it.
#[derive(Debug)]
pub struct Rig {
    record: Record,
    ours: bool,
}

impl Rig {
    /// Brings a rig up and returns when every guest answers. It goes down when it is dropped.
    pub fn up(options: Options) -> Result<Rig> {
        Rig::start(options, Group::this())
    }

    /// As `up`, but it stays when this process ends.
    pub fn up_to_stay(options: Options) -> Result<Rig> {
        let mut rig = Rig::start(options, None)?;
        rig.ours = false;
        Ok(rig)
    }

    /// The rig whose folder is `dir`, brought up by somebody else.
    pub fn at(dir: &Path) -> Result<Rig> {
        Record::read(dir).map(|record| Rig {
            record,
            ours: false,
        })
    }

    fn start(options: Options, owner: Option<Group>) -> Result<Rig> {
        preflight::can_run()?;
        let build = cache::built()?;
        end_orphans();
        let id = state::new_id();
        let dir = options.dir.unwrap_or_else(|| default_folder().join(&id));
        let dir = std::path::absolute(&dir).attempted("finding the rig's folder")?;
        check(&dir, &options.guests, options.install.as_deref())?;
        let record = Record {
            network: Network {
                namespace: format!("rig-{id}"),
            },
            id,
            dir,
            build,
            guests: options.guests,
            memory_mib: options.memory_mib,
            install: options.install,
            owner,
        };
        // From here on a failure takes everything down again, by dropping.
        let rig = Rig { record, ours: true };
        let record = &rig.record;
        record.create()?;
        Network::up(&record.network.namespace, record.guests.len())?;
        if let Some(program) = options.stand_ins {
            put_stand_ins(record, &program)?;
        }
        for host in &record.guests {
            disk::make(&guest::disk(record, host), options.disk_mib)?;
        }
        let numbers = 1..=record.guests.len();
        numbers
            .clone()
            .try_for_each(|number| guest::power_on(record, number))?;
        for number in numbers {
            guest::wait_until_up(record, number)?;
            remote::open_link(record, number)?;
        }
        Ok(rig)
    }

    /// Folder of disks and consoles.
    pub fn dir(&self) -> &Path {
        &self.record.dir
    }

    /// A folder that every guest sees as `/share`, to hand things over.
    pub fn share(&self) -> PathBuf {
        self.record.share()
    }

    pub fn guests(&self) -> &[String] {
        &self.record.guests
    }

    /// The address of a host on the headnodes' network.
    pub fn address(&self, host: &str) -> Result<String> {
        self.record
            .number(host)
            .map(|number| format!("10.77.0.{number}"))
    }

    /// Runs a shell command on a host, as root, with nothing to read. Works while the host is cut off, too.
    pub fn run(&self, host: &str, command: &str) -> Result<Output> {
        self.run_with(host, command, b"")
    }

    /// Runs a shell command that reads `input`.
    pub fn run_with(&self, host: &str, command: &str, input: &[u8]) -> Result<Output> {
        remote::run(&self.record, self.record.number(host)?, command, input)
    }

    /// Runs a command that must succeed; returns its standard output without newlines at the end, as `$(...)` does.
    pub fn ok(&self, host: &str, command: &str) -> Result<String> {
        let output = self.run(host, command)?;
        if output.success() {
            return Ok(output.stdout.trim_end_matches('\n').to_owned());
        }
        let Output {
            code,
            stdout,
            stderr,
        } = output;
        Err(RigError::Failed(format!(
            "on {host}: {command}: exit {code}\n{stdout}{stderr}"
        )))
    }

    /// Starts a command and lets it run meanwhile.
    pub fn spawn(&self, host: &str, command: &str) -> Result<Running> {
        remote::spawn(&self.record, self.record.number(host)?, command)
    }

    /// Runs a command, or a shell, at this process's own terminal.
    pub fn attend(&self, host: &str, command: Option<&str>) -> Result<u8> {
        remote::attend(&self.record, self.record.number(host)?, command)
    }

    /// Takes a host off the headnodes' network: what it sends and is sent is lost without an error.
    pub fn cut(&self, host: &str) -> Result<()> {
        self.record.network.cut(self.record.number(host)?)
    }

    pub fn heal(&self, host: &str) -> Result<()> {
        self.record.network.heal(self.record.number(host)?)
    }

    /// Cuts a host's power. What it had not yet written to its disk is lost.
    pub fn kill(&self, host: &str) -> Result<()> {
        let number = self.record.number(host)?;
        remote::close_link(&self.record, number)?;
        self.record.end(number, Role::Machine)
    }

    /// Powers a host on that is off; returns when it answers.
    pub fn boot(&self, host: &str) -> Result<()> {
        let number = self.record.number(host)?;
        if self.record.process(number, Role::Machine).is_some() {
            return Err(RigError::Refused(format!("{host} is on already")));
        }
        guest::power_on(&self.record, number)?;
        guest::wait_until_up(&self.record, number)?;
        remote::open_link(&self.record, number)
    }

    /// Calls of `zfs`, `zpool` and `ssh` on a host since it booted, or since they were forgotten.
    pub fn calls(&self, host: &str) -> Result<Vec<Call>> {
        calls::parse(&self.ok(host, &format!("cat {}", calls::LOG))?)
    }

    pub fn forget_calls(&self, host: &str) -> Result<()> {
        self.ok(host, &format!(": > {}", calls::LOG)).map(drop)
    }

    pub fn status(&self) -> Result<Vec<GuestStatus>> {
        let record = &self.record;
        let guests = record.guests.iter().enumerate();
        guests
            .map(|(index, host)| {
                Ok(GuestStatus {
                    host: host.clone(),
                    address: self.address(host)?,
                    up: record.process(index + 1, Role::Machine).is_some(),
                    cut: record.network.is_cut(index + 1)?,
                    console: guest::console(record, host),
                })
            })
            .collect()
    }

    /// Ends all guests and removes everything of the rig.
    pub fn down(mut self) -> Result<()> {
        self.ours = false;
        take_down(&self.record)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = take_down(&self.record)
        {
            eprintln!("rig: {error}");
        }
    }
}

/// Goes on after an error, for as little as possible should be left.
fn take_down(record: &Record) -> Result<()> {
    let numbers = 1..=record.guests.len();
    let ended: Vec<Result<()>> = numbers
        .flat_map(|number| {
            [
                remote::close_link(record, number),
                record.end(number, Role::Machine),
            ]
        })
        .collect();
    record.network.down();
    record.forget();
    ended.into_iter().collect()
}

/// Ends rigs whose owner was killed before it could.
fn end_orphans() {
    for record in Record::all() {
        if record.owner.is_some_and(|owner| !owner.alive()) {
            let _ = take_down(&record);
        }
    }
}

/// Where rigs lie whose folder nobody named.
pub fn default_folder() -> PathBuf {
    let user = rustix::process::geteuid().as_raw();
    env::temp_dir().join(format!("triton-rig-{user}"))
}

fn check(dir: &Path, guests: &[String], install: Option<&Path>) -> Result<()> {
    let refused = |text: String| Err(RigError::Refused(text));
    if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return refused(format!(
            "{} is not empty; `cargo lab rig down` takes down a rig that is up there",
            dir.display()
        ));
    }
    let plain = |name: &String| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    if guests.is_empty() || guests.len() > 9 || !guests.iter().all(plain) {
        return refused("a rig has one to nine guests, with hostnames for names".to_owned());
    }
    // They travel on the kernel's command line.
    for path in [Some(dir), install].into_iter().flatten() {
        let text = path.to_string_lossy();
        if !path.is_absolute() || text.contains([' ', ',', '"']) {
            return refused(format!(
                "{text}: guests need an absolute path without spaces"
            ));
        }
    }
    Ok(())
}

/// Lays the program out where a guest's init looks for it.
fn put_stand_ins(record: &Record, program: &Path) -> Result<()> {
    let folder = record.share().join(".rig");
    let on = || format!("copying {} for the guests", program.display());
    fs::create_dir_all(&folder).attempted(on())?;
    fs::copy(program, folder.join("stand-ins")).attempted(on())?;
    fs::write(folder.join("commands"), product::STAND_INS.join("\n")).attempted(on())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_in_use_or_a_name_that_breaks_the_command_line_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        assert!(check(folder.path(), &names(&["headnode0"]), None).is_ok());
        assert!(check(folder.path(), &names(&["head node"]), None).is_err());
        assert!(check(folder.path(), &[], None).is_err());
        assert!(check(Path::new("/with a space"), &names(&["headnode0"]), None).is_err());
        fs::write(folder.path().join("disk"), "").unwrap();
        assert!(check(folder.path(), &names(&["headnode0"]), None).is_err());
    }
}
