// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `triton-usbkey-image diff`: one line for each file that is not the same on both.

use std::path::Path;

use cli::{Column, Exit, Failure, Table};
use serde_json::json;

use crate::arguments::Diff;
use crate::medium;

const COLUMNS: &[Column] = &[
    Column::new("path"),
    Column::new("what"),
    Column::new("size_a"),
    Column::new("size_b"),
    Column::extra("mode_a"),
    Column::extra("mode_b"),
    Column::extra("sha256_a"),
    Column::extra("sha256_b"),
];

pub fn run(diff: &Diff) -> Result<Exit, Failure> {
    Table::check(COLUMNS, &diff.table)?;
    let stdin = Path::new("-");
    if diff.a == stdin && diff.b == stdin {
        return Err(Failure::bad("only one of the two can be standard input"));
    }
    let (a, b) = (
        medium::manifest(&diff.a, false)?,
        medium::manifest(&diff.b, false)?,
    );
    let differences = usbkey::diff(&a, &b, diff.modes);
    let same = differences.is_empty();
    let mut table = Table::new(COLUMNS);
    for one in differences {
        let (a, b) = (one.a.as_ref(), one.b.as_ref());
        table.row(json!({
            "path": one.path,
            "what": one.what,
            "size_a": a.map(|entry| entry.size),
            "size_b": b.map(|entry| entry.size),
            "mode_a": a.and_then(|entry| entry.mode.as_deref()),
            "mode_b": b.and_then(|entry| entry.mode.as_deref()),
            "sha256_a": a.map(|entry| &entry.sha256),
            "sha256_b": b.map(|entry| &entry.sha256),
        }));
    }
    if same {
        return Ok(Exit::Done);
    }
    table.print(&diff.table)?;
    Ok(Exit::Failed)
}
