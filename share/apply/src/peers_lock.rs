// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The run lock of a datacenter without a majority, where the operator takes that risk: a file on each headnode that the plan
//! reaches. It keeps runs apart whose headnodes reach each other; nothing can keep the others apart.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use documents::{Plan, Uuid, Verb};
use platform::{Command, Host};
use quorum::Holder;
use tracing::warn;

use crate::lock::RunLock;
use crate::world::World;

pub const FILE: &str = "/var/sdcadm/triton-headnodes.lock";

/// A look at every headnode right before each step would take longer than many a step.
const CONFIRMED_FOR: Duration = Duration::from_secs(5);

pub struct PeersLock {
    holder: Holder,
    held_on: Vec<Host>,
    confirmed: Mutex<Instant>,
}

impl PeersLock {
    /// Whether a run that has one, or had, was here.
    pub fn is_here(host: &Host) -> Result<bool, String> {
        host.exists(FILE).map_err(|error| error.to_string())
    }

    /// By a run that has the local lock already. The error says who holds it, and where.
    pub fn acquire(world: &World, plan: &Plan, holder: &Holder) -> Result<PeersLock, String> {
        let mut lock = PeersLock {
            holder: holder.clone(),
            held_on: Vec::new(),
            confirmed: Mutex::new(Instant::now()),
        };
        // Everybody in the same order, so that of two that begin at once one gets all.
        for server in headnodes(plan, world.here) {
            let host = world.host(server).map_err(|error| error.why)?;
            lock.take(&host)?;
            lock.held_on.push(host);
        }
        Ok(lock)
    }

    /// A link is made or it is not, whoever else tries.
    fn take(&self, host: &Host) -> Result<(), String> {
        let said = |error: &dyn std::fmt::Display| {
            format!("could not take the run lock on {}: {error}", host.name())
        };
        let folder = host.path("/var/sdcadm");
        host.run_ok(&Command::new("mkdir").arg("-p").arg(folder))
            .map_err(|error| said(&error))?;
        let bytes = serde_json::to_vec(&self.holder).map_err(|error| said(&error))?;
        let own = format!("{FILE}.{}", self.holder.server);
        host.write_atomic(&own, &bytes, 0o600)
            .map_err(|error| said(&error))?;
        let link = Command::new("ln").arg(host.path(&own)).arg(host.path(FILE));
        let linked = host.run(&link).map_err(|error| said(&error))?;
        if !linked.success() {
            let holder = holder(host)?;
            // This headnode's own lock is ours, so a run of this headnode that is named there is over.
            if holder.server != self.holder.server {
                remove(host, &own);
                return Err(format!(
                    "{holder} holds the run lock on {}. If that run is over, remove {FILE} there",
                    host.name()
                ));
            }
            host.write_atomic(FILE, &bytes, 0o600)
                .map_err(|error| said(&error))?;
        }
        remove(host, &own);
        Ok(())
    }

    fn confirm(&self) -> Result<(), String> {
        for host in &self.held_on {
            let holder = holder(host)?;
            if holder != self.holder {
                return Err(format!(
                    "the run lock on {} is not this run's any more: {holder} holds it",
                    host.name()
                ));
            }
        }
        Ok(())
    }
}

/// Headnodes that the plan's fences reach, and this one.
fn headnodes(plan: &Plan, here: Uuid) -> BTreeSet<Uuid> {
    let copies = plan.steps.iter().filter_map(|step| match &step.verb {
        Verb::FenceDeclare(with) => Some(with.copies.iter().copied()),
        _ => None,
    });
    copies.flatten().chain([here]).collect()
}

fn holder(host: &Host) -> Result<Holder, String> {
    let bytes = host.read(FILE).map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes).map_err(|error| {
        format!(
            "{FILE} on {} says nobody's name ({error}); see what runs, then remove it",
            host.name()
        )
    })
}

fn remove(host: &Host, path: &str) {
    let removed = host.run_ok(&Command::new("rm").arg("-f").arg(host.path(path)));
    if let Err(error) = removed {
        warn!("{path} stays on {}: {error}", host.name());
    }
}

impl RunLock for PeersLock {
    fn scope(&self) -> &'static str {
        "the headnodes that are reached"
    }

    fn still_ours(&self) -> Result<(), String> {
        let mut confirmed = self
            .confirmed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if confirmed.elapsed() > CONFIRMED_FOR {
            self.confirm()?;
            *confirmed = Instant::now();
        }
        Ok(())
    }
}

impl Drop for PeersLock {
    fn drop(&mut self) {
        for host in &self.held_on {
            if holder(host).is_ok_and(|holder| holder == self.holder) {
                remove(host, FILE);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locks;
    use crate::testing::{Center, plan};

    fn taken(center: &Center) -> Result<PeersLock, String> {
        let world = center.world();
        let holder = locks::holder(&world, Uuid::from_u128(7), "a test".to_owned());
        PeersLock::acquire(&world, &plan(Vec::new()), &holder)
    }

    #[test]
    fn it_goes_with_its_run() {
        let center = Center::new();
        let lock = taken(&center).unwrap();
        let file = center.world().local.path(FILE);
        assert!(file.exists());
        assert_eq!(lock.still_ours(), Ok(()));
        drop(lock);
        assert!(!file.exists());
    }

    #[test]
    fn one_that_a_killed_run_of_this_headnode_left_is_taken_over_and_another_headnodes_is_not() {
        let center = Center::new();
        let world = center.world();
        let lock = taken(&center).unwrap();
        let mut left = lock.holder.clone();
        drop(lock);
        left.pid += 1;
        let leave = |holder: &Holder| {
            let bytes = serde_json::to_vec(holder).unwrap();
            world.local.write_atomic(FILE, &bytes, 0o600).unwrap();
        };
        leave(&left);
        drop(taken(&center).unwrap());

        left.server = Uuid::from_u128(77);
        left.host = "headnode7".to_owned();
        leave(&left);
        let why = taken(&center).err().unwrap();
        assert!(why.contains("headnode7") && why.contains("remove"), "{why}");
        assert!(world.local.path(FILE).exists());
    }

    #[test]
    fn a_run_whose_lock_was_taken_from_it_notices() {
        let center = Center::new();
        let lock = taken(&center).unwrap();
        let mut other = lock.holder.clone();
        other.server = Uuid::from_u128(77);
        let bytes = serde_json::to_vec(&other).unwrap();
        let local = center.world().local.clone();
        local.write_atomic(FILE, &bytes, 0o600).unwrap();
        assert!(lock.confirm().is_err());
        drop(lock);
        assert!(local.path(FILE).exists(), "it is the other's");
    }
}
