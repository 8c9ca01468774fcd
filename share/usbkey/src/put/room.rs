// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Whether a medium has room for what is to be written, and for what that replaces.

use std::path::Path;

use rustix::fs::statvfs;

use super::change::Change;
use crate::Error;

/// A cluster of a large FAT32; every file takes whole ones.
const CLUSTER: u64 = 32 * 1024;

/// Room that is never filled.
const RESERVE: u64 = 16 << 20;

/// Whether there is room to keep what is replaced; an error where there is not even room for what is to be written.
pub(super) fn room(changes: &[Change<'_>], medium: &Path) -> Result<bool, Error> {
    let about = statvfs(medium).map_err(|error| Error::file("look at", medium, error.into()))?;
    let free = about.f_bavail.saturating_mul(about.f_frsize);
    let takes = |size: u64| size.div_ceil(CLUSTER).max(1) * CLUSTER;
    let new: u64 = changes.iter().map(|change| takes(change.wanted.size)).sum();
    let old: u64 = changes
        .iter()
        .filter_map(|change| change.old.as_ref())
        .map(|old| takes(old.size))
        .sum();
    // Old and new are there together for a moment, one file at a time.
    let largest = changes.iter().map(|change| takes(change.wanted.size)).max();
    let least = new.saturating_sub(old) + largest.unwrap_or(0);
    if least > free {
        return Err(Error::Refused(format!(
            "{} has {} MiB free, and what is to be written needs {} MiB; nothing was written. Remove platforms that nothing \
             boots any more (sdcadm platform remove), or take a larger key",
            medium.display(),
            free >> 20,
            least.div_ceil(1 << 20)
        )));
    }
    Ok(free >= new + old + RESERVE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entry, Item};

    #[test]
    fn more_than_the_medium_holds_is_refused_with_the_figures() {
        let key = tempfile::tempdir().unwrap();
        let huge = Item {
            size: 1 << 50,
            ..Item::of_bytes(Vec::new(), 0o644, 0)
        };
        let change = Change {
            item: &huge,
            wanted: Entry {
                path: "os/x".to_owned(),
                size: 1 << 50,
                mode: None,
                sha256: String::new(),
            },
            old: None,
        };
        let error = room(&[change], key.path()).unwrap_err();
        assert!(error.to_string().contains("MiB free"), "{error}");
    }
}
