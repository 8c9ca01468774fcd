// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Lifting a fence: the server was repaired or reinstalled, and may run again what it has.

use documents::Uuid;
use quorum::{Fence, copies, fence};

use crate::datacenter_lock::DatacenterLock;
use crate::lock::LocalLock;
use crate::locks;
use crate::world::World;

/// Lifts the fence of a server in the datacenter's ZooKeeper, here, and on these headnodes. Returns it, and why it still stands
/// with some of them: they would go on confirming it.
pub fn lift(
    world: &World,
    server: Uuid,
    by: &str,
    keepers: &[Uuid],
) -> Result<(Fence, Vec<String>), String> {
    let purpose = format!("{by} lifts the fence of {server}");
    let _local = LocalLock::acquire(&world.local, &purpose)?;
    let holder = locks::holder(world, server, purpose);
    let _lock = DatacenterLock::acquire(world, &holder).map_err(|error| error.to_string())?;
    let lock = world
        .majority
        .lock()
        .ok_or("the run lock was lost at once; try again")?;
    let fence = fence::lift(&lock, server, by).map_err(|error| error.to_string())?;
    copies::keep(&world.local, &fence).map_err(|error| error.to_string())?;
    let others = keepers.iter().filter(|keeper| **keeper != world.here);
    let failed = others.filter_map(|keeper| {
        let host = world.host(*keeper).map_err(|error| error.why);
        let kept = host.and_then(|host| {
            let kept = copies::keep(&host, &fence);
            kept.map_err(|error| error.to_string())
        });
        kept.err()
    });
    Ok((fence.clone(), failed.collect()))
}
