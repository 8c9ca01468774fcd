// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A restore that runs here goes before: it uses the restore points, and a sync must not move them under it.

use std::fs;
use std::path::Path;

use platform::Holder;
use rustix::process::{Pid, test_kill_process};

/// The lock of the run that changes the datacenter, below the platform's root.
pub const RUN_LOCK: &str = "/var/sdcadm/triton-run.lock";

/// Who runs a plan here now. The lock itself is not touched: taking it, be it for a moment, could turn a restore away.
pub fn for_whom(lock: &Path) -> Option<Holder> {
    let holder: Holder = serde_json::from_slice(&fs::read(lock).ok()?).ok()?;
    // The name of a process that was killed stays in the file.
    let pid = Pid::from_raw(i32::try_from(holder.pid).ok()?)?;
    match test_kill_process(pid) {
        Ok(()) | Err(rustix::io::Errno::PERM) => Some(holder),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock_of(pid: u32) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let holder = Holder {
            pid,
            purpose: "triton-apply".to_owned(),
            since: "2026-11-23T05:10:00Z".to_owned(),
        };
        fs::write(file.path(), serde_json::to_vec(&holder).unwrap()).unwrap();
        file
    }

    #[test]
    fn a_restore_that_runs_is_waited_for() {
        let lock = lock_of(std::process::id());
        assert_eq!(for_whom(lock.path()).unwrap().purpose, "triton-apply");
    }

    #[test]
    fn one_that_was_killed_or_ended_is_not() {
        assert!(for_whom(lock_of(i32::MAX as u32).path()).is_none());
        assert!(for_whom(lock_of(0).path()).is_none());
        assert!(for_whom(Path::new("/nowhere/at all")).is_none());
        let empty = tempfile::NamedTempFile::new().unwrap();
        assert!(for_whom(empty.path()).is_none());
    }
}
