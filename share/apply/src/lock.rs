// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! One plan at a time changes a datacenter. Until the lock lies in the datacenter's ZooKeeper its scope is this headnode, and it
//! says so. sdcadm's own lock is held too, so that neither works under the other's feet.

use platform::{Host, Lock};

/// A lock that lets one run change things.
pub trait RunLock {
    /// How far it reaches, for the first event of a run.
    fn scope(&self) -> &'static str;
}

/// Locks on this headnode alone; released when dropped, or when the process ends however it ends.
pub struct LocalLock {
    _run: Lock,
    _sdcadm: Lock,
}

const RUN: &str = "/var/sdcadm/triton-run.lock";
const SDCADM: &str = "/var/run/sdcadm.lock";

impl LocalLock {
    /// The error says who holds it.
    pub fn acquire(host: &Host, purpose: &str) -> Result<LocalLock, String> {
        let take = |path: &str| {
            if let Some(folder) = std::path::Path::new(path).parent() {
                host.make_dir_all(folder, 0o755)
                    .map_err(|error| error.to_string())?;
            }
            Lock::try_acquire(host.path(path), purpose).map_err(|error| error.to_string())
        };
        Ok(LocalLock {
            _run: take(RUN)?,
            _sdcadm: take(SDCADM)?,
        })
    }
}

impl RunLock for LocalLock {
    fn scope(&self) -> &'static str {
        "this headnode"
    }
}
