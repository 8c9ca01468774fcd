// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `triton-inventory`: what is, each fact with where it was learnt and when.

mod arguments;
mod tables;

use std::process::ExitCode;

use arguments::Arguments;
use cli::{Exit, Failure, install, output};
use documents::Inventory;

fn main() -> ExitCode {
    cli::main::<Arguments>(run)
}

fn run(arguments: Arguments) -> Result<Exit, Failure> {
    arguments.check()?;
    if let Some(subject) = arguments.subject {
        tables::check(subject, &arguments.table)?;
    }
    let mut inventory = arguments.gather()?;
    warn_of_addresses(&arguments, &mut inventory);
    match arguments.subject {
        Some(subject) => tables::one(&inventory, subject, &arguments.table)?,
        None if arguments.wants_document() => output::json_line(&inventory)?,
        None => tables::all(&inventory)?,
    }
    Ok(Exit::Done)
}

/// Too few addresses set aside are found out before the day on which they are needed. Without the catalogue nobody can tell.
fn warn_of_addresses(arguments: &Arguments, inventory: &mut Inventory) {
    let Ok(catalogue) = install::catalogue(arguments.as_ref()) else {
        return;
    };
    let needs = plan::reservation::needs(inventory, &catalogue);
    for need in needs.iter().filter(|need| need.missing() > 0) {
        inventory.warnings.push(format!(
            "{} of {} addresses that a restore without NAPI could need are reserved on the network {}: triton-svc-restore reserve",
            need.reserved, need.needed, need.name
        ));
    }
}
