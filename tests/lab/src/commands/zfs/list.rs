// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `zfs list` and `zfs get`, always with `-Hp`: tabs, plain numbers, no header.

use std::sync::Arc;

use crate::call::Call;
use crate::lab::Lab;
use crate::model::Host;

use super::{Outcome, Refused, properties};

/// `-Hp [-t TYPE] [-o COLUMNS] [-s creation] [-r | -d DEPTH] [NAME...]`
struct Asked<'a> {
    datasets: bool,
    snapshots: bool,
    bookmarks: bool,
    columns: Vec<&'a str>,
    sort: &'a str,
    /// Levels below the named ones; a dataset's snapshots are one level below it.
    depth: usize,
    names: Vec<&'a str>,
}

fn asked<'a>(args: &[&'a str]) -> Result<Asked<'a>, Refused> {
    let mut asked = Asked {
        datasets: true,
        snapshots: false,
        bookmarks: false,
        columns: vec!["name", "used", "avail", "refer", "mountpoint"],
        sort: "",
        depth: 0,
        names: Vec::new(),
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || {
            args.next()
                .copied()
                .ok_or_else(|| Refused::usage("missing argument"))
        };
        match *arg {
            "-Hp" => {}
            "-t" => {
                (asked.datasets, asked.snapshots, asked.bookmarks) = match value()? {
                    "snapshot" => (false, true, false),
                    "bookmark" => (false, false, true),
                    "snapshot,bookmark" => (false, true, true),
                    "filesystem" | "filesystem,volume" => (true, false, false),
                    "filesystem,snapshot" => (true, true, false),
                    other => return Err(Refused::usage(format!("invalid type '{other}'"))),
                }
            }
            "-o" => asked.columns = value()?.split(',').collect(),
            "-s" => asked.sort = value()?,
            "-d" => {
                let depth = value()?;
                let wrong = |_| Refused::usage(format!("'{depth}' is not a valid depth"));
                asked.depth = depth.parse().map_err(wrong)?;
            }
            "-r" => asked.depth = usize::MAX,
            option if option.starts_with('-') => {
                return Err(Refused::usage(format!("invalid option '{option}'")));
            }
            name => asked.names.push(name),
        }
    }
    Ok(asked)
}

/// What is there is printed even where some of it is missing: the caller reads it from a command that failed.
pub fn list(lab: &Arc<Lab>, call: &mut Call, args: &[&str]) -> Outcome {
    let asked = asked(args)?;
    let mut rows: Vec<Row> = Vec::new();
    let mut missing: Vec<String> = Vec::new();
    {
        let dc = lab.dc();
        let host = dc
            .hosts
            .get(&call.host)
            .ok_or_else(|| Refused::new("no such host"))?;
        let names: Vec<&str> = match asked.names[..] {
            [] => host.datasets.keys().map(String::as_str).collect(),
            ref names => names.to_vec(),
        };
        for name in names {
            let found = match name.split_once('@') {
                Some((dataset, own)) => snapshot_row(host, dataset, own, &asked)?,
                None => dataset_rows(lab, host, name, &asked)?,
            };
            match found {
                Some(found) => rows.extend(found),
                None => missing.push(name.to_owned()),
            }
        }
    }
    match asked.sort {
        "" => {}
        "name" => rows.sort_by(|a, b| a.text.cmp(&b.text)),
        "creation" => rows.sort_by_key(|row| row.creation),
        other => return Err(Refused::usage(format!("invalid property '{other}'"))),
    }
    let text: String = rows.into_iter().map(|row| row.text).collect();
    finished(call, text, &missing)
}

/// A line of the list, and what it may be sorted by.
struct Row {
    creation: (u64, u64),
    text: String,
}

fn snapshot_row(
    host: &Host,
    dataset: &str,
    own: &str,
    asked: &Asked<'_>,
) -> Result<Option<Vec<Row>>, Refused> {
    let found = host.datasets.get(dataset);
    let found = found.and_then(|d| d.snapshots.iter().find(|s| s.name == own));
    let Some(snapshot) = found else {
        return Ok(None);
    };
    let cells = |column: &str| properties::of_snapshot(host, dataset, snapshot, column);
    let creation = (snapshot.creation, snapshot.createtxg);
    Ok(Some(vec![Row {
        creation,
        text: line(asked, cells)?,
    }]))
}

