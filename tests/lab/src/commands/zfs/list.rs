// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `zfs list` and `zfs get`, always with `-Hp`: tabs, plain numbers, no header.

use crate::call::Call;
use crate::lab::Lab;
use crate::model::Host;

use super::{Outcome, Refused, properties};

/// `-Hp [-t TYPE] [-o COLUMNS] [-s creation] [-r | -d 1] [NAME...]`
struct Asked<'a> {
    snapshots: bool,
    columns: Vec<&'a str>,
    recursive: bool,
    names: Vec<&'a str>,
}

fn asked<'a>(args: &[&'a str]) -> Result<Asked<'a>, Refused> {
    let mut asked = Asked {
        snapshots: false,
        columns: vec!["name"],
        recursive: false,
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
            "-t" => asked.snapshots = value()? == "snapshot",
            "-o" => asked.columns = value()?.split(',').collect(),
            "-s" => drop(value()?),
            "-d" => drop(value()?),
            "-r" => asked.recursive = true,
            option if option.starts_with('-') => {
                return Err(Refused::usage(format!("invalid option '{option}'")));
            }
            name => asked.names.push(name),
        }
    }
    Ok(asked)
}

pub fn list(lab: &Lab, host: &str, args: &[&str]) -> Outcome {
    let asked = asked(args)?;
    let dc = lab.dc();
    let host = dc
        .hosts
        .get(host)
        .ok_or_else(|| Refused::new("no such host"))?;
    let mut text = String::new();
    let mut missing = Vec::new();
    let names: Vec<&str> = match asked.names[..] {
        [] => host.datasets.keys().map(String::as_str).collect(),
        ref names => names.to_vec(),
    };
    for name in names {
        match name.split_once('@') {
            Some((dataset, own)) => {
                let found = host.datasets.get(dataset);
                let found = found.and_then(|d| d.snapshots.iter().find(|s| s.name == own));
                match found {
                    Some(snapshot) => text.push_str(&row(&asked, |column| {
                        properties::of_snapshot(host, dataset, snapshot, column)
                    })?),
                    None => missing.push(name),
                }
            }
            None if host.datasets.contains_key(name) => {
                for one in below(host, name, asked.recursive) {
                    text.push_str(&rows_of(lab, host, one, &asked)?);
                }
            }
            None => missing.push(name),
        }
    }
    match missing[..] {
        [] => Ok(text),
        // What was found is printed all the same; the caller reads it from a failed command.
        [name, ..] => Err(Refused::new(format!(
            "cannot open '{name}': dataset does not exist"
        ))),
    }
}

fn below<'a>(host: &'a Host, name: &'a str, recursive: bool) -> Vec<&'a str> {
    let prefix = format!("{name}/");
    let all = host.datasets.keys().map(String::as_str);
    all.filter(|one| *one == name || (recursive && one.starts_with(&prefix)))
        .collect()
}

fn rows_of(lab: &Lab, host: &Host, name: &str, asked: &Asked<'_>) -> Outcome {
    let Some(dataset) = host.datasets.get(name) else {
        return Ok(String::new());
    };
    if !asked.snapshots {
        return row(asked, |column| {
            properties::of_dataset(lab, host, name, dataset, column)
        });
    }
    let rows = dataset.snapshots.iter().map(|snapshot| {
        row(asked, |column| {
            properties::of_snapshot(host, name, snapshot, column)
        })
    });
    rows.collect()
}

fn row(asked: &Asked<'_>, value: impl Fn(&str) -> Option<(String, String)>) -> Outcome {
    let cell = |column: &&str| match value(column) {
        Some((value, _)) => Ok(value),
        None => Err(Refused::usage(format!(
            "bad property list: invalid property '{column}'"
        ))),
    };
    let cells: Result<Vec<String>, Refused> = asked.columns.iter().map(cell).collect();
    Ok(format!("{}\n", cells?.join("\t")))
}

/// `get -Hp -o name,property,value,source PROPERTY[,...] NAME...`
pub fn get(lab: &Lab, host: &str, args: &[&str], call: &mut Call) -> Outcome {
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
            .get(host)
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
                        missing.push(*name);
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
    if missing.is_empty() {
        return Ok(text);
    }
    call.out(text);
    let lines: Vec<String> = missing
        .iter()
        .map(|name| format!("cannot open '{name}': dataset does not exist"))
        .collect();
    Err(Refused::new(lines.join("\n")))
}
