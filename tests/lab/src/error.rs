// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The one error of the lab's machinery: what was attempted, and why it failed.

use std::fmt::Display;
use std::io;

#[derive(Debug, thiserror::Error)]
pub enum LabError {
    #[error("{attempted}: {source}")]
    Io {
        attempted: String,
        source: io::Error,
    },
    /// The kernel does not let this user make namespaces.
    #[error(
        "{attempted}: {source}\n\
         The lab needs an unprivileged user namespace, or root. Enable one of these and try again:\n\
         \x20 sysctl -w kernel.unprivileged_userns_clone=1               (Debian's switch, where it exists)\n\
         \x20 sysctl -w user.max_user_namespaces=15000                   (where it is 0)\n\
         \x20 sysctl -w kernel.apparmor_restrict_unprivileged_userns=0   (Ubuntu 23.10 and later)\n\
         \x20 in a container: run it with --privileged, or with --cap-add SYS_ADMIN,NET_ADMIN and without seccomp and AppArmor profiles"
    )]
    Namespaces {
        attempted: String,
        source: io::Error,
    },
    /// The person asked for something that can't be.
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Failed(String),
}

impl LabError {
    /// Exit code of the `lab` command: 3 when the machine or the request doesn't allow it.
    pub fn exit_code(&self) -> u8 {
        match self {
            LabError::Namespaces { .. } | LabError::Refused(_) => 3,
            LabError::Io { .. } | LabError::Failed(_) => 1,
        }
    }
}

pub type Result<T> = std::result::Result<T, LabError>;

/// Says what was attempted when an input or output operation failed.
pub trait Attempted<T> {
    fn attempted(self, what: impl Display) -> Result<T>;
}

impl<T, E: Into<io::Error>> Attempted<T> for std::result::Result<T, E> {
    fn attempted(self, what: impl Display) -> Result<T> {
        self.map_err(|source| LabError::Io {
            attempted: what.to_string(),
            source: source.into(),
        })
    }
}
