// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `triton-usbkey-image`: what is on a headnode's boot medium, and what a new headnode's is to be.

mod arguments;
mod build;
mod config;
mod diff;
mod file;
mod medium;
mod peers;
mod status;
mod sync;
mod write;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use cli::{Exit, Failure};
use usbkey::Error;

fn main() -> ExitCode {
    cli::main(run)
}

fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let common = &arguments.common;
    match arguments.command {
        Command::Manifest { medium, shared } => {
            let manifest = match &medium {
                Some(medium) => medium::manifest(medium, shared)?,
                None => medium::own_manifest(common, shared)?,
            };
            manifest.write(&mut std::io::stdout().lock())?;
            Ok(Exit::Done)
        }
        Command::Diff(diff) => diff::run(&diff),
        Command::Build(build) => build::run(common, &build),
        Command::Write(write) => write::run(common, &write),
        Command::Status(status) => status::run(common, &status),
        Command::Sync(sync) => sync::run(common, &sync),
        Command::Config(config) => config::run(common, &config),
    }
}

fn failure(error: Error) -> Failure {
    let exit = match &error {
        // A reader that went away (`| head`) is no failure of ours.
        error if error.is_broken_pipe() => Exit::Done,
        Error::File { .. } => Exit::Failed,
        Error::Bad(_) => Exit::Bad,
        Error::Refused(_) => Exit::Refused,
    };
    Failure {
        exit,
        message: error.to_string(),
    }
}
