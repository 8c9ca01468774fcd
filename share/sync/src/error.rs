// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What goes wrong in a sync, in words for an operator.

use std::io;
use std::path::{Path, PathBuf};

use documents::DocumentError;
use platform::LockError;

#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The other headnode can't be reached; trying again later may help.
    #[error("{host} does not answer: {why}")]
    Unreachable { host: String, why: String },
    /// A command failed; `why` is its own words.
    #[error("can't {what}: {why}")]
    Command { what: String, why: String },
    #[error("{host} says that it is the server {found}, not {wanted}; not synced from it")]
    WrongServer {
        host: String,
        found: String,
        wanted: String,
    },
    #[error("can't {what} {path}: {source}")]
    File {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{path}: {source}")]
    Document {
        path: PathBuf,
        source: DocumentError,
    },
    /// Restore data that is not what its generation says.
    #[error("{path}: {why}; this generation is not used")]
    Damaged { path: PathBuf, why: String },
    /// A copy whose newest snapshot is not the source's.
    #[error("the copy of {dataset} is not the source's: {why}; its restore point is not recorded")]
    NotWhole { dataset: String, why: String },
    #[error(
        "{dataset} would take {needed} bytes of the {free} that are free here, of which {reserve} are kept back; its last \
         restore point stays. Free room in the pool zones, or lower --reserve, and sync again"
    )]
    NoRoom {
        dataset: String,
        needed: u64,
        free: u64,
        reserve: u64,
    },
    /// The configuration of this headnode lacks something, or a run was asked for that makes no sense.
    #[error("{0}")]
    Setup(String),
    /// A copy that should be put aside, but that an unfinished run names.
    #[error(
        "{why}; the copy {copy} is left as it is while the run in {run} needs it: finish that run, then sync again"
    )]
    Needed {
        copy: String,
        why: String,
        run: String,
    },
    #[error("{0} is this headnode; --local syncs it to itself")]
    Itself(String),
    #[error("no headnode is named {name}{}", list(known))]
    NoSuchHeadnode { name: String, known: String },
    /// A plan is being applied here; it goes before.
    #[error(
        "process {pid} ({purpose}) changes the datacenter since {since}; nothing was pulled; sync again when it is over"
    )]
    Paused {
        pid: u32,
        purpose: String,
        since: String,
    },
    /// Another run pulls to this headnode.
    #[error(transparent)]
    Lock(#[from] LockError),
}

fn list(known: &str) -> String {
    match known {
        "" => String::new(),
        known => format!("; there are {known}"),
    }
}

impl SyncError {
    pub fn command(what: impl Into<String>, why: impl std::fmt::Display) -> SyncError {
        SyncError::Command {
            what: what.into(),
            why: why.to_string(),
        }
    }

    pub(crate) fn file(
        what: &'static str,
        path: &Path,
    ) -> impl FnOnce(io::Error) -> SyncError + use<> {
        let path = path.to_owned();
        move |source| SyncError::File { what, path, source }
    }
}
