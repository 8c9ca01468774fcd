// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Documents out: one JSON value a line, flushed, so that a reader sees an event when it happens.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

/// Writes one document as one line on stdout.
pub fn json_line<T: Serialize>(document: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(document).map_err(io::Error::other)?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line)?;
    out.flush()
}

/// Writes text for people on stdout.
pub fn text(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// True when a person reads stdout.
pub fn for_a_person() -> bool {
    io::stdout().is_terminal()
}
