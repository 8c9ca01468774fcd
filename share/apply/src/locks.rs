// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! All locks of a run: this headnode's always, that of the datacenter's ZooKeeper wherever a majority answers, and where none does
//! a file on each headnode that is reached.

use documents::{Plan, Timestamp, Uuid};
use quorum::{Holder, QuorumError};
use tracing::warn;

use crate::datacenter_lock::DatacenterLock;
use crate::lock::{LocalLock, RunLock, Scope};
use crate::peers_lock::PeersLock;
use crate::world::World;

/// What a run without a majority may be started with.
const WITHOUT_MAJORITY: &str = "--accept-no-majority";

/// They go in this order: whoever takes the local one next finds the others gone, or knows their holder for dead.
pub struct Locks<'a> {
    majority: Option<DatacenterLock<'a>>,
    peers: Option<PeersLock>,
    local: LocalLock,
}

impl<'a> Locks<'a> {
    /// The error says who holds one of them, or what is missing.
    pub fn acquire(plan: &Plan, world: &'a World, scope: Scope) -> Result<Locks<'a>, String> {
        let purpose = format!("run {} by {}", plan.run, world.product());
        let local = LocalLock::acquire(&world.local, &purpose)?;
        let holder = holder(world, plan.run, purpose);
        // A run without a majority may be on still, here or elsewhere, when the majority is back.
        let files = scope == Scope::Reached || PeersLock::is_here(&world.local)?;
        let peers = match files {
            true => Some(PeersLock::acquire(world, plan, &holder)?),
            false => None,
        };
        Ok(Locks {
            majority: majority(world, &holder, scope)?,
            peers,
            local,
        })
    }
}

/// This process, to whoever finds its locks.
pub fn holder(world: &World, run: Uuid, purpose: String) -> Holder {
    Holder {
        run,
        server: world.here,
        host: world.local.name().to_owned(),
        pid: std::process::id(),
        purpose,
        since: Timestamp::now(),
    }
}

fn majority<'a>(
    world: &'a World,
    holder: &Holder,
    scope: Scope,
) -> Result<Option<DatacenterLock<'a>>, String> {
    match (DatacenterLock::acquire(world, holder), scope) {
        (Ok(lock), _) => Ok(Some(lock)),
        (Err(error @ QuorumError::NoMajority { .. }), Scope::Datacenter) => Err(format!(
            "{error}. {WITHOUT_MAJORITY} takes the risk that another headnode changes the same meanwhile"
        )),
        (Err(error @ QuorumError::NoMajority { .. }), Scope::Reached) => {
            warn!("{error}; going on without, as {WITHOUT_MAJORITY} says");
            Ok(None)
        }
        (Err(error), _) => Err(error.to_string()),
    }
}

impl RunLock for Locks<'_> {
    fn scope(&self) -> &'static str {
        match (&self.majority, &self.peers) {
            (Some(majority), _) => majority.scope(),
            (None, Some(peers)) => peers.scope(),
            (None, None) => self.local.scope(),
        }
    }

    fn still_ours(&self) -> Result<(), String> {
        self.local.still_ours()?;
        if let Some(peers) = &self.peers {
            peers.still_ours()?;
        }
        self.majority.as_ref().map_or(Ok(()), RunLock::still_ours)
    }
}
