// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! This headnode as both ends of a sync: as a source, for others and for itself, and the pool that copies are received into.

mod bookmarks;
mod pool;
mod source;

use documents::Timestamp;
use platform::{CommandError, FailureKind, Host, PipeError, imgadm, zfs};
use serde_json::Value;

pub use pool::HostPool;
pub use source::HostSource;

use crate::error::SyncError;
use crate::snapshots::Snapshot;

/// Manifests of installed images.
fn manifests(host: &Host) -> Result<Vec<Value>, SyncError> {
    let what = "list the images";
    let images = imgadm::list(host).map_err(|error| failed(what, error))?;
    let manifests = images
        .iter()
        .map(|image| serde_json::to_value(&image.manifest));
    let manifests: Result<Vec<Value>, _> = manifests.collect();
    manifests.map_err(|error| SyncError::command(what, error))
}

/// `bytes` is what it refers to, where that is known.
fn snapshot(listed: &zfs::Snapshot, bytes: u64) -> Snapshot {
    Snapshot {
        dataset: listed.dataset().to_owned(),
        name: listed.own_name().to_owned(),
        guid: listed.guid.to_string(),
        taken_at: Timestamp::from_millis(listed.creation.saturating_mul(1000)),
        bytes,
        needed: listed.userrefs > 0 || !listed.clones.is_empty(),
        bookmark: false,
    }
}

fn remove_snapshot(host: &Host, dataset: &str, name: &str) -> Result<(), SyncError> {
    let full = format!("{dataset}@{name}");
    zfs::destroy_snapshot(host, &full)
        .map_err(|error| failed(&format!("remove the old snapshot {full}"), error))
}

pub(crate) fn failed(what: &str, error: platform::Error) -> SyncError {
    match &error {
        platform::Error::Command(command) => command_failed(what, command),
        _ => SyncError::command(what, error),
    }
}

pub(crate) fn command_failed(what: &str, error: &CommandError) -> SyncError {
    match error.kind() {
        FailureKind::Unreachable => SyncError::Unreachable {
            host: error.host().to_owned(),
            why: error.stderr().trim().to_owned(),
        },
        _ => SyncError::command(what, error),
    }
}

pub(crate) fn pipe_failed(what: &str, error: &PipeError) -> SyncError {
    let sides = [&error.from, &error.to];
    let away = sides
        .into_iter()
        .flatten()
        .find(|side| side.kind() == FailureKind::Unreachable);
    match away {
        Some(side) => command_failed(what, side),
        None => SyncError::command(what, error),
    }
}
