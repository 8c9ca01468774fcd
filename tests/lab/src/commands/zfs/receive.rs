// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `zfs receive -s -u DATASET`: full and incremental streams, refused as the real one refuses them.

use std::sync::Arc;

use crate::call::Call;
use crate::lab::Lab;
use crate::model::{Host, Snapshot};

use super::change::new_dataset;
use super::stream::{self, Arrived, Cut, Header};
use super::{Outcome, Refused, files, fresh};

pub fn receive(lab: &Arc<Lab>, call: &mut Call, args: &[&str]) -> Outcome {
    let name = match *args {
        ["-s", "-u", name] => name,
        ["-A", name] => return abort(lab, &call.host, name),
        _ => {
            return Err(Refused::usage(
                "the lab knows only receive -s -u filesystem and receive -A filesystem",
            ));
        }
    };
    let arrived = match stream::read(&call.stdin) {
        Ok(arrived) => arrived,
        // Without a beginning nothing was received.
        Err(Cut { header: None }) => {
            return Err(Refused::new("cannot receive: failed to read from stream"));
        }
        Err(Cut {
            header: Some(header),
        }) => {
            // A stream that does not fit is refused at its beginning, before it could be cut.
            check(lab, &call.host, name, &header)?;
            let token = leave_token(lab, &call.host, name, &header);
            return Err(Refused::new(format!(
                "cannot receive resume stream: checksum mismatch or incomplete stream.\n\
                 Partially received snapshot is saved.\n\
                 A resuming stream can be generated on the sending system by running:\n    zfs send -t {token}"
            )));
        }
    };
    let base = check(lab, &call.host, name, &arrived.header)?;
    apply(lab, &call.host, name, arrived, base)
        .map_err(|error| Refused::new(format!("cannot receive into '{name}': {error}")))?;
    Ok(String::new())
}

/// Gives up a partial receive.
fn abort(lab: &Lab, host: &str, name: &str) -> Outcome {
    let mut dc = lab.dc();
    let at = dc
        .hosts
        .get_mut(host)
        .ok_or_else(|| Refused::new("no such host"))?;
    let dataset = at
        .datasets
        .get_mut(name)
        .filter(|dataset| dataset.receive_resume_token.is_some());
    let Some(dataset) = dataset else {
        return Err(Refused::new(format!(
            "'{name}' does not have any resumable receive state to abort"
        )));
    };
    dataset.receive_resume_token = None;
    if dataset.snapshots.is_empty() {
        at.datasets.remove(name);
    }
    Ok(String::new())
}

/// What a cut stream leaves: a dataset, if there was none, that can only be gone on with or given up.
fn leave_token(lab: &Lab, host: &str, name: &str, header: &Header) -> String {
    let token = format!("1-{}-{}", header.guid, header.from.unwrap_or(0));
    let mut dc = lab.dc();
    let Some(at) = dc.hosts.get_mut(host) else {
        return token;
    };
    at.datasets
        .entry(name.to_owned())
        .or_insert_with(|| new_dataset(lab))
        .receive_resume_token = Some(token.clone());
    token
}

