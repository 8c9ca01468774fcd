// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a generation is made of: the answers of this pull, and for each part whose source did not answer, what the generation
//! before it has. Pure: it decides, [`crate::generation`] writes.

use documents::restore_data::Part;
use documents::{Timestamp, Uuid};
use serde::Serialize;
use serde_json::Value;

use crate::store::WholeGeneration;

/// One part, asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    pub part: Part,
    /// `sapi`, `vmadm@headnode0`...
    pub from: String,
    pub at: Timestamp,
    /// Files, by their path in the generation; or why there is no answer.
    pub answer: Result<Vec<(String, Value)>, String>,
}

/// A file to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    pub part: Part,
    pub path: String,
    pub bytes: Vec<u8>,
    pub taken_at: Timestamp,
    pub from: String,
}

/// A part that could not be had anew.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Carried {
    pub part: Part,
    pub why: String,
    /// As of when it is. None: it is not there at all.
    pub taken_at: Option<Timestamp>,
}

#[derive(Debug, Default, PartialEq)]
pub struct Composed {
    /// Sorted by path.
    pub files: Vec<Content>,
    pub carried: Vec<Carried>,
}

pub fn compose(asked: Vec<Asked>, previous: Option<&WholeGeneration>) -> Composed {
    let mut composed = Composed::default();
    for asked in asked {
        match suspicious(&asked, previous) {
            None => composed.files.extend(fresh(asked)),
            Some(why) => {
                let old = carry_over(asked.part, previous);
                composed.carried.push(Carried {
                    part: asked.part,
                    why,
                    taken_at: old.iter().map(|file| file.taken_at).min(),
                });
                composed.files.extend(old);
            }
        }
    }
    let vanished = vanished(&composed.files, previous);
    composed.files.extend(vanished);
    composed.files.sort_by(|a, b| a.path.cmp(&b.path));
    composed.files.dedup_by(|a, b| a.path == b.path);
    composed
}

/// Why an answer is not taken. A service that suddenly has nothing where it had something before is not believed: a SAPI whose
/// store is away must not empty the restore data.
fn suspicious(asked: &Asked, previous: Option<&WholeGeneration>) -> Option<String> {
    let files = match &asked.answer {
        Err(why) => return Some(why.clone()),
        Ok(files) => files,
    };
    if asked.part == Part::Vm {
        // A headnode may well have no core zones; its own word is believed.
        return None;
    }
    let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    let has_nothing = files.is_empty() || files.iter().any(|(_, value)| is_empty(value));
    let had_something = previous.is_some_and(|generation| {
        generation
            .part(asked.part)
            .any(|(_, value)| !is_empty(&value))
    });
    (has_nothing && had_something).then(|| {
        format!(
            "{} answered that there is nothing, where there was something before",
            asked.from
        )
    })
}

/// Payloads of zones that are gone from their server while SAPI has them as instances: whoever takes one away on purpose tells
/// SAPI. They stay as long as that, so that such a zone can be made again.
fn vanished(files: &[Content], previous: Option<&WholeGeneration>) -> Vec<Content> {
    let has = |path: &str| files.iter().any(|file| file.path == path);
    let mut old = carry_over(Part::Vm, previous);
    old.retain(|file| {
        let record = file
            .path
            .replacen(path_of(Part::Vm), path_of(Part::SapiInstance), 1);
        !has(&file.path) && has(&record)
    });
    old
}

fn fresh(asked: Asked) -> Vec<Content> {
    asked
        .answer
        .unwrap_or_default()
        .into_iter()
        .map(|(path, value)| Content {
            part: asked.part,
            path,
            bytes: serde_json::to_vec(&value).unwrap_or_default(),
            taken_at: asked.at,
            from: asked.from.clone(),
        })
        .collect()
}

fn carry_over(part: Part, previous: Option<&WholeGeneration>) -> Vec<Content> {
    let Some(previous) = previous else {
        return Vec::new();
    };
    previous
        .description
        .of_part(part)
        .map(|file| Content {
            part,
            path: file.path.clone(),
            bytes: previous.bytes(file).to_vec(),
            taken_at: file.taken_at,
            from: file.from.clone(),
        })
        .collect()
}

/// Where a part of one file lies in a generation.
pub fn path_of(part: Part) -> &'static str {
    match part {
        Part::SapiApplication => "sapi/application.json",
        Part::SapiServices => "sapi/services.json",
        Part::SapiManifests => "sapi/manifests.json",
        Part::SapiInstance => "sapi/instances",
        Part::Vm => "vms",
        Part::Networks => "napi/networks.json",
        Part::Nics => "napi/nics.json",
        Part::Addresses => "napi/addresses.json",
        Part::Servers => "cnapi/servers.json",
        Part::Images => "images.json",
        Part::Usbkey => "usbkey.json",
        Part::Unknown => "unknown",
    }
}

/// Where a record that has a file of its own lies.
pub fn path_in(part: Part, uuid: Uuid) -> String {
    format!("{}/{uuid}.json", path_of(part))
}

/// One file for each record, named after its UUID. Records without one are left out: nothing could refer to them.
pub fn one_file_each(part: Part, records: Vec<Value>) -> Vec<(String, Value)> {
    records
        .into_iter()
        .filter_map(|record| {
            let uuid: Uuid = record.get("uuid")?.as_str()?.parse().ok()?;
            Some((path_in(part, uuid), record))
        })
        .collect()
}
