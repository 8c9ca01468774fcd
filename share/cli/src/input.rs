// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Documents in. Standard input is read only where it was asked for: over ssh a silent open pipe must not hang a tool.

use std::io::{IsTerminal, Read};
use std::path::Path;

use documents::Inventory;

use crate::exit::Failure;

/// Reads `-i FILE`, or standard input for `-i -`.
pub fn read(from: &str) -> Result<Vec<u8>, Failure> {
    if from == "-" {
        return stdin("a document on standard input (-i -)");
    }
    std::fs::read(Path::new(from))
        .map_err(|error| Failure::bad(format!("can't read {from}: {error}")))
}

/// Reads standard input to its end. A terminal there is a mistake, not a document.
/// The inventory in a file, or on standard input; what is odd about it is said on standard error.
pub fn inventory(from: &str) -> Result<Inventory, Failure> {
    let (inventory, warnings) = documents::read::inventory(&read(from)?)?;
    let name = if from == "-" { "standard input" } else { from };
    for warning in warnings {
        eprintln!("{name}: {warning}");
    }
    Ok(inventory)
}

pub fn stdin(wanted: &str) -> Result<Vec<u8>, Failure> {
    let mut input = std::io::stdin().lock();
    if input.is_terminal() {
        return Err(Failure::bad(format!(
            "wants {wanted}, but that is a terminal; see --help"
        )));
    }
    let mut bytes = Vec::new();
    input
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::bad(format!("can't read standard input: {error}")))?;
    Ok(bytes)
}
