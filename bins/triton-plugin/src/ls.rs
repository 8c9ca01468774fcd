// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `triton-plugin ls`: one line per core service.

use cli::{Column, Common, Exit, Failure, Table, TableFlags, install};
use contract::Row;
use serde_json::{Value, json};

use crate::state::State;

const COLUMNS: &[Column] = &[
    Column::new("service"),
    Column::new("plugin"),
    Column::new("restore"),
    Column::new("critical"),
    Column::new("count"),
    Column::new("dataset"),
    Column::extra("sync"),
    Column::extra("needs"),
    Column::extra("package"),
    Column::extra("health"),
    Column::extra("fault"),
    Column::extra("summary"),
];

pub fn run(common: &Common, flags: &TableFlags) -> Result<Exit, Failure> {
    let catalogue = install::catalogue(common)?;
    let plugins = install::plugins(common)?;
    let mut table = Table::new(COLUMNS);
    for row in catalogue.rows() {
        table.row(line(row, State::of(row, &plugins)));
    }
    table.print(flags)?;
    Ok(Exit::Done)
}

fn line(row: &Row, state: State) -> Value {
    let plugin = state.word();
    let fault = state.fault(&row.service);
    let row = state.refine(row.clone());
    let dataset = row.delegate_dataset.as_ref();
    json!({
        "service": row.service,
        "plugin": plugin,
        "restore": json!(row.restore)["how"],
        "critical": row.critical,
        "count": row.count,
        "dataset": dataset.map(|dataset| &dataset.mountpoint),
        "sync": dataset.map(|dataset| dataset.sync),
        "needs": row.needs.join(","),
        "package": row.package,
        "health": json!(row.health)["by"],
        "fault": fault,
        "summary": row.summary,
    })
}
