// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Holds on snapshots that sync took, here: whose they are, and what they keep. Sync takes none itself, as ZFS keeps what it is
//! sending; a hold that is found is somebody's decision, unless its tag says that it is of sync.

use platform::{Host, zfs};
use serde::Serialize;

use crate::error::SyncError;
use crate::hosts::failed;
use crate::names;

/// What tags of ours begin with.
const OURS: &str = "triton-sync";

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Held {
    pub snapshot: String,
    pub tag: String,
    /// Whether it may be released by us.
    pub ours: bool,
    pub why: String,
}

/// All holds on snapshots that sync took, be it as source or as target.
pub fn list(host: &Host) -> Result<Vec<Held>, SyncError> {
    let what = "list the holds";
    let snapshots = zfs::snapshot_tree(host, "zones").map_err(|error| failed(what, error))?;
    let mut held = Vec::new();
    for snapshot in snapshots {
        if snapshot.userrefs == 0 || !names::is_anybodys(snapshot.own_name()) {
            continue;
        }
        let holds = zfs::holds(host, &snapshot.name).map_err(|error| failed(what, error))?;
        held.extend(
            holds
                .into_iter()
                .map(|hold| explained(hold.snapshot, hold.tag)),
        );
    }
    Ok(held)
}

fn explained(snapshot: String, tag: String) -> Held {
    let ours = tag.starts_with(OURS);
    let copy = names::is_copy(&snapshot);
    let why = match (ours, copy) {
        (true, _) => "its tag is of sync, which holds nothing between its runs; it may go",
        (false, true) => "somebody keeps this restore point; it is not pruned while it is held",
        (false, false) => {
            "somebody keeps this snapshot; it is not removed from the source while it is held"
        }
    };
    Held {
        snapshot,
        tag,
        ours,
        why: why.to_owned(),
    }
}

/// Takes away a hold of ours.
pub fn release(host: &Host, held: &Held) -> Result<(), SyncError> {
    let what = format!("release the hold {} on {}", held.tag, held.snapshot);
    match held.ours {
        true => zfs::release(host, &held.tag, &held.snapshot).map_err(|error| failed(&what, error)),
        false => Err(SyncError::command(what, "it is not ours")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tags_of_ours_may_be_released_and_each_hold_is_explained() {
        let ours = "zones/a/data@triton-sync-b4c04f334731-20261123T000000Z";
        let all = [
            explained(ours.to_owned(), "triton-sync-send".to_owned()),
            explained(ours.to_owned(), "keep-for-audit".to_owned()),
        ];
        assert!(all[0].ours && !all[1].ours);
        assert!(all[1].why.contains("somebody"));
        assert!(release(&Host::local("/"), &all[1]).is_err());
    }
}
