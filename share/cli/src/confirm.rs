// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Asking before acting. The answer comes from the terminal, never from stdin, which may carry a document.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};

use crate::exit::Failure;

/// Asks a yes/no question on the controlling terminal. `yes` answers it beforehand. Without a terminal it is refused.
pub fn confirm(question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let no_terminal = "there is no terminal to ask on; say --yes to go on without being asked";
    let mut terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .map_err(|_| Failure::refused(no_terminal))?;
    write!(terminal, "{question} [y/N] ")?;
    terminal.flush()?;
    let mut answer = String::new();
    BufReader::new(terminal).read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::refused("not confirmed; nothing was changed")),
    }
}
