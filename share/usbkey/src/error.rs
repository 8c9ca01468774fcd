// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Why something about a boot medium could not be done.

use std::io;
use std::path::Path;

/// `Bad` and `Refused` wrote nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{doing}: {source}")]
    File { doing: String, source: io::Error },
    /// What was given is not what it should be; the same call will fail the same way.
    #[error("{0}")]
    Bad(String),
    /// A precondition does not hold.
    #[error("{0}")]
    Refused(String),
}

impl Error {
    pub(crate) fn file(verb: &str, path: impl AsRef<Path>, source: io::Error) -> Error {
        Error::File {
            doing: format!("can't {verb} {}", path.as_ref().display()),
            source,
        }
    }

    /// The reader of our output went away.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Error::File { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }
}
