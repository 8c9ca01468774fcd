// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `triton-hn-guard`: keep a headnode that was declared dead from serving beside what took its place.

mod arguments;
mod lift;
mod park;
mod report;
mod status;
mod verdict;
mod watch;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use cli::{Exit, Failure};

fn main() -> ExitCode {
    cli::main(run)
}

fn run(arguments: Arguments) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Run(run) => watch::run(&arguments.common, run),
        Command::Status => status::run(&arguments.common),
        Command::Lift(lift) => lift::run(&arguments.common, lift),
    }
}
