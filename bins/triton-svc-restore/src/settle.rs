// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Settling: what was restored stands on its own, and the restore points it came from are given up.

use cli::{Exit, Failure, confirm, output};
use platform::Host;
use serde::Serialize;
use sync::settle::{self, Settled, Unsettled};

use crate::arguments::Settle;
use crate::restore::PRODUCT;

const KIND: &str = "triton.settled/1";

/// What `settle` prints.
#[derive(Serialize)]
struct Document<T> {
    kind: &'static str,
    datasets: Vec<T>,
}

pub fn run(arguments: &Settle) -> Result<Exit, Failure> {
    let host = Host::local(&arguments.common.root);
    let found = settle::unsettled(&host).map_err(Failure::failed)?;
    let chosen = chosen(found, &arguments.zones)?;
    if arguments.plan {
        return print(chosen, Exit::Done);
    }
    if chosen.iter().any(|one| one.held_up_by.is_none()) {
        confirm::confirm(&question(&chosen), arguments.yes)?;
    }
    let settled = settle::settle(&host, PRODUCT, &chosen, &mut |one| {
        eprintln!("{}", line(one))
    })
    .map_err(Failure::failed)?;
    let all = settled.iter().all(|one| one.promoted);
    print(settled, if all { Exit::Done } else { Exit::Failed })
}

fn print<T: Serialize>(datasets: Vec<T>, exit: Exit) -> Result<Exit, Failure> {
    output::json_line(&Document {
        kind: KIND,
        datasets,
    })?;
    Ok(exit)
}

fn chosen(found: Vec<Unsettled>, asked: &[String]) -> Result<Vec<Unsettled>, Failure> {
    let is = |one: &Unsettled, name: &String| one.zone == *name || one.vm.to_string() == *name;
    for name in asked {
        if !found.iter().any(|one| is(one, name)) {
            let names: Vec<&str> = found.iter().map(|one| one.zone.as_str()).collect();
            return Err(Failure::bad(format!(
                "nothing restored here is to be settled under the name \"{name}\"; there is {}",
                match names.as_slice() {
                    [] => "nothing".to_owned(),
                    names => names.join(", "),
                }
            )));
        }
    }
    Ok(found
        .into_iter()
        .filter(|one| asked.is_empty() || asked.iter().any(|name| is(one, name)))
        .collect())
}

fn question(chosen: &[Unsettled]) -> String {
    let lines = chosen.iter().map(|one| match &one.held_up_by {
        None => format!(
            "  {}: {} keeps its past, {} goes\n",
            one.zone, one.dataset, one.copy
        ),
        Some(why) => format!("  {}: left as it is, {why}\n", one.zone),
    });
    format!(
        "{}after this, older states of these zones are no restore points any more; settle?",
        lines.collect::<String>()
    )
}

fn line(one: &Settled) -> String {
    let zone = &one.of.zone;
    match (&one.why, one.promoted, one.copy_removed) {
        (None, true, true) => format!("{zone}: settled, {} is gone", one.of.copy),
        (None, _, _) => format!("{zone}: settled"),
        (Some(why), true, _) => format!("{zone}: settled, but {why}"),
        (Some(why), false, _) => format!("{zone}: left as it is: {why}"),
    }
}
