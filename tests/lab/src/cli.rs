// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The `lab` command: its arguments, and one call for each.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{env, thread};

use clap::{Args, Parser, Subcommand};
use serde_json::{Value, json};

use crate::crash::Story;
use crate::error::{Attempted, LabError, Result};
use crate::lab::Timings;
use crate::running::{self, Options};
use crate::size::Size;
use crate::{bench, control, crash, daemon, demo, host_init, namespace, shell, stage, suite};

/// A whole Triton datacenter on one Linux machine, to try the toolkit on.
#[derive(Debug, Parser)]
#[command(name = "lab", bin_name = "cargo lab")]
struct Lab {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Build the workspace and lay the product out as it is installed on a headnode
    Stage {
        #[arg(long)]
        release: bool,
    },
    /// Bring up a datacenter; returns when it is up
    Up(Up),
    /// End it and remove its folder
    Down {
        #[command(flatten)]
        place: Place,
    },
    /// A root shell on a host, or one command there
    Shell {
        #[command(flatten)]
        place: Place,
        host: String,
        /// Run this and exit with its exit code
        #[arg(short)]
        command: Option<String>,
        /// Leave the terminal, as for a tool that runs unattended
        #[arg(long, hide = true)]
        no_terminal: bool,
    },
    /// Cut a host's power
    Kill {
        #[command(flatten)]
        place: Place,
        host: String,
    },
    /// Boot a host whose power was cut
    Boot {
        #[command(flatten)]
        place: Place,
        host: String,
    },
    /// Hosts with real ZFS and ssh, for what the lab only stands in for
    #[command(subcommand)]
    Rig(rig::cli::Command),
    /// What runs where
    Status {
        #[command(flatten)]
        place: Place,
        /// JSON lines, one per host
        #[arg(long)]
        json: bool,
    },
    /// Do SAPI, VMAPI, NAPI, CNAPI, DNS and the machines agree? Exits 1 when they don't
    Check {
        #[command(flatten)]
        place: Place,
        /// JSON lines, the verdict last
        #[arg(long)]
        json: bool,
    },
    /// Lose a headnode and get its services back, from nothing, in one command
    Demo {
        /// Make the other headnodes of compute nodes first
        #[arg(long)]
        setup: bool,
        /// Real seconds that a second of the datacenter takes
        #[arg(long, default_value_t = Timings::default().scale)]
        scale: f64,
        /// Run a release build of the product
        #[arg(long)]
        release: bool,
        /// One JSON line: the verdict
        #[arg(long)]
        json: bool,
    },
    /// Kill the restore of a whole headnode at its calls, one after the other, and run it again each time
    CrashMatrix {
        /// Instead, kill what makes a compute node a headnode
        #[arg(long)]
        setup: bool,
        /// At every call, before and after it; takes an hour or more
        #[arg(long)]
        full: bool,
        /// Runs, when not all are made
        #[arg(long, default_value_t = 60)]
        runs: usize,
        /// Chooses the calls
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// One JSON line: the verdict
        #[arg(long)]
        json: bool,
    },
    /// Build everything and run every test; what follows goes to `cargo test`
    Test {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// How many lines of Rust the lab has, and the product
    Size {
        /// One JSON line
        #[arg(long)]
        json: bool,
    },
    /// Measure the product, beside a peer or the limit
    #[command(args_conflicts_with_subcommands = true)]
    Bench {
        #[command(subcommand)]
        what: Option<bench::What>,

        /// JSON lines, the verdict last
        #[arg(long)]
        json: bool,
    },
    /// What the lab starts by itself
    #[command(subcommand, hide = true)]
    Machine(Machine),
}

#[derive(Debug, Args)]
struct Place {
    /// Folder of the lab [default: triton-lab-<uid>/default in the folder for temporary files]
    #[arg(long)]
    dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Up {
    #[command(flatten)]
    place: Place,
    /// Real seconds that a second of the datacenter takes
    #[arg(long, default_value_t = Timings::default().scale)]
    scale: f64,
    /// Headnodes to begin with; the first two hold all services
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=3))]
    headnodes: u8,
    /// One instance of every service on headnode0, and nothing but cluster members on the others
    #[arg(long)]
    all_on_first: bool,
    /// Compute nodes with a key and no customers, ready to become headnodes
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=4))]
    convertible: u8,
    /// Stage a release build
    #[arg(long)]
    release: bool,
    /// Use this install directory instead of building and staging one
    #[arg(long)]
    install: Option<PathBuf>,
    /// Leave the folder when the lab goes down
    #[arg(long)]
    keep: bool,
}

