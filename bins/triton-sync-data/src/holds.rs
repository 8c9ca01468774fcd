// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `holds`: what keeps snapshots that sync took from being removed.

use cli::{Column, Exit, Failure, Table};
use sync::holds;

use crate::arguments::Arguments;
use crate::show::row;
use crate::verdict;

const HOLDS: &[Column] = &[
    Column::new("snapshot"),
    Column::new("tag"),
    Column::new("ours"),
    Column::new("why"),
];

pub fn run(arguments: &Arguments, release: bool) -> Result<Exit, Failure> {
    Table::check(HOLDS, arguments.table())?;
    let host = arguments.host();
    let mut table = Table::new(HOLDS);
    for held in holds::list(&host).map_err(verdict::failure)? {
        if release && held.ours {
            holds::release(&host, &held).map_err(verdict::failure)?;
            tracing::info!("released {} on {}", held.tag, held.snapshot);
            continue;
        }
        table.row(row(&held));
    }
    table.print(arguments.table())?;
    Ok(Exit::Done)
}
