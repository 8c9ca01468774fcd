// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Asking the other headnodes which servers were declared dead: over the connection that a sync uses, with our own key and their
//! pinned ones, so that the answer is theirs.

use std::thread;

use documents::Uuid;
use platform::{Host, sysinfo};
use quorum::Fence;

use crate::error::SyncError;
use crate::headnodes::{Headnode, Login};
use crate::hosts;
use crate::served::ServedSource;
use crate::trust::{Offer, Trust};

/// What another headnode said.
#[derive(Debug)]
pub struct Heard {
    pub server: Uuid,
    pub hostname: String,
    pub fences: Result<Vec<Fence>, SyncError>,
}

/// Asks every headnode that trust was set up with, all at the same time; `program` is this product's `triton-sync-data` there.
pub fn ask(host: &Host, program: &str) -> Result<Vec<Heard>, SyncError> {
    let trust = Trust::of(host);
    let this = sysinfo::get(host)
        .map_err(|e| hosts::failed("tell which server this is", e))?
        .uuid;
    let peers = trust.peers()?;
    let heard = thread::scope(|scope| {
        let asked: Vec<_> = peers
            .iter()
            .map(|peer| scope.spawn(|| ask_one(host, &trust, peer, this, program)))
            .collect();
        asked
            .into_iter()
            .zip(&peers)
            .map(|(asking, peer)| Heard {
                server: peer.server,
                hostname: peer.hostname.clone(),
                fences: asking.join().unwrap_or_else(|_| {
                    let what = format!("ask {}", peer.hostname);
                    Err(SyncError::command(
                        what,
                        "asking ended in a fault of this program",
                    ))
                }),
            })
            .collect()
    });
    Ok(heard)
}

fn ask_one(
    host: &Host,
    trust: &Trust,
    peer: &Offer,
    this: Uuid,
    program: &str,
) -> Result<Vec<Fence>, SyncError> {
    let login = Login {
        identity: Some(trust.identity()),
        known_hosts: Some(trust.known_hosts()),
        canceller: None,
    };
    let there = login.host(&Headnode {
        uuid: Some(peer.server),
        hostname: peer.hostname.clone(),
        address: Some(peer.address),
    })?;
    let source = ServedSource::connect(&there, program, this, host.clone(), None)?;
    source.fences()
}
