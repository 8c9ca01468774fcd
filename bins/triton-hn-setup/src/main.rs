// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `triton-hn-setup`: make compute nodes headnodes.

mod arguments;
mod check;
mod look;
mod setup;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use cli::{Exit, Failure};

fn main() -> ExitCode {
    cli::main(run)
}

fn run(arguments: Arguments) -> Result<Exit, Failure> {
    match &arguments.command {
        Some(Command::Check(check)) => check::run(&arguments.common, check),
        None => setup::run(&arguments.common, &arguments.setup),
    }
}
