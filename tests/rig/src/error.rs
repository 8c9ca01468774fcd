// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The rig's one error, and how it becomes an exit code.

use std::fmt::Display;
use std::io;

#[derive(Debug, thiserror::Error)]
pub enum RigError {
    /// This machine can't have a rig, or doesn't have one yet. Tests that meet it skip themselves.
    #[error("no rig: {0}")]
    CannotHere(String),
    /// The person asked for something that can't be.
    #[error("{0}")]
    Refused(String),
    #[error("{attempted}: {source}")]
    Io {
        attempted: String,
        source: io::Error,
    },
    #[error("{0}")]
    Failed(String),
}

pub type Result<T> = std::result::Result<T, RigError>;

impl RigError {
    /// 3 where the machine or the request doesn't allow it, 1 where something broke.
    pub fn exit_code(&self) -> u8 {
        match self {
            RigError::CannotHere(_) | RigError::Refused(_) => 3,
            RigError::Io { .. } | RigError::Failed(_) => 1,
        }
    }
}

/// Says what was attempted when an input or output operation failed.
pub trait Attempted<T> {
    fn attempted(self, what: impl Display) -> Result<T>;
}

impl<T, E: Into<io::Error>> Attempted<T> for std::result::Result<T, E> {
    fn attempted(self, what: impl Display) -> Result<T> {
        self.map_err(|source| RigError::Io {
            attempted: what.to_string(),
            source: source.into(),
        })
    }
}
