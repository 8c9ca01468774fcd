// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `triton-svc-restore`: bring the services of a lost headnode back on this one.

mod arguments;
mod reserve;
mod restore;
mod settle;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use cli::{Exit, Failure};

fn main() -> ExitCode {
    cli::main(run)
}

fn run(mut arguments: Arguments) -> Result<Exit, Failure> {
    match arguments.command.take() {
        Some(Command::Reserve(reserve)) => reserve::run(&reserve),
        Some(Command::Settle(settle)) => settle::run(&settle),
        None => restore::run(arguments),
    }
}