/// The dataset's own snapshot that the stream starts from, or why it can't be received.
fn check(lab: &Lab, host: &str, name: &str, header: &Header) -> Result<Option<Snapshot>, Refused> {
    let dc = lab.dc();
    let at = dc
        .hosts
        .get(host)
        .ok_or_else(|| Refused::new("no such host"))?;
    let Some(dataset) = at.datasets.get(name) else {
        let parent = name
            .rsplit_once('/')
            .is_some_and(|(parent, _)| at.datasets.contains_key(parent));
        return match header.from {
            _ if !parent => Err(Refused::new(format!(
                "cannot open '{name}': dataset does not exist"
            ))),
            Some(from) if header.clone => match owner_of(at, from) {
                Some((_, origin)) => Ok(Some(origin.clone())),
                None => Err(Refused::new(format!(
                    "cannot receive: local origin for clone {name}@{} does not exist",
                    header.to
                ))),
            },
            Some(_) => Err(Refused::new(format!(
                "cannot receive incremental stream: destination '{name}' does not exist"
            ))),
            None => Ok(None),
        };
    };
    if dataset.receive_resume_token.is_some() {
        if header.token == dataset.receive_resume_token {
            let base = header.from.and_then(|from| match header.clone {
                true => owner_of(at, from).map(|(_, origin)| origin),
                false => dataset.snapshots.iter().find(|s| s.guid == from),
            });
            return Ok(base.cloned());
        }
        return Err(Refused::new(format!(
            "cannot receive: destination {name} contains partially-complete state from \"zfs receive -s\"."
        )));
    }
    let Some(from) = header.from else {
        return Err(Refused::new(format!(
            "cannot receive new filesystem stream: destination '{name}' exists\nmust specify -F to overwrite it"
        )));
    };
    if dataset
        .snapshots
        .iter()
        .any(|known| known.name == header.to)
    {
        return Err(Refused::new(format!(
            "cannot restore to {name}@{}: destination already exists",
            header.to
        )));
    }
    // Any of its snapshots will do, as long as nothing changed since.
    let base = dataset.snapshots.iter().find(|known| known.guid == from);
    let Some(base) = base.cloned() else {
        return Err(Refused::new(format!(
            "cannot receive incremental stream: most recent snapshot of {name} does not\nmatch incremental source"
        )));
    };
    let (live, frozen) = (
        lab.dataset_files(host, &dataset.store),
        lab.dataset_files(host, &base.store),
    );
    if files::written(&frozen, &live) > 0 {
        return Err(Refused::new(format!(
            "cannot receive incremental stream: destination {name} has been modified\nsince most recent snapshot"
        )));
    }
    Ok(Some(base))
}

/// The snapshot of that GUID, and the dataset it is of.
fn owner_of(host: &Host, guid: u64) -> Option<(&String, &Snapshot)> {
    host.datasets.iter().find_map(|(name, dataset)| {
        let found = dataset.snapshots.iter().find(|one| one.guid == guid);
        Some((name, found?))
    })
}

fn apply(
    lab: &Lab,
    host: &str,
    name: &str,
    arrived: Arrived,
    base: Option<Snapshot>,
) -> std::io::Result<()> {
    let Arrived { header, entries } = arrived;
    let store = format!("s{}-{}", lab.now_ms(), fresh());
    let frozen = lab.dataset_files(host, &store);
    match base {
        Some(base) => files::copy(&lab.dataset_files(host, &base.store), &frozen)?,
        None => std::fs::create_dir_all(&frozen)?,
    }
    for path in header.removed.iter().rev() {
        files::remove(&frozen.join(path))?;
    }
    for (path, entry, content) in entries {
        files::put(&frozen, &path, &entry, || Ok(content))?;
    }
    let snapshot = Snapshot {
        name: header.to,
        guid: header.guid,
        creation: header.creation,
        createtxg: fresh(),
        referenced: files::size(&frozen),
        holds: Vec::new(),
        properties: Default::default(),
        store,
    };
    // The whole becomes visible at once: nobody sees half a receive.
    let live = format!("d{}-{}", lab.now_ms(), fresh());
    files::copy(&frozen, &lab.dataset_files(host, &live))?;
    let before = {
        let mut dc = lab.dc();
        let Some(at) = dc.hosts.get_mut(host) else {
            return Ok(());
        };
        let origin = header.from.filter(|_| header.clone).and_then(|from| {
            let (owner, origin) = owner_of(at, from)?;
            Some(format!("{owner}@{}", origin.name))
        });
        let dataset = at
            .datasets
            .entry(name.to_owned())
            .or_insert_with(|| new_dataset(lab));
        dataset.receive_resume_token = None;
        dataset.origin = dataset.origin.take().or(origin);
        dataset.snapshots.push(snapshot);
        std::mem::replace(&mut dataset.store, live)
    };
    files::remove(&lab.dataset_files(host, &before))
}
