// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `triton-inventory`: what is, each fact with where it was learnt and when.

mod arguments;
mod tables;

use std::process::ExitCode;

use arguments::Arguments;
use cli::{Exit, Failure, output};

fn main() -> ExitCode {
    cli::main::<Arguments>(run)
}

fn run(arguments: Arguments) -> Result<Exit, Failure> {
    arguments.check()?;
    if let Some(subject) = arguments.subject {
        tables::check(subject, &arguments.table)?;
    }
    let inventory = arguments.gather()?;
    match arguments.subject {
        Some(subject) => tables::one(&inventory, subject, &arguments.table)?,
        None if arguments.wants_document() => output::json_line(&inventory)?,
        None => tables::all(&inventory)?,
    }
    Ok(Exit::Done)
}
