// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `zfs send [-nvP] [-L -e -c] [-i BASE] SNAPSHOT` and `zfs send -t TOKEN`.

use std::path::PathBuf;
use std::sync::Arc;

use crate::call::Call;
use crate::lab::Lab;
use crate::model::Snapshot;

use super::files::{self, Entry};
use super::stream::{Header, Outgoing};
use super::{Outcome, Refused};

struct Asked {
    dry: bool,
    base: Option<String>,
    token: Option<String>,
    snapshot: String,
}

pub fn send(lab: &Arc<Lab>, call: &mut Call, args: &[&str]) -> Outcome {
    if args.is_empty() {
        return Err(Refused::usage(
            "missing snapshot argument\nusage:\n\tsend [-DLPcenpv] [-[i|I] snapshot] <snapshot>",
        ));
    }
    let asked = asked(lab, &call.host, args)?;
    let (dataset, own) = split(&asked.snapshot)?;
    let to = find(lab, &call.host, dataset, |s| s.name == own).ok_or_else(|| {
        Refused::new(format!(
            "cannot open '{}': dataset does not exist",
            asked.snapshot
        ))
    })?;
    let from = match &asked.base {
        None => None,
        Some(base) => Some(base_of(lab, &call.host, dataset, base, &asked.snapshot)?),
    };
    let new = lab.dataset_files(&call.host, &to.store);
    let old = from
        .as_ref()
        .map(|from| lab.dataset_files(&call.host, &from.store));
    let nothing = PathBuf::from("/nonexistent");
    let (changed, removed) = files::changes(old.as_ref().unwrap_or(&nothing), &new)
        .map_err(|error| Refused::new(format!("cannot send '{}': {error}", asked.snapshot)))?;
    let bytes: u64 = changed
        .iter()
        .map(|(_, e)| {
            if let Entry::File { size, .. } = e {
                *size
            } else {
                0
            }
        })
        .sum();
    if asked.dry {
        let kind = if from.is_some() {
            "incremental"
        } else {
            "full"
        };
        let contents = match asked.token {
            Some(_) => format!(
                "resume token contents:\nnvlist version: 0\n\ttoguid = {:#x}\n\ttoname = {}\n",
                to.guid, asked.snapshot
            ),
            None => String::new(),
        };
        return Ok(format!(
            "{contents}{kind}\t{}\t{bytes}\nsize\t{bytes}\n",
            asked.snapshot
        ));
    }
    let of_another = |base: &String| base.split('@').next() != Some(dataset) && base.contains('@');
    let header = Header {
        clone: asked.base.as_ref().is_some_and(of_another),
        to: to.name.clone(),
        guid: to.guid,
        creation: to.creation,
        from: from.map(|from| from.guid),
        token: asked.token,
        removed,
        entries: changed.len(),
    };
    let stream = || -> std::io::Result<()> {
        let mut out = Outgoing::begin(std::io::BufWriter::new(&call.stdout), &header)?;
        for (path, entry) in &changed {
            let content = match entry {
                Entry::File { .. } => std::fs::read(new.join(path))?,
                _ => Vec::new(),
            };
            out.entry(path, entry, &content)?;
        }
        out.finish()
    };
    stream().map_err(|error| {
        Refused::new(format!(
            "warning: cannot send '{}': {error}",
            asked.snapshot
        ))
    })?;
    Ok(String::new())
}

fn asked(lab: &Lab, host: &str, args: &[&str]) -> Result<Asked, Refused> {
    let mut asked = Asked {
        dry: false,
        base: None,
        token: None,
        snapshot: String::new(),
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match *arg {
            "-nvP" => asked.dry = true,
            "-L" | "-e" | "-c" => {}
            "-i" => asked.base = args.next().map(|base| (*base).to_owned()),
            "-t" => asked.token = args.next().map(|token| (*token).to_owned()),
            option if option.starts_with('-') => {
                return Err(Refused::usage(format!("invalid option '{option}'")));
            }
            name => asked.snapshot = name.to_owned(),
        }
    }
    if let Some(token) = &asked.token {
        // `1-<GUID of the snapshot>-<GUID of its base or 0>`
        let mut parts = token
            .split('-')
            .skip(1)
            .map(|part| part.parse::<u64>().unwrap_or(0));
        let (to, from) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        let gone = || {
            Refused::new("cannot resume send: 'snapshot' used in the initial send no longer exists")
        };
        asked.snapshot = by_guid(lab, host, to).ok_or_else(gone)?;
        asked.base = if from == 0 {
            None
        } else {
            Some(by_guid(lab, host, from).ok_or_else(gone)?)
        };
    }
    Ok(asked)
}

fn by_guid(lab: &Lab, host: &str, guid: u64) -> Option<String> {
    let dc = lab.dc();
    dc.hosts
        .get(host)?
        .datasets
        .iter()
        .find_map(|(name, dataset)| {
            let snapshot = dataset
                .snapshots
                .iter()
                .find(|snapshot| snapshot.guid == guid)?;
            Some(format!("{name}@{}", snapshot.name))
        })
}

fn split(full: &str) -> Result<(&str, &str), Refused> {
    full.split_once('@').ok_or_else(|| {
        Refused::usage(format!(
            "Error: Unsupported flag with filesystem or bookmark: '{full}'"
        ))
    })
}

fn find(
    lab: &Lab,
    host: &str,
    dataset: &str,
    wanted: impl Fn(&Snapshot) -> bool,
) -> Option<Snapshot> {
    let dc = lab.dc();
    dc.hosts
        .get(host)?
        .datasets
        .get(dataset)?
        .snapshots
        .iter()
        .find(|s| wanted(s))
        .cloned()
}

fn base_of(
    lab: &Lab,
    host: &str,
    dataset: &str,
    base: &str,
    to: &str,
) -> Result<Snapshot, Refused> {
    if let Some((_, own)) = base.split_once('#') {
        let dc = lab.dc();
        let found = dc.hosts.get(host).and_then(|at| at.datasets.get(dataset));
        let mut bookmarks = found.into_iter().flat_map(|dataset| &dataset.bookmarks);
        let bookmark = bookmarks.find(|bookmark| bookmark.name == own).cloned();
        return bookmark.ok_or_else(|| {
            Refused::new(format!(
                "warning: cannot send '{to}': incremental source ({base}) does not exist"
            ))
        });
    }
    let (of, own) = base.split_once('@').unwrap_or((dataset, base));
    let of = if of.is_empty() { dataset } else { of };
    let found = find(lab, host, of, |s| s.name == own)
        .ok_or_else(|| Refused::new(format!("cannot open '{base}': dataset does not exist")))?;
    match of == dataset || descends(lab, host, dataset, of) {
        true => Ok(found),
        false => Err(Refused::new(format!(
            "warning: cannot send '{to}': not an earlier snapshot from the same fs"
        ))),
    }
}

/// True where one dataset is a clone of the other, or of a clone of it.
fn descends(lab: &Lab, host: &str, dataset: &str, from: &str) -> bool {
    let dc = lab.dc();
    let origin = |name: &str| {
        let origin = dc.hosts.get(host)?.datasets.get(name)?.origin.as_deref()?;
        Some(origin.split('@').next()?.to_owned())
    };
    std::iter::successors(origin(dataset), |name| origin(name)).any(|name| name == from)
}
