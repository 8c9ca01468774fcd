// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The run lock of a datacenter: this headnode's, and on top of it the one in the datacenter's ZooKeeper. It is confirmed by a
//! majority right before each step, so a run that was cut off from the others changes nothing further.

use documents::{Timestamp, Uuid};
use quorum::{Holder, QuorumError};

use crate::lock::{LocalLock, RunLock};
use crate::world::World;

pub struct DatacenterLock<'a> {
    world: &'a World,
    local: LocalLock,
}

/// What a run without a majority may be started with.
pub const WITHOUT_MAJORITY: &str = "--accept-no-majority";

impl<'a> DatacenterLock<'a> {
    /// On top of the local lock. The error says who holds it, or that nobody speaks for a majority.
    pub fn acquire(
        local: LocalLock,
        world: &'a World,
        run: Uuid,
        purpose: &str,
    ) -> Result<DatacenterLock<'a>, String> {
        let holder = Holder {
            run,
            server: world.here,
            host: world.local.name().to_owned(),
            pid: std::process::id(),
            purpose: purpose.to_owned(),
            since: Timestamp::now(),
        };
        let locked = world
            .ensemble()
            .session()
            .and_then(|session| quorum::RunLock::acquire(&session, &holder));
        match locked {
            Ok(run) => {
                world.majority.hold(run);
                Ok(DatacenterLock { world, local })
            }
            Err(error @ QuorumError::NoMajority { .. }) => Err(format!(
                "{error}. {WITHOUT_MAJORITY} takes the risk that another headnode changes the same meanwhile"
            )),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl RunLock for DatacenterLock<'_> {
    fn scope(&self) -> &'static str {
        "the datacenter"
    }

    fn still_ours(&self) -> Result<(), String> {
        self.local.still_ours()?;
        let held = self.world.majority.still_held();
        held.map_err(|error| error.to_string())
    }
}

impl Drop for DatacenterLock<'_> {
    /// Before the local lock goes: whoever takes that one next finds this one gone, or knows its holder for dead.
    fn drop(&mut self) {
        self.world.majority.let_go();
    }
}
