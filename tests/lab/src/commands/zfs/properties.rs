// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a property of a dataset or snapshot is, and where it comes from.

use crate::lab::Lab;
use crate::model::{Dataset, Host, Snapshot};

use super::files;

/// Value and source, as `zfs get -p` prints them. `None` for what the object does not have.
pub fn of_dataset(
    lab: &Lab,
    host: &Host,
    name: &str,
    dataset: &Dataset,
    property: &str,
) -> Option<(String, String)> {
    let own = |value: String| Some((value, "-".to_owned()));
    let live = lab.dataset_files(&host.name, &dataset.store);
    match property {
        "name" => own(name.to_owned()),
        "type" => own("filesystem".to_owned()),
        "guid" => own(dataset.guid.to_string()),
        "creation" => own(dataset.creation.to_string()),
        "used" | "refer" | "referenced" => own(files::size(&live).to_string()),
        "avail" | "available" => own((host.pool_size - host.pool_size / 10).to_string()),
        "origin" => own(dataset.origin.clone().unwrap_or_else(|| "-".to_owned())),
        // A snapshot's own.
        "userrefs" | "clones" => own("-".to_owned()),
        "mounted" => own(if zoned(host, name) { "no" } else { "yes" }.to_owned()),
        "receive_resume_token" => own(dataset
            .receive_resume_token
            .clone()
            .unwrap_or_else(|| "-".to_owned())),
        "written" => {
            // A clone without a snapshot of its own goes on from its origin.
            let newest = dataset.snapshots.last().or_else(|| origin(host, dataset));
            own(since(lab, host, dataset, newest).to_string())
        }
        _ => match property.strip_prefix("written@") {
            Some(snapshot) => {
                let snapshot = dataset.snapshots.iter().find(|s| s.name == snapshot);
                let value = snapshot.map(|s| since(lab, host, dataset, Some(s)).to_string());
                // The real one says so of what nobody can set.
                let source = if value.is_some() { "local" } else { "-" };
                Some((value.unwrap_or_else(|| "-".to_owned()), source.to_owned()))
            }
            None => inherited(host, name, property),
        },
    }
}

fn origin<'a>(host: &'a Host, dataset: &Dataset) -> Option<&'a Snapshot> {
    let (from, name) = dataset.origin.as_ref()?.split_once('@')?;
    let snapshots = &host.datasets.get(from)?.snapshots;
    snapshots.iter().find(|snapshot| snapshot.name == name)
}

fn since(lab: &Lab, host: &Host, dataset: &Dataset, snapshot: Option<&Snapshot>) -> u64 {
    let live = lab.dataset_files(&host.name, &dataset.store);
    match snapshot {
        Some(snapshot) => files::written(&lab.dataset_files(&host.name, &snapshot.store), &live),
        None => files::size(&live),
    }
}

/// A property that can be set: here, on a parent, or its default.
pub fn inherited(host: &Host, name: &str, property: &str) -> Option<(String, String)> {
    let mut at = name;
    loop {
        if let Some(value) = host
            .datasets
            .get(at)
            .and_then(|d| d.properties.get(property))
        {
            let source = if at == name {
                "local".to_owned()
            } else {
                format!("inherited from {at}")
            };
            return Some((value.clone(), source));
        }
        // canmount is a dataset's own affair.
        match at.rsplit_once('/').filter(|_| property != "canmount") {
            Some((parent, _)) => at = parent,
            None => break,
        }
    }
    let default = match property {
        "mountpoint" => format!("/{name}"),
        "zoned" | "readonly" | "compression" | "atime" => "off".to_owned(),
        "canmount" => "on".to_owned(),
        "recordsize" => "131072".to_owned(),
        "quota" | "reservation" => "0".to_owned(),
        // A user property that is not set is no error.
        user if user.contains(':') => return Some(("-".to_owned(), "-".to_owned())),
        _ => return None,
    };
    Some((default, "default".to_owned()))
}

pub fn zoned(host: &Host, name: &str) -> bool {
    inherited(host, name, "zoned").is_some_and(|(value, _)| value == "on")
}

pub fn of_snapshot(
    host: &Host,
    dataset: &str,
    snapshot: &Snapshot,
    property: &str,
) -> Option<(String, String)> {
    let value = match property {
        "name" => format!("{dataset}@{}", snapshot.name),
        "type" => "snapshot".to_owned(),
        "guid" => snapshot.guid.to_string(),
        "creation" => snapshot.creation.to_string(),
        "createtxg" => snapshot.createtxg.to_string(),
        "used" => "0".to_owned(),
        "refer" | "referenced" => snapshot.referenced.to_string(),
        "userrefs" => snapshot.holds.len().to_string(),
        "clones" => match clones(host, dataset, &snapshot.name) {
            none if none.is_empty() => "-".to_owned(),
            clones => clones.join(","),
        },
        "origin" | "mountpoint" | "receive_resume_token" => "-".to_owned(),
        user => match snapshot.properties.get(user) {
            Some(value) => return Some((value.clone(), "local".to_owned())),
            None => "-".to_owned(),
        },
    };
    Some((value, "-".to_owned()))
}

pub fn of_bookmark(dataset: &str, bookmark: &Snapshot, property: &str) -> Option<(String, String)> {
    let value = match property {
        "name" => format!("{dataset}#{}", bookmark.name),
        "type" => "bookmark".to_owned(),
        "guid" => bookmark.guid.to_string(),
        "creation" => bookmark.creation.to_string(),
        "createtxg" => bookmark.createtxg.to_string(),
        _ => "-".to_owned(),
    };
    Some((value, "-".to_owned()))
}

/// Datasets that are clones of a snapshot.
pub fn clones(host: &Host, dataset: &str, snapshot: &str) -> Vec<String> {
    let full = format!("{dataset}@{snapshot}");
    let of =
        |(name, d): (&String, &Dataset)| (d.origin.as_deref() == Some(&full)).then(|| name.clone());
    host.datasets.iter().filter_map(of).collect()
}
