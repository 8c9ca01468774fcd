// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! An exclusive lock on a file of this host, with the holder's name in it. It ends with its process, however that ends.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub pid: u32,
    /// What for, in words for a person.
    pub purpose: String,
    /// When it was taken, RFC 3339.
    pub since: String,
}

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("{0}")]
    Held(#[from] LockHeld),
    #[error("could not lock {}: {why}", path.display())]
    File { path: PathBuf, why: io::Error },
}

/// Someone else has it.
#[derive(Debug, thiserror::Error)]
#[error("{} is held{}", path.display(), self.words())]
pub struct LockHeld {
    pub path: PathBuf,
    /// `None` when it did not get to write its name yet.
    pub by: Option<Holder>,
}

impl LockHeld {
    fn words(&self) -> String {
        match &self.by {
            Some(Holder {
                pid,
                purpose,
                since,
            }) => {
                format!(" by process {pid} since {since}: {purpose}; wait for it to end")
            }
            None => " by another process; wait for it to end".to_owned(),
        }
    }
}

/// Held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock or says who has it; never waits. The path is taken as it is (see [`Host::path`](crate::Host::path)),
    /// its folder must be there.
    pub fn try_acquire(path: impl AsRef<Path>, purpose: &str) -> Result<Lock, LockError> {
        let path = path.as_ref();
        let failed = |why| LockError::File {
            path: path.to_owned(),
            why,
        };
        // The file is never removed: a lock on one that another process no longer finds would exclude nobody.
        let mut options = OpenOptions::new();
        let options = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        let mut file = options.open(path).map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => (),
            Err(Errno::WOULDBLOCK) => {
                let path = path.to_owned();
                let by = read_holder(&mut file);
                return Err(LockHeld { path, by }.into());
            }
            Err(why) => return Err(failed(why.into())),
        }
        let holder = Holder {
            pid: std::process::id(),
            purpose: purpose.to_owned(),
            since: format!("{:.0}", jiff::Timestamp::now()),
        };
        write_holder(&mut file, &holder).map_err(failed)?;
        Ok(Lock { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A name that stays is harmless: the lock itself ends when the file is closed.
        let _ = self.file.set_len(0);
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

fn read_holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn write_holder(file: &mut File, holder: &Holder) -> io::Result<()> {
    let mut line = serde_json::to_vec(holder)?;
    line.push(b'\n');
    // What a holder that was killed left behind may be longer.
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(&line)?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_lock_says_who_has_it_and_what_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run lock");
        let lock = Lock::try_acquire(&path, "restore imgapi").unwrap();
        let LockError::Held(held) = Lock::try_acquire(&path, "sync").unwrap_err() else {
            panic!("it is held")
        };
        let by = held.by.as_ref().unwrap();
        assert_eq!(
            (by.pid, by.purpose.as_str()),
            (std::process::id(), "restore imgapi")
        );
        assert!(held.to_string().contains("restore imgapi"));
        drop(lock);
        Lock::try_acquire(&path, "sync").unwrap();
    }

    #[test]
    fn what_a_killed_holder_left_behind_is_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        std::fs::write(
            &path,
            "{\"pid\":1,\"purpose\":\"a long one that was killed\",\"since\":\"x\"}\n",
        )
        .unwrap();
        let lock = Lock::try_acquire(&path, "y").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            serde_json::from_str::<Holder>(&text).unwrap().purpose == "y",
            "{text}"
        );
        drop(lock);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = Lock::try_acquire("/nonexistent/x/lock", "x").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("could not lock /nonexistent/x/lock: ")
        );
    }
}
