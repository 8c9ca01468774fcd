// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `triton-sync-data`: pulls what restores the other headnodes' services.

mod arguments;
mod show;
mod verdict;

use std::process::ExitCode;

use arguments::{Arguments, Wanted};
use cli::{Exit, Failure};
use documents::Uuid;

fn main() -> ExitCode {
    cli::main::<Arguments>(run)
}

fn run(arguments: Arguments) -> Result<Exit, Failure> {
    match arguments.wanted() {
        Wanted::Status(limit) => show::status(&arguments, limit),
        Wanted::Preview => show::preview(&arguments),
        Wanted::Run => show::run(&arguments),
        Wanted::Serve(target) => serve(&arguments, target),
    }
}

fn serve(arguments: &Arguments, target: Uuid) -> Result<Exit, Failure> {
    let server = arguments.server(target)?;
    server
        .run(std::io::stdin(), std::io::stdout())
        .map_err(verdict::failure)?;
    Ok(Exit::Done)
}
