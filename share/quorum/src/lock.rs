// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The run lock: one run at a time changes a datacenter. The recipe is ZooKeeper's own: whoever has the lowest number among
//! the nodes that end with their sessions holds it. Nobody queues here, though: who comes second is told who is first.

use std::fmt;

use documents::{Timestamp, Uuid};
use serde::{Deserialize, Serialize};

use crate::error::QuorumError;
use crate::session::Session;

pub const FOLDER: &str = "/triton-headnode/lock";
const PREFIX: &str = "/triton-headnode/lock/run-";

/// Who holds the lock, in words for whoever is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Run identity.
    pub run: Uuid,
    /// The server that it runs on, and its name.
    pub server: Uuid,
    pub host: String,
    pub pid: u32,
    /// What for: `restore imgapi by triton-svc-restore/0.1.0`.
    pub purpose: String,
    pub since: Timestamp,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Holder {
            run,
            host,
            pid,
            purpose,
            since,
            ..
        } = self;
        write!(
            f,
            "run {run} on {host} (process {pid}, since {since}: {purpose})"
        )
    }
}

/// Held until it is dropped, or its session ends.
pub struct RunLock {
    session: Session,
    path: String,
    words: Vec<u8>,
    epoch: i64,
}

impl RunLock {
    /// Takes the lock or says who has it.
    ///
    /// The caller holds its own headnode's local lock already. So a holder of this same server is a process that has died,
    /// and whose session has not run out yet: its node is taken out of the way, and a killed run can be started again at once.
    pub fn acquire(session: &Session, holder: &Holder) -> Result<RunLock, QuorumError> {
        session.make_folder(FOLDER)?;
        let words = serde_json::to_vec(holder).unwrap_or_default();
        let path = session.create_in_line(PREFIX, &words)?;
        match RunLock::enter(session, &path, holder) {
            Ok(epoch) => Ok(RunLock {
                session: session.clone(),
                path,
                words,
                epoch,
            }),
            Err(error) => {
                // Should this fail, it ends with the session.
                let _ = session.remove(&path);
                Err(error)
            }
        }
    }

    /// Looks who is before us; the epoch when nobody is.
    fn enter(session: &Session, path: &str, holder: &Holder) -> Result<i64, QuorumError> {
        for name in session.children(FOLDER)? {
            let other = format!("{FOLDER}/{name}");
            if other.as_str() >= path {
                continue;
            }
            let Some(node) = session.get(&other)? else {
                continue;
            };
            let by: Holder =
                serde_json::from_slice(&node.bytes).map_err(|error| QuorumError::Damaged {
                    path: other.clone(),
                    why: error.to_string(),
                })?;
            if by.server == holder.server {
                tracing::info!("{by} has died: its lock is taken out of the way");
                session.remove(&other)?;
                continue;
            }
            return Err(QuorumError::Held {
                by: Box::new(by),
                session_seconds: session.timeout().as_secs(),
            });
        }
        match session.get(path)? {
            Some(node) => Ok(node.created),
            None => Err(QuorumError::Lost {
                why: format!("{path} was removed as soon as it was made"),
            }),
        }
    }

    /// Who holds the lock now, if anybody.
    pub fn holder(session: &Session) -> Result<Option<Holder>, QuorumError> {
        for name in session.children(FOLDER)? {
            let path = format!("{FOLDER}/{name}");
            if let Some(node) = session.get(&path)? {
                let holder = serde_json::from_slice(&node.bytes);
                return holder.map(Some).map_err(|error| QuorumError::Damaged {
                    path,
                    why: error.to_string(),
                });
            }
        }
        Ok(None)
    }

    /// Grows with each holder: of two, the greater came later.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Has a majority confirm it, by a write. Asked right before each step: a lock that can't be confirmed is no lock.
    pub fn still_held(&self) -> Result<(), QuorumError> {
        let lost = |why: String| QuorumError::Lost { why };
        let gone = || {
            lost(format!(
                "{} is gone: our session ran out, or someone removed it",
                self.path
            ))
        };
        if !self.session.confirm(&self.path, &self.words)? {
            return Err(gone());
        }
        // Read after our own write, so no older than it.
        let node = self.session.get(&self.path)?.ok_or_else(gone)?;
        if node.owner != Some(self.session.id()) || node.created != self.epoch {
            return Err(lost(format!("{} is someone else's", self.path)));
        }
        // Whoever took ours for dead has taken it away; one who stands before us can only be an error of ours.
        let first = self.session.children(FOLDER)?.into_iter().next();
        match first.map(|name| format!("{FOLDER}/{name}")) {
            Some(first) if first == self.path => Ok(()),
            Some(first) => Err(lost(format!("{first} comes before {}", self.path))),
            None => Err(lost(format!("{FOLDER} is empty"))),
        }
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // Where it can't be removed it ends with the session.
        let _ = self.session.remove(&self.path);
    }
}
