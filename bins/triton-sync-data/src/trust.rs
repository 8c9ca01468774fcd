// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `trust`: keys are shown on one headnode and taken on another, over whatever way the operator trusts.

use cli::{Column, Exit, Failure, Table, input, output};
use sync::trust::{Offer, Trust};

use crate::arguments::{Arguments, TrustVerb, program};
use crate::verdict;

const PEERS: &[Column] = &[
    Column::new("hostname"),
    Column::new("server"),
    Column::new("address"),
    Column::extra("key"),
    Column::extra("host_keys"),
];

pub fn run(arguments: &Arguments, verb: &TrustVerb) -> Result<Exit, Failure> {
    let trust = Trust::of(&arguments.host());
    match verb {
        TrustVerb::Show => {
            let offer = trust.offer().map_err(verdict::failure)?;
            output::json_line(&offer)?;
        }
        TrustVerb::Add { input } => add(&trust, input)?,
        TrustVerb::Ls { table: flags } => {
            Table::check(PEERS, flags)?;
            let mut table = Table::new(PEERS);
            for peer in trust.peers().map_err(verdict::failure)? {
                table.row(serde_json::to_value(&peer).unwrap_or_default());
            }
            table.print(flags)?;
        }
        TrustVerb::Remove { server } => remove(&trust, server)?,
    }
    Ok(Exit::Done)
}

/// All lines are read before one is taken.
fn add(trust: &Trust, file: &str) -> Result<(), Failure> {
    let bytes = input::read(file)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut offers = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let offer = Offer::read(line).map_err(|why| {
            Failure::bad(format!(
                "line {}: not what `trust show` prints: {why}",
                number + 1
            ))
        })?;
        offers.push(offer);
    }
    if offers.is_empty() {
        return Err(Failure::bad("the input is empty: nobody was added"));
    }
    let own = trust.offer().map_err(verdict::failure)?;
    for offer in offers.iter().filter(|offer| offer.server != own.server) {
        trust.accept(offer, &program()).map_err(verdict::failure)?;
        tracing::info!(
            "{} ({}) may pull from this headnode, and is known by its host keys",
            offer.hostname,
            offer.address
        );
    }
    Ok(())
}

fn remove(trust: &Trust, name: &str) -> Result<(), Failure> {
    let peers = trust.peers().map_err(verdict::failure)?;
    let found = peers
        .iter()
        .find(|peer| peer.hostname == *name || peer.server.to_string() == *name);
    let Some(peer) = found else {
        let names: Vec<&str> = peers.iter().map(|peer| peer.hostname.as_str()).collect();
        return Err(Failure::bad(format!(
            "trust was not set up with {name}; it was with: {}",
            names.join(", ")
        )));
    };
    trust.withdraw(peer.server).map_err(verdict::failure)?;
    Ok(())
}
