// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `cargo lab rig`: the rig's arguments, and one call for each.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, Subcommand};

use crate::building;
use crate::error::{Attempted, Result, RigError};
use crate::product;
use crate::rig::{self, Options, Rig};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build the guests' kernel and RAM disk, once; about 7 minutes
    Build {
        /// Ask apt whether it has newer packages, and build anew if so
        #[arg(long)]
        refresh: bool,
    },
    /// Bring up hosts with real ZFS and sshd; returns when they answer
    Up(Up),
    /// A root shell on a host, or one command there
    Ssh {
        #[command(flatten)]
        place: Place,
        host: String,
        /// Run this and exit with its exit code
        #[arg(short, conflicts_with = "words")]
        command: Option<String>,
        /// The same, word by word
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Cut a host off the others
    Cut(One),
    /// Connect it again
    Heal(One),
    /// Cut a host's power
    Kill(One),
    /// Boot a host whose power was cut
    Boot(One),
    /// End it and remove its folder
    Down {
        #[command(flatten)]
        place: Place,
    },
    /// What runs where
    Status {
        #[command(flatten)]
        place: Place,
        /// JSON lines, one per host
        #[arg(long)]
        json: bool,
    },
    /// Run the tests that need the rig, those too that take minutes; what follows goes to `cargo test`
    Test {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub struct Place {
    /// Folder of the rig [default: triton-rig-<uid>/default in the folder for temporary files]
    #[arg(long)]
    dir: Option<PathBuf>,
}

impl Place {
    fn path(&self) -> PathBuf {
        self.dir
            .clone()
            .unwrap_or_else(|| rig::default_folder().join("default"))
    }

    fn rig(&self) -> Result<Rig> {
        let path = std::path::absolute(self.path()).attempted("finding the rig's folder")?;
        Rig::at(&path)
    }
}

#[derive(Debug, Args)]
pub struct One {
    #[command(flatten)]
    place: Place,
    host: String,
}

#[derive(Debug, Args)]
pub struct Up {
    #[command(flatten)]
    place: Place,
    /// Hostnames, with commas between
    #[arg(long, value_delimiter = ',', default_values_t = Options::default().guests)]
    guests: Vec<String>,
    /// Size of each host's disk
    #[arg(long, default_value_t = Options::default().disk_mib)]
    disk_mib: u64,
    /// Memory of each host, in MiB
    #[arg(long, default_value = "256M", value_parser = mebibytes)]
    memory: u32,
    /// The product's install folder, which hosts see as /opt/triton-headnode
    #[arg(long)]
    install: Option<PathBuf>,
}

fn mebibytes(text: &str) -> std::result::Result<u32, String> {
    let (number, factor) = match text.strip_suffix(['G', 'g']) {
        Some(number) => (number, 1024),
        None => (text.trim_end_matches(['M', 'm']), 1),
    };
    let mib = number
        .parse::<u32>()
        .ok()
        .and_then(|n| n.checked_mul(factor));
    mib.filter(|mib| *mib >= 128)
        .ok_or_else(|| "at least 128M, as 256M or 1G".to_owned())
}

/// Runs one command; says on standard error why it failed.
pub fn run(command: Command) -> ExitCode {
    match act(command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn act(command: Command) -> Result<u8> {
    match command {
        Command::Build { refresh } => {
            building::build(refresh, &mut |line| eprintln!("{line}"))?;
            Ok(0)
        }
        Command::Up(up) => bring_up(up),
        Command::Ssh {
            place,
            host,
            command,
            words,
        } => {
            let command = command.or((!words.is_empty()).then(|| words.join(" ")));
            place.rig()?.attend(&host, command.as_deref())
        }
        Command::Cut(One { place, host }) => done(place.rig()?.cut(&host)),
        Command::Heal(One { place, host }) => done(place.rig()?.heal(&host)),
        Command::Kill(One { place, host }) => done(place.rig()?.kill(&host)),
        Command::Boot(One { place, host }) => done(place.rig()?.boot(&host)),
        Command::Down { place } => done(place.rig()?.down()),
        Command::Status { place, json } => status(&place.rig()?, json),
        Command::Test { arguments } => test(&arguments),
    }
}

fn done(result: Result<()>) -> Result<u8> {
    result.map(|()| 0)
}

fn bring_up(up: Up) -> Result<u8> {
    let started = Instant::now();
    let install = up.install.map(std::path::absolute).transpose();
    let rig = Rig::up_to_stay(Options {
        dir: Some(up.place.path()),
        guests: up.guests,
        disk_mib: up.disk_mib,
        memory_mib: up.memory,
        install: install.attempted("finding the install folder")?,
        stand_ins: product::lab().ok(),
    })?;
    eprintln!(
        "{} up in {:.1} s at {}; a shell: cargo lab rig ssh {}",
        rig.guests().join(", "),
        started.elapsed().as_secs_f64(),
        rig.dir().display(),
        rig.guests()[0],
    );
    Ok(0)
}

fn status(rig: &Rig, json: bool) -> Result<u8> {
    let mut text = String::new();
    for guest in rig.status()? {
        if json {
            text += &serde_json::to_string(&guest).attempted("printing the status")?;
        } else {
            let state = if guest.up { "up" } else { "off" };
            let cut = if guest.cut { ", cut off" } else { "" };
            text += &format!("{:<12} {:<12} {state}{cut}", guest.host, guest.address);
        }
        text.push('\n');
    }
    // Whoever closed the pipe has seen enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(0)
}

/// Builds the rig where that is possible; the tests skip themselves where it isn't.
fn test(arguments: &[String]) -> Result<u8> {
    match building::build(false, &mut |line| eprintln!("{line}")) {
        Err(error @ RigError::CannotHere(_)) => eprintln!("{error}; its tests are skipped"),
        result => drop(result?),
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = std::process::Command::new(cargo)
        .args(["test", "--package", "rig"])
        .args(arguments)
        // Those that take minutes are left out of the workspace's tests.
        .args(match arguments.iter().any(|word| word == "--") {
            true => &["--include-ignored"][..],
            false => &["--", "--include-ignored"][..],
        })
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .status()
        .attempted("starting cargo test")?;
    Ok(status.code().map_or(1, |code| code as u8))
}