#[derive(Debug, Subcommand)]
enum Machine {
    Daemon {
        dir: PathBuf,
    },
    Inside {
        dir: PathBuf,
    },
    HostInit {
        host: String,
        root: PathBuf,
        install: Option<PathBuf>,
    },
    /// Exits 0 where a lab can be brought up
    Probe,
}

impl Place {
    fn dir(self) -> PathBuf {
        self.dir.unwrap_or_else(|| {
            let uid = rustix::process::getuid().as_raw();
            env::temp_dir()
                .join(format!("triton-lab-{uid}"))
                .join("default")
        })
    }
}

pub fn main() -> ExitCode {
    let outcome = match Lab::parse().command {
        Verb::Machine(Machine::Daemon { dir }) => return daemon::supervise(&dir),
        Verb::Machine(Machine::Inside { dir }) => return daemon::inside(&dir),
        Verb::Machine(Machine::HostInit {
            host,
            root,
            install,
        }) => host_init::main(&root, install.as_deref(), &host).map(|()| 0),
        // Its guests run what is staged: a test of an older build would prove nothing.
        Verb::Rig(command @ rig::cli::Command::Test { .. }) => match stage::stage(false) {
            Ok(_) => return rig::cli::run(command),
            Err(error) => Err(error),
        },
        Verb::Rig(command) => return rig::cli::run(command),
        Verb::Machine(Machine::Probe) => namespace::leave(true)
            .or_else(|_| namespace::leave(false))
            .map(|()| 0),
        Verb::Stage { release } => stage::stage(release).map(|stage| {
            print(format!("{}\n", stage.display()));
            0
        }),
        Verb::Up(up) => bring_up(up),
        Verb::Down { place } => take_down(place.dir()),
        Verb::Shell {
            place,
            host,
            command,
            no_terminal,
        } => shell::enter(&place.dir(), &host, command.as_deref(), !no_terminal),
        Verb::Kill { place, host } => {
            control::ask(&place.dir(), &json!({ "do": "kill-host", "host": host })).map(|_| 0)
        }
        Verb::Boot { place, host } => {
            control::ask(&place.dir(), &json!({ "do": "boot-host", "host": host })).map(|_| 0)
        }
        Verb::Status { place, json } => status(place.dir(), json),
        Verb::Check { place, json } => check(place.dir(), json),
        Verb::Demo {
            setup,
            scale,
            release,
            json,
        } => demonstrate(setup, scale, release, json),
        Verb::CrashMatrix {
            setup,
            full,
            runs,
            seed,
            json,
        } => crash_matrix(
            if setup { Story::Setup } else { Story::Whole },
            full,
            runs,
            seed,
            json,
        ),
        Verb::Test { arguments } => suite::run(&arguments).and_then(|worst| {
            size(false)?;
            Ok(worst)
        }),
        Verb::Size { json } => size(json),
        Verb::Bench { what, json } => stage::stage(true)
            .and_then(|install| match what {
                None => bench::run(&install, json),
                Some(what) => what.run(install),
            })
            .map(|met| u8::from(!met)),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("lab: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn bring_up(up: Up) -> Result<u8> {
    let install = match up.install {
        Some(install) => install,
        None => stage::stage(up.release)?,
    };
    let timings = Timings {
        scale: up.scale,
        ..Timings::default()
    };
    let dir = up.place.dir();
    let options = Options {
        timings,
        headnodes: up.headnodes.into(),
        all_on_first: up.all_on_first,
        convertible: up.convertible.into(),
        keep: up.keep,
        ..Options::new(dir, install)
    };
    running::start_detached(&options)?;
    status(options.dir, false)
}

fn take_down(dir: PathBuf) -> Result<u8> {
    let keep = daemon::read_settings(&dir).map(|settings| settings.keep);
    control::ask(&dir, &json!({ "do": "stop" }))?;
    // The supervisor does this when the last process of the lab is gone.
    let sign = if keep? {
        control::socket(&dir)
    } else {
        dir.clone()
    };
    let patience = Instant::now() + Duration::from_secs(10);
    while sign.exists() {
        if Instant::now() > patience {
            return Err(LabError::Failed(format!(
                "the lab at {} did not end",
                dir.display()
            )));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(0)
}

fn status(dir: PathBuf, json: bool) -> Result<u8> {
    let status = control::ask(&dir, &json!({ "do": "status" }))?;
    let hosts = status["hosts"].as_array().cloned().unwrap_or_default();
    if json {
        for host in &hosts {
            print(format!("{host}\n"));
        }
        return Ok(0);
    }
    print(format!(
        "datacenter {} at {}\n",
        text(&status["dc"]),
        dir.display()
    ));
    print(format!(
        "{:<12} {:<15} {:<6} {}\n",
        "HOST", "ADMIN IP", "STATE", "ZONES"
    ));
    for host in &hosts {
        let zones = host["zones"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let running = zones
            .iter()
            .filter(|zone| host["state"] == "up" && zone["state"] == "running")
            .count();
        print(format!(
            "{:<12} {:<15} {:<6} {running} of {} running\n",
            text(&host["host"]),
            text(&host["admin_ip"]),
            text(&host["state"]),
            zones.len()
        ));
    }
    Ok(0)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

fn crash_matrix(story: Story, full: bool, runs: usize, seed: u64, json: bool) -> Result<u8> {
    let options = crash::Options {
        install: stage::stage(true)?,
        full,
        runs,
        seed,
        story,
    };
    let verdict = crash::run(&options, &|line| eprintln!("crash-matrix: {line}"))?;
    print(match json {
        true => format!("{}\n", verdict.json()),
        false => format!(
            "{} of {} runs, each killed at one of {} calls and run again, ended as one that nobody disturbed ({:.0} s).\n",
            verdict.runs - verdict.strayed.len(),
            verdict.runs,
            verdict.calls,
            verdict.seconds
        ),
    });
    Ok(u8::from(!verdict.strayed.is_empty()))
}

/// To a reader that may have gone: a closed pipe is no failure.
fn print(text: String) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn check(dir: PathBuf, json: bool) -> Result<u8> {
    let answer = control::ask(&dir, &json!({ "do": "check" }))?;
    let found: Vec<String> = answer["inconsistencies"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|text| text.as_str().map(str::to_owned))
        .collect();
    let mut text = String::new();
    for sentence in &found {
        let line = json!({ "kind": "triton.lab.inconsistency/1", "text": sentence }).to_string();
        text.push_str(if json { &line } else { sentence });
        text.push('\n');
    }
    text.push_str(&match (json, found.len()) {
        (true, count) => format!(
            "{}\n",
            json!({ "kind": "triton.lab.check/1", "inconsistencies": count })
        ),
        (false, 0) => "all agree\n".to_owned(),
        (false, count) => format!("{count} inconsistencies\n"),
    });
    print(text);
    Ok(u8::from(!found.is_empty()))
}

fn demonstrate(setup: bool, scale: f64, release: bool, json: bool) -> Result<u8> {
    let install = stage::stage(release)?;
    let folder = tempfile::Builder::new()
        .prefix("triton-demo-")
        .tempdir()
        .attempted("making a folder for the demo")?;
    let dir = folder.path().join("dc");
    demo::run(dir, install, scale, setup, json).map(|good| u8::from(!good))
}

fn size(json: bool) -> Result<u8> {
    let size = Size::measure()?;
    print(if json {
        format!("{}\n", size.json())
    } else {
        format!("{size}\n")
    });
    Ok(0)
}
