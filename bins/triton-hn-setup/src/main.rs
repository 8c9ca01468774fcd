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
    match (&arguments.command, &arguments.setup) {
        (Some(Command::Check(check)), _) => check::run(&arguments.common, check),
        (None, Some(setup)) => setup::run(&arguments.common, setup),
        (None, None) => Err(Failure::bad(
            "which SERVER is to become a headnode? see --help",
        )),
    }
}
