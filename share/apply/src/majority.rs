// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a run holds by the word of a majority: the lock of the datacenter, and the fences that it declared. Each is confirmed
//! right before a step.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quorum::{Fence, QuorumError, RunLock, fence};

/// Shared by all that look at one world.
#[derive(Clone, Default)]
pub struct Majority(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    lock: Option<Arc<RunLock>>,
    declared: Vec<Fence>,
}

impl Majority {
    pub fn hold(&self, lock: RunLock) {
        self.held().lock = Some(Arc::new(lock));
    }

    pub fn let_go(&self) {
        self.held().lock = None;
    }

    /// None where the operator took the risk to do without.
    pub fn lock(&self) -> Option<Arc<RunLock>> {
        self.held().lock.clone()
    }

    /// From now on the run goes on only while this fence stands.
    pub fn rely_on(&self, fence: &Fence) {
        let mut held = self.held();
        held.declared.retain(|known| known.server != fence.server);
        held.declared.push(fence.clone());
    }

    pub fn still_held(&self) -> Result<(), QuorumError> {
        let (lock, declared) = {
            let held = self.held();
            (held.lock.clone(), held.declared.clone())
        };
        let Some(lock) = lock else {
            return Ok(());
        };
        lock.still_held()?;
        declared
            .iter()
            .try_for_each(|declared| fence::still_stands(lock.session(), declared))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
