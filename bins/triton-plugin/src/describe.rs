// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `triton-plugin describe`: the row of one service as its plugin refines it, which is what the planners see.

use cli::{Common, Exit, Failure, install, output};

use crate::state::State;

pub fn run(common: &Common, service: &str) -> Result<Exit, Failure> {
    let catalogue = install::catalogue(common)?;
    let Some(row) = catalogue.row(service) else {
        return Err(Failure::bad(format!(
            "no core service \"{service}\" (`triton-plugin ls` lists them)"
        )));
    };
    let state = State::of(row, &install::plugins(common)?);
    // The bare row would pass for the whole truth.
    if let Some(fault) = state.fault(service) {
        return Err(Failure::failed(format!("{service}: {fault}")));
    }
    let row = state.refine(row.clone());
    if output::for_a_person() {
        let text = serde_json::to_string_pretty(&row).map_err(Failure::failed)?;
        output::text(&format!("{text}\n"))?;
    } else {
        output::json_line(&row)?;
    }
    Ok(Exit::Done)
}
