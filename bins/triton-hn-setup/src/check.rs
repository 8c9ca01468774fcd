// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `triton-hn-setup check`: a row for each guard and server.

use cli::{Column, Common, Exit, Failure, Table};
use plan::setup::{self, Verdict};
use serde_json::json;

use crate::arguments::Check;
use crate::look;

const COLUMNS: &[Column] = &[
    Column::new("server"),
    Column::new("guard"),
    Column::new("verdict"),
    Column::new("why"),
    Column::new("accept"),
    Column::extra("from"),
    Column::extra("at"),
];

pub fn run(common: &Common, check: &Check) -> Result<Exit, Failure> {
    Table::check(COLUMNS, &check.table)?;
    let whom = &check.whom;
    let inventory = look::inventory(common, whom)?;
    let servers = setup::named(&inventory, &whom.servers).map_err(Failure::bad)?;
    let prospects = look::at_all(&servers, whom);
    let findings = setup::check(&inventory, &servers, &prospects, whom.accepted());
    let mut table = Table::new(COLUMNS);
    let mut fit = true;
    for one in findings {
        fit &= matches!(one.verdict, Verdict::Fit | Verdict::Accepted);
        table.row(json!(one));
    }
    table.print(&check.table)?;
    Ok(match fit {
        true => Exit::Done,
        false => Exit::Refused,
    })
}
