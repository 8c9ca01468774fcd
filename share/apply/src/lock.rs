// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! One plan at a time changes a datacenter. The lock of this headnode is always taken; `locks` has what
//! reaches farther. sdcadm's own lock is held too, so that neither works under the other's feet.

use platform::{Holder, Host, Lock};

/// How far the lock of a run must reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// No other run on the headnodes that this one reaches, and none in the datacenter where a majority answers. Where none does,
    /// a headnode that is not reached may run another plan meanwhile: the operator has taken that risk.
    #[default]
    Reached,
    /// No other run in the datacenter, by the word of a majority of its ZooKeeper.
    Datacenter,
}

/// A lock that lets one run change things.
pub trait RunLock: Sync {
    /// How far it reaches, for the first event of a run.
    fn scope(&self) -> &'static str;

    /// Asked right before each step; the error says how the lock was lost.
    fn still_ours(&self) -> Result<(), String>;
}

/// Locks on this headnode alone; released when dropped, or when the process ends however it ends.
pub struct LocalLock {
    host: Host,
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
            host: host.clone(),
            _run: take(RUN)?,
            _sdcadm: take(SDCADM)?,
        })
    }
}

impl RunLock for LocalLock {
    fn scope(&self) -> &'static str {
        "this headnode"
    }

    /// The kernel does not take a lock away, but someone may have removed its file: then another run can lock a new one.
    fn still_ours(&self) -> Result<(), String> {
        for path in [RUN, SDCADM] {
            let bytes = self.host.read(path).map_err(|error| error.to_string())?;
            let holder = serde_json::from_slice::<Holder>(&bytes).ok();
            if holder.map(|holder| holder.pid) != Some(std::process::id()) {
                return Err(format!(
                    "{path} is not this run's any more; was it removed? See what else runs before going on"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_plan_at_a_time_and_the_other_is_told_who_runs() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::local(root.path());
        let lock = LocalLock::acquire(&host, "run 7 of a test").unwrap();
        let error = LocalLock::acquire(&host, "run 8").err().unwrap();
        assert!(error.contains("run 7 of a test"), "{error}");
        drop(lock);
        LocalLock::acquire(&host, "run 8").unwrap();
    }

    #[test]
    fn sdcadm_at_work_keeps_a_run_from_starting() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::local(root.path());
        host.make_dir_all("/var/run", 0o755).unwrap();
        let sdcadm = Lock::try_acquire(host.path(SDCADM), "sdcadm post-setup").unwrap();
        let error = LocalLock::acquire(&host, "run 7").err().unwrap();
        assert!(error.contains("sdcadm post-setup"), "{error}");
        drop(sdcadm);
    }

    #[test]
    fn a_lock_whose_file_was_removed_is_lost() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::local(root.path());
        let lock = LocalLock::acquire(&host, "run 7").unwrap();
        assert_eq!(lock.still_ours(), Ok(()));
        host.remove_file(RUN).unwrap();
        assert!(lock.still_ours().is_err());
    }
}
