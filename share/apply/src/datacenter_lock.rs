// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The run lock in the datacenter's ZooKeeper. It is confirmed by a majority right before each step, so a run that was cut off
//! from the others changes nothing further.

use quorum::{Holder, QuorumError};

use crate::lock::RunLock;
use crate::world::World;

pub struct DatacenterLock<'a> {
    world: &'a World,
}

impl<'a> DatacenterLock<'a> {
    /// The error says who holds it, or that nobody speaks for a majority.
    pub fn acquire(world: &'a World, holder: &Holder) -> Result<DatacenterLock<'a>, QuorumError> {
        let session = world.ensemble().session()?;
        world
            .majority
            .hold(quorum::RunLock::acquire(&session, holder)?);
        Ok(DatacenterLock { world })
    }
}

impl RunLock for DatacenterLock<'_> {
    fn scope(&self) -> &'static str {
        "the datacenter"
    }

    fn still_ours(&self) -> Result<(), String> {
        let held = self.world.majority.still_held();
        held.map_err(|error| error.to_string())
    }
}

impl Drop for DatacenterLock<'_> {
    fn drop(&mut self) {
        self.world.majority.let_go();
    }
}
