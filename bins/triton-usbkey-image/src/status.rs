// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `triton-usbkey-image status`: which headnodes' media and `/usbkey` are not like this one's, and in what.

use std::thread;

use cli::{Column, Common, Exit, Failure, Table};
use serde_json::json;
use usbkey::{Manifest, unlike};

use crate::arguments::Status;
use crate::peers::{self, Held, Peer};

const COLUMNS: &[Column] = &[
    Column::new("headnode"),
    Column::new("place"),
    Column::new("part"),
    Column::new("state"),
    Column::new("files"),
    Column::new("at"),
    Column::extra("why"),
];

pub fn run(common: &Common, status: &Status) -> Result<Exit, Failure> {
    Table::check(COLUMNS, &status.table)?;
    let others = peers::others(common, &status.peers, &status.headnodes)?;
    if others.is_empty() {
        return Err(Failure::refused(
            "there is no other headnode to compare this one with; triton-inventory servers lists all",
        ));
    }
    let here = peers::held_here(common)?;
    let found = each(&others);
    let mut table = Table::new(COLUMNS);
    let mut same = true;
    for (peer, there) in others.iter().zip(found) {
        same &= tell(&mut table, peer, &here, there);
    }
    table.print(&status.table)?;
    Ok(match same {
        true => Exit::Done,
        false => Exit::Failed,
    })
}

/// All at once: each reads all its files.
fn each(others: &[Peer]) -> Vec<Result<Held, String>> {
    thread::scope(|scope| {
        let asked: Vec<_> = others
            .iter()
            .map(|peer| scope.spawn(|| peer.held()))
            .collect();
        let died = || Err("the thread that asked it died".to_owned());
        asked
            .into_iter()
            .map(|asked| asked.join().unwrap_or_else(|_| died()))
            .collect()
    })
}

/// The rows of one headnode; whether it is like this one.
fn tell(table: &mut Table, peer: &Peer, here: &Held, there: Result<Held, String>) -> bool {
    let there = match there {
        Ok(there) => there,
        Err(why) => {
            eprintln!("triton-usbkey-image: {}: {why}", peer.hostname);
            table.row(json!({"headnode": peer.hostname, "state": "unknown", "why": why}));
            return false;
        }
    };
    let places: [(&str, &Manifest, &Manifest); 2] = [
        ("medium", &here.medium, &there.medium),
        (peers::COPY, &here.copy, &there.copy),
    ];
    let mut same = true;
    for (place, ours, theirs) in places {
        for part in unlike(ours, theirs) {
            same = false;
            table.row(json!({
                "headnode": peer.hostname, "place": place, "part": part.part, "state": part.state, "files": part.files,
                "at": there.at,
            }));
        }
    }
    if same {
        table.row(json!({"headnode": peer.hostname, "state": "same", "at": there.at}));
    }
    same
}
