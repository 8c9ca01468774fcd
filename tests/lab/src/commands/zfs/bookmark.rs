// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Bookmarks: what is left of a snapshot to send from. The lab keeps the snapshot's files for that, where ZFS needs only to
//! know when it was.

use crate::lab::Lab;
use crate::model::{Dataset, Host, Snapshot};

use super::change::{io, no_dataset};
use super::{Outcome, Refused, files, fresh};

/// `bookmark SNAPSHOT BOOKMARK`
pub fn bookmark(lab: &Lab, host: &str, args: &[&str]) -> Outcome {
    let [snapshot, to] = *args else {
        return Err(Refused::usage(
            "usage: bookmark <snapshot|bookmark> <newbookmark>",
        ));
    };
    let refused = |why: &str| Refused::new(format!("cannot create bookmark '{to}': {why}"));
    let (Some((name, own)), Some((of, mark))) = (snapshot.split_once('@'), to.split_once('#'))
    else {
        return Err(refused("invalid snapshot or bookmark name"));
    };
    if of != name {
        return Err(refused("bookmark is in a different dataset"));
    }
    let source = {
        let dc = lab.dc();
        let dataset = dataset(dc.hosts.get(host), name).ok_or_else(|| no_dataset("open", name))?;
        if dataset.bookmarks.iter().any(|known| known.name == mark) {
            return Err(refused("bookmark exists"));
        }
        let found = dataset.snapshots.iter().find(|known| known.name == own);
        found.cloned().ok_or_else(|| Refused::absent(snapshot))?
    };
    let store = format!("b{}-{}", lab.now_ms(), fresh());
    files::copy(
        &lab.dataset_files(host, &source.store),
        &lab.dataset_files(host, &store),
    )
    .map_err(|error| io("create bookmark", to, &error))?;
    let mut dc = lab.dc();
    let found = dc
        .hosts
        .get_mut(host)
        .and_then(|at| at.datasets.get_mut(name));
    let dataset = found.ok_or_else(|| no_dataset("open", name))?;
    dataset.bookmarks.push(Snapshot {
        name: mark.to_owned(),
        store,
        ..source
    });
    Ok(String::new())
}

fn dataset<'a>(host: Option<&'a Host>, name: &str) -> Option<&'a Dataset> {
    host?.datasets.get(name)
}

/// `destroy DATASET#BOOKMARK`
pub fn destroy(lab: &Lab, host: &str, full: &str, name: &str, own: &str) -> Outcome {
    let mut dc = lab.dc();
    let found = dc
        .hosts
        .get_mut(host)
        .and_then(|at| at.datasets.get_mut(name));
    let dataset = found.ok_or_else(|| no_dataset("open", name))?;
    let index = dataset.bookmarks.iter().position(|known| known.name == own);
    let Some(index) = index else {
        return Err(Refused::new(format!("bookmark '{full}' does not exist.")));
    };
    let gone = dataset.bookmarks.remove(index);
    // The folder goes with it; one that stays behind takes room and nothing else.
    let _ = std::fs::remove_dir_all(lab.dataset_files(host, &gone.store));
    Ok(String::new())
}
