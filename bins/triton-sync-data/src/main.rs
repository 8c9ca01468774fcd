// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `triton-sync-data`: pulls what restores the other headnodes' services.

mod arguments;
mod every;
mod holds;
mod show;
mod status;
mod trust;
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
        Wanted::Status(asked) => status::run(&arguments, &asked),
        Wanted::Holds(release) => holds::run(&arguments, release),
        Wanted::Preview => show::preview(&arguments),
        Wanted::Run => match arguments.every() {
            Some(period) => every::run(&arguments, period),
            None => show::run(&arguments),
        },
        Wanted::Poke => poke(&arguments),
        Wanted::Trust(verb) => trust::run(&arguments, &verb),
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

fn poke(arguments: &Arguments) -> Result<Exit, Failure> {
    let (sync, _interrupted) = arguments.sync()?;
    let mut exit = Exit::Done;
    let mut each = |hostname: &str, outcome| {
        if let Err(error) = outcome {
            tracing::error!("{hostname} was not asked: {error}");
            exit = Exit::Failed;
        }
    };
    sync.poke(&mut each).map_err(verdict::failure)?;
    Ok(exit)
}
