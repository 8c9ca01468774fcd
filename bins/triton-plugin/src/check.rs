// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `triton-plugin check`: every plugin is loaded and questioned, and what it says is held against the catalogue. All faults
//! are told, not just the first.

use std::collections::BTreeSet;

use cli::{Column, Common, Exit, Failure, Table, TableFlags, install};
use contract::{Answer, Row};
use loader::Loaded;
use plan::Catalogue;
use serde_json::json;

use crate::state::State;

const COLUMNS: &[Column] = &[
    Column::new("service"),
    Column::new("verdict"),
    Column::new("why"),
];

/// A question of no version, to which the only right answer is an error.
const UNKNOWN: &[u8] = br#"{"question":"of no version"}"#;

/// What is said of one service or file.
struct Finding {
    service: String,
    verdict: &'static str,
    why: Option<String>,
}

pub fn run(common: &Common, flags: &TableFlags) -> Result<Exit, Failure> {
    let catalogue = install::catalogue(common)?;
    let plugins = install::plugins(common)?;
    let findings = findings(&catalogue, &plugins);
    let broken = findings.iter().any(|finding| finding.verdict == "broken");
    let mut table = Table::new(COLUMNS);
    for Finding {
        service,
        verdict,
        why,
    } in findings
    {
        table.row(json!({"service": service, "verdict": verdict, "why": why}));
    }
    table.print(flags)?;
    Ok(if broken { Exit::Failed } else { Exit::Done })
}

fn findings(catalogue: &Catalogue, plugins: &Loaded) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut refined: Vec<Row> = Vec::new();
    for row in catalogue.rows() {
        let state = State::of(row, plugins);
        let fault = state
            .fault(&row.service)
            .or_else(|| unruly(&state, &row.service, plugins));
        let verdict = match (&fault, &state) {
            (Some(_), _) => "broken",
            (None, State::None) => "no plugin",
            (None, _) => "ok",
        };
        findings.push(Finding {
            service: row.service.clone(),
            verdict,
            why: fault,
        });
        refined.push(state.refine(row.clone()));
    }
    findings.extend(bad_needs(&refined));
    findings.extend(unused(catalogue, plugins));
    findings
}

/// A plugin that works, and still takes a question that it can't know for one that it does.
fn unruly(state: &State, service: &str, plugins: &Loaded) -> Option<String> {
    if !matches!(state, State::Works(_)) {
        return None;
    }
    let answer = match plugins.ask_bytes(service, UNKNOWN) {
        Ok(answer) => answer.unwrap_or_default(),
        Err(fault) => return Some(fault.why),
    };
    match serde_json::from_slice::<Answer>(&answer) {
        Ok(Answer::Error(_)) => None,
        Ok(_) => Some("it answers a question that it can't know as if it did".to_owned()),
        Err(error) => Some(format!(
            "its answer to an unknown question can't be read: {error}"
        )),
    }
}

/// Needs that lead nowhere or back to where they began: no order of restoring could satisfy them.
fn bad_needs(rows: &[Row]) -> Vec<Finding> {
    let broken = |row: &Row, why: String| Finding {
        service: row.service.clone(),
        verdict: "broken",
        why: Some(why),
    };
    let known: BTreeSet<&str> = rows.iter().map(|row| row.service.as_str()).collect();
    let mut findings = Vec::new();
    for row in rows {
        for need in row
            .needs
            .iter()
            .filter(|need| !known.contains(need.as_str()))
        {
            let why = format!("it needs \"{need}\", of which the catalogue has no row");
            findings.push(broken(row, why));
        }
    }
    let mut waiting: Vec<&Row> = rows.iter().collect();
    loop {
        let open: BTreeSet<&str> = waiting.iter().map(|row| row.service.as_str()).collect();
        let before = waiting.len();
        waiting.retain(|row| row.needs.iter().any(|need| open.contains(need.as_str())));
        if waiting.len() == before {
            break;
        }
    }
    let circle: Vec<&str> = waiting.iter().map(|row| row.service.as_str()).collect();
    for row in &waiting {
        let why = format!(
            "its needs go in a circle, somewhere in {}",
            circle.join(", ")
        );
        findings.push(broken(row, why));
    }
    findings
}

/// Plugin files that no planner asks.
fn unused(catalogue: &Catalogue, plugins: &Loaded) -> Vec<Finding> {
    let why = |service: &str| match catalogue.row(service) {
        None => Some("the catalogue has no such service, so nothing asks this plugin"),
        Some(row) if row.plugin == contract::row::PluginUse::None => {
            Some("its row in the catalogue uses no plugin, so nothing asks this one")
        }
        Some(_) => None,
    };
    plugins
        .services()
        .filter_map(|service| {
            Some(Finding {
                service: service.to_owned(),
                verdict: "unused",
                why: Some(why(service)?.to_owned()),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(needs: &[(&str, &[&str])]) -> Vec<Row> {
        let text = include_str!("../../../share/services/vmapi.json");
        let row: Row = serde_json::from_str(text).unwrap();
        needs
            .iter()
            .map(|(service, needs)| Row {
                service: (*service).to_owned(),
                needs: needs.iter().map(|need| (*need).to_owned()).collect(),
                ..row.clone()
            })
            .collect()
    }

    fn told(needs: &[(&str, &[&str])]) -> Vec<String> {
        let findings = bad_needs(&rows(needs));
        findings
            .into_iter()
            .map(|finding| format!("{}: {}", finding.service, finding.why.unwrap_or_default()))
            .collect()
    }

    #[test]
    fn needs_that_can_be_met_are_fine() {
        assert!(
            told(&[
                ("sapi", &[]),
                ("moray", &["sapi"]),
                ("ufds", &["moray", "sapi"])
            ])
            .is_empty()
        );
    }

    #[test]
    fn a_circle_names_those_in_it() {
        let told = told(&[("sapi", &["moray"]), ("moray", &["sapi"]), ("napi", &[])]);
        assert_eq!(told.len(), 2);
        assert!(told[0].starts_with("sapi: "), "{told:?}");
        assert!(told[0].contains("sapi, moray"), "{told:?}");
    }

    #[test]
    fn a_need_without_a_row_is_named() {
        let told = told(&[("sapi", &["blinder"])]);
        assert_eq!(
            told,
            ["sapi: it needs \"blinder\", of which the catalogue has no row"]
        );
    }
}