/// The dataset, or its snapshots, and with `-r` those of all below it.
fn dataset_rows(
    lab: &Lab,
    host: &Host,
    name: &str,
    asked: &Asked<'_>,
) -> Result<Option<Vec<Row>>, Refused> {
    if !host.datasets.contains_key(name) {
        return Ok(None);
    }
    let levels = |one: &str| match one.strip_prefix(name)? {
        "" => Some(0),
        rest => rest.starts_with('/').then(|| rest.matches('/').count()),
    };
    let mut rows = Vec::new();
    for (name, dataset) in &host.datasets {
        let Some(level) = levels(name).filter(|level| *level <= asked.depth) else {
            continue;
        };
        if asked.datasets {
            let cells = |column: &str| properties::of_dataset(lab, host, name, dataset, column);
            rows.push(Row {
                creation: (dataset.creation, 0),
                text: line(asked, cells)?,
            });
        }
        // Where they alone are asked for, those of the named dataset are meant at least.
        let reach = asked.depth.max(usize::from(!asked.datasets));
        if level >= reach {
            continue;
        }
        for snapshot in dataset.snapshots.iter().filter(|_| asked.snapshots) {
            rows.extend(
                snapshot_row(host, name, &snapshot.name, asked)?
                    .into_iter()
                    .flatten(),
            );
        }
        for bookmark in dataset.bookmarks.iter().filter(|_| asked.bookmarks) {
            let cells = |column: &str| properties::of_bookmark(name, bookmark, column);
            rows.push(Row {
                creation: (bookmark.creation, bookmark.createtxg),
                text: line(asked, cells)?,
            });
        }
    }
    Ok(Some(rows))
}

fn line(asked: &Asked<'_>, value: impl Fn(&str) -> Option<(String, String)>) -> Outcome {
    let cell = |column: &&str| match value(column) {
        Some((value, _)) => Ok(value),
        None => Err(Refused::usage(format!(
            "bad property list: invalid property '{column}'"
        ))),
    };
    let cells: Result<Vec<String>, Refused> = asked.columns.iter().map(cell).collect();
    Ok(format!("{}\n", cells?.join("\t")))
}

/// Everything was there, or what was there is printed before the complaints.
fn finished(call: &mut Call, text: String, missing: &[String]) -> Outcome {
    if missing.is_empty() {
        return Ok(text);
    }
    call.out(text);
    let complaint = |name: &String| format!("cannot open '{name}': dataset does not exist");
    let lines: Vec<String> = missing.iter().map(complaint).collect();
    Err(Refused::new(lines.join("\n")))
}

/// `get -Hp -o name,property,value,source PROPERTY[,...] NAME...`
pub fn get(lab: &Arc<Lab>, call: &mut Call, args: &[&str]) -> Outcome {
    let [
        "-Hp",
        "-o",
        "name,property,value,source",
        wanted,
        names @ ..,
    ] = args
    else {
        return Err(Refused::usage(
            "the lab knows only get -Hp -o name,property,value,source",
        ));
    };
    let mut text = String::new();
    let mut missing = Vec::new();
    {
        let dc = lab.dc();
        let host = dc
            .hosts
            .get(&call.host)
            .ok_or_else(|| Refused::new("no such host"))?;
        for name in names {
            let (dataset, own) = name
                .split_once('@')
                .map_or((*name, None), |(d, s)| (d, Some(s)));
            let found = host.datasets.get(dataset);
            let snapshot = own.and_then(|own| found?.snapshots.iter().find(|s| s.name == own));
            for property in wanted.split(',') {
                let value = match (found, own, snapshot) {
                    (Some(found), None, _) => {
                        properties::of_dataset(lab, host, name, found, property)
                    }
                    (_, Some(_), Some(s)) => properties::of_snapshot(host, dataset, s, property),
                    _ => {
                        missing.push((*name).to_owned());
                        break;
                    }
                };
                let (value, source) = value.ok_or_else(|| {
                    Refused::usage(format!("bad property list: invalid property '{property}'"))
                })?;
                text.push_str(&format!("{name}\t{property}\t{value}\t{source}\n"));
            }
        }
    }
    finished(call, text, &missing)
}
