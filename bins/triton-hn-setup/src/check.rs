// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `triton-hn-setup check`: a row for each guard and server.

use cli::{Column, Common, Exit, Failure, Table, input};
use documents::inventory::Inventory;
use plan::setup::{self, Verdict};
use platform::Host;
use serde_json::json;
use sync::headnodes::Login;

use crate::arguments::Check;
use crate::look;

const PRODUCT: &str = concat!("triton-hn-setup/", env!("CARGO_PKG_VERSION"));

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
    let inventory = inventory(common, check)?;
    let servers = setup::named(&inventory, &check.servers).map_err(Failure::bad)?;
    let prospects: Vec<_> = servers
        .iter()
        .map(|server| look::at(server, check))
        .collect();
    let findings = setup::check(&inventory, &servers, &prospects, check.accepted());
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

/// The one given, or one taken now.
fn inventory(common: &Common, check: &Check) -> Result<Inventory, Failure> {
    if let Some(from) = &check.inventory {
        return input::inventory(from);
    }
    let options = gather::Options {
        host: Host::local(&common.root),
        urls: check.urls.iter().cloned().collect(),
        login: Login {
            identity: check.identity.clone(),
            known_hosts: check.known_hosts.clone(),
            canceller: None,
        },
        product: PRODUCT.to_owned(),
    };
    gather::inventory(&options).map_err(Failure::failed)
}
