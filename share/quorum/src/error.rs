// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Why the ensemble did not do what was asked, for an operator.

use crate::lock::Holder;

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum QuorumError {
    /// Nobody who speaks for a majority answers.
    #[error(
        "no majority of the datacenter's ZooKeeper answers (asked {servers}: {why}); bring a binder back, or see the other \
         headnodes: they may be on the side that has the majority"
    )]
    NoMajority { servers: String, why: String },

    #[error("{by} holds the run lock of this datacenter; wait for it to end. {}", after_death(*.session_seconds))]
    Held {
        by: Box<Holder>,
        /// How long the lock of a holder that died stays, at most.
        session_seconds: u64,
    },

    /// We had the lock, and have it no more.
    #[error("the run lock of this datacenter is lost: {why}; see who holds it before going on")]
    Lost { why: String },

    #[error("could not {attempted} in ZooKeeper at {servers}: {why}")]
    Operation {
        attempted: String,
        servers: String,
        why: String,
    },

    /// Somebody else wrote it since it was read.
    #[error("{path} in ZooKeeper was changed by someone else meanwhile; look again")]
    Raced { path: String },

    #[error("{path} in ZooKeeper is not what it should be: {why}")]
    Damaged { path: String, why: String },

    #[error("could not {attempted}: {why}")]
    Here { attempted: String, why: String },
}

fn after_death(seconds: u64) -> String {
    format!("Should it have died, its lock ends by itself within {seconds} s")
}

impl QuorumError {
    /// Trying the same again may help.
    pub fn may_retry(&self) -> bool {
        match self {
            QuorumError::NoMajority { .. }
            | QuorumError::Held { .. }
            | QuorumError::Raced { .. }
            | QuorumError::Operation { .. } => true,
            QuorumError::Lost { .. } | QuorumError::Damaged { .. } | QuorumError::Here { .. } => {
                false
            }
        }
    }
}
