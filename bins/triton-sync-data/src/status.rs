// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `status`: how old the data of each restore point is, here or as several headnodes answered.

use cli::{Column, Exit, Failure, Table, input};
use documents::Timestamp;
use sync::headnodes;
use sync::status::{self, Status};

use crate::arguments::{Arguments, Asked};
use crate::show::row;

const STATUS: &[Column] = &[
    Column::new("source"),
    Column::new("service"),
    Column::new("alias"),
    Column::new("importance"),
    Column::new("lag_seconds"),
    Column::new("bytes"),
    Column::new("on"),
    Column::new("ok"),
    Column::extra("vm"),
    Column::extra("as_of"),
    Column::extra("snapshot"),
    Column::extra("generation"),
    Column::extra("generation_age_seconds"),
];

pub fn run(arguments: &Arguments, asked: &Asked) -> Result<Exit, Failure> {
    Table::check(STATUS, arguments.table())?;
    let (all, faults) = match &asked.input {
        Some(from) => merged(from)?,
        None => kept_here(arguments, asked.limit)?,
    };
    for fault in &faults {
        tracing::warn!("{fault}");
    }
    let mut table = Table::new(STATUS);
    for status in &all {
        table.row(row(status));
    }
    table.print(arguments.table())?;
    for status in all.iter().filter(|status| !status.ok) {
        let how = match status.lag_seconds {
            Some(lag) => format!("is {lag} s old"),
            None => "was never whole".to_owned(),
        };
        tracing::warn!(
            "{} of {} {how} on {}",
            status.service,
            status.source,
            status.on
        );
    }
    if let Some(path) = &asked.prometheus {
        // Not below the alternate root: it is for a collector that runs here.
        let path = std::path::absolute(path).map_err(Failure::failed)?;
        platform::Host::local("/")
            .write_atomic(path, status::prometheus(&all).as_bytes(), 0o644)
            .map_err(Failure::failed)?;
    }
    Ok(
        match status::is_good(&all) && (asked.input.is_none() || faults.is_empty()) {
            true => Exit::Done,
            false => Exit::Failed,
        },
    )
}

fn merged(from: &str) -> Result<(Vec<Status>, Vec<String>), Failure> {
    let bytes = input::read(from)?;
    status::merged(&String::from_utf8_lossy(&bytes)).map_err(|why| {
        Failure::bad(format!(
            "{from}: {why}; wants what `sdc-oneachnode -J ... triton-sync-data status -j` prints"
        ))
    })
}

fn kept_here(arguments: &Arguments, limit: i64) -> Result<(Vec<Status>, Vec<String>), Failure> {
    let services = arguments.services()?;
    let store = arguments.store();
    let host = arguments.host();
    let (all, faults) = status::of(&store, host.name(), &services, Timestamp::now(), limit)
        .map_err(Failure::failed)?;
    if all.is_empty() {
        return Err(Failure::failed(format!(
            "there is no restore data in {}: nothing could be restored here; run triton-sync-data",
            store.folder().display()
        )));
    }
    // Nothing newer will come from a server that is dead.
    let dead = headnodes::declared_dead(&host).map_err(Failure::failed)?;
    let all = all.into_iter().filter(|one| !dead.contains(&one.server));
    let faults = faults.iter().map(ToString::to_string).collect();
    Ok((all.collect(), faults))
}
