// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! How a sync ends: what its errors and summaries mean for the exit code.

use cli::{Exit, Failure};
use platform::LockError;
use sync::{SourceSummary, SyncError};

/// Why nothing was done at all.
pub fn failure(error: SyncError) -> Failure {
    match &error {
        SyncError::Lock(LockError::Held(_)) | SyncError::Paused { .. } => Failure::refused(error),
        SyncError::NoSuchHeadnode { .. } | SyncError::Itself(_) => Failure::bad(error),
        _ => Failure::failed(error),
    }
}

/// A sync is done when every source is here as of now.
pub fn exit(summaries: &[SourceSummary]) -> Exit {
    match summaries.iter().all(SourceSummary::is_whole) {
        true => Exit::Done,
        false => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_nobody_has_is_bad_input_and_a_restore_goes_before() {
        let unknown = SyncError::NoSuchHeadnode {
            name: "headnode7".to_owned(),
            known: "headnode0".to_owned(),
        };
        assert_eq!(failure(unknown).exit, Exit::Bad);
        let paused = SyncError::Paused {
            pid: 7,
            purpose: "triton-apply".to_owned(),
            since: "now".to_owned(),
        };
        assert_eq!(failure(paused).exit, Exit::Refused);
        let setup = SyncError::Setup("no configuration".to_owned());
        assert_eq!(failure(setup).exit, Exit::Failed);
    }
}
