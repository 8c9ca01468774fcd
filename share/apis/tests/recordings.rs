// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Every exchange that was recorded from a real server is read as a live one would be. A new recording is a new case.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod exchanges;

use std::collections::{BTreeMap, BTreeSet};

use apis::{Answer, AnyRoute, ErrorBody, ErrorKind, ROUTES};
use exchanges::Exchange;
use serde_json::Value;

#[derive(Debug, Default)]
struct Tally {
    values: usize,
    errors: usize,
    /// Errors of calls that the toolkit does not make.
    foreign_errors: usize,
    /// Successes of calls that the toolkit does not make.
    foreign: usize,
    /// The server died or hung.
    no_answer: usize,
    /// Entries of lists set apart.
    misfits: BTreeSet<String>,
    /// What failed, to be shown at once.
    wrong: Vec<String>,
    used: BTreeSet<&'static str>,
}

fn route_of(exchange: &Exchange) -> Option<&'static dyn AnyRoute> {
    let (_, routes) = ROUTES
        .iter()
        .find(|(service, _)| *service == exchange.service)?;
    routes.iter().copied().find(|route| {
        route.method() == exchange.method
            && fits(route.path(), &exchange.path)
            && (route.action().is_none() || route.action() == exchange.action().as_deref())
            && asks_as_we_do(route.name(), exchange)
    })
}

fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<_>, Vec<_>) =
        (pattern.split('/').collect(), path.split('/').collect());
    pattern.len() == path.len()
        && pattern.iter().zip(&path).all(|(blank, segment)| {
            (blank.starts_with(':') && !segment.is_empty()) || blank == segment
        })
}

/// A few calls change their answer's shape with a parameter that the clients always, or never, send.
fn asks_as_we_do(call: &str, exchange: &Exchange) -> bool {
    match call {
        "CommandExecute" => exchange.request_body["json"] == Value::Bool(true),
        "ListVms" => !exchange.query.contains("fields=") || exchange.query.contains("uuid"),
        "GetVm" => !exchange.query.contains("fields="),
        _ => true,
    }
}

fn digest(exchange: &Exchange, tally: &mut Tally) {
    let Some(answer) = &exchange.answer else {
        tally.no_answer += 1;
        return;
    };
    let Some(route) = route_of(exchange) else {
        if answer.status >= 400 {
            check_error(exchange, answer, &ErrorBody::read(answer), tally);
            tally.foreign_errors += 1;
        } else {
            tally.foreign += 1;
        }
        return;
    };
    tally.used.insert(route.name());
    if exchange.elided {
        tally.foreign += 1;
        return;
    }
    match route.digest(answer) {
        Ok(misfits) => {
            tally.values += 1;
            if misfits > 0 {
                tally
                    .misfits
                    .insert(format!("{} {}", exchange.service, route.name()));
            }
        }
        Err(ErrorKind::Answered(body)) if answer.status >= 300 => {
            tally.errors += 1;
            check_error(exchange, answer, &body, tally);
        }
        Err(kind) => tally
            .wrong
            .push(format!("{} ({}): {kind}", exchange.name, route.name())),
    }
}

/// The error that was read must say what the body says, where it says something.
fn check_error(exchange: &Exchange, answer: &Answer, read: &ErrorBody, tally: &mut Tally) {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let entries = body["errors"].as_array().map_or(0, Vec::len);
    let message = body
        .as_str()
        .or(body["message"].as_str())
        .filter(|text| !text.is_empty());
    let same = read.status == answer.status
        && read.code.as_deref() == body["code"].as_str()
        && read.errors.len() == entries
        && (answer.status < 400 || read.message.as_deref() == message)
        && read.request_id.as_deref() == answer.header("x-request-id");
    if !same {
        tally
            .wrong
            .push(format!("{}: read as {read}", exchange.name));
    }
    if read
        .errors
        .iter()
        .any(|e| e.fields.is_empty() && e.used_by.is_none())
    {
        tally
            .wrong
            .push(format!("{}: an entry names nothing: {read}", exchange.name));
    }
}

#[test]
fn every_recorded_exchange_is_read_as_its_call_promises() {
    let mut by_service: BTreeMap<String, Tally> = BTreeMap::new();
    let mut total = 0;
    for (file, exchanges) in exchanges::recorded() {
        let Some(service) = exchanges.first().map(|e| e.service.clone()) else {
            panic!("{file} holds no exchange");
        };
        let mut tally = Tally::default();
        exchanges
            .iter()
            .for_each(|exchange| digest(exchange, &mut tally));
        total += exchanges.len();
        println!(
            "{file}: {} values, {} errors, {}+{} of other calls, {} without an answer",
            tally.values, tally.errors, tally.foreign, tally.foreign_errors, tally.no_answer
        );
        let has_client = ROUTES.iter().any(|(name, _)| *name == service);
        let only_deaths = tally.no_answer == exchanges.len();
        assert!(
            !has_client || only_deaths || tally.values > 0,
            "{file}: no exchange of it was read"
        );
        assert_eq!(tally.wrong, Vec::<String>::new(), "{file}");
        let sum =
            tally.values + tally.errors + tally.foreign + tally.foreign_errors + tally.no_answer;
        assert_eq!(sum, exchanges.len(), "{file}");
        let all = by_service.entry(service).or_default();
        all.values += tally.values;
        all.errors += tally.errors;
        all.misfits.append(&mut tally.misfits);
        all.used.append(&mut tally.used);
    }
    assert!(total >= 1142, "recordings were lost: {total}");
    for (service, routes) in ROUTES {
        let tally = by_service
            .get(service)
            .unwrap_or_else(|| panic!("{service} was not recorded"));
        let unused: Vec<_> = routes
            .iter()
            .map(|route| route.name())
            .filter(|name| !tally.used.contains(name))
            .collect();
        println!(
            "{service}: {} values, {} errors; not recorded: {unused:?}",
            tally.values, tally.errors
        );
        assert!(
            tally.values >= routes.len() / 2,
            "{service}: {} values",
            tally.values
        );
    }
    // SAPI alone keeps records whose UUIDs are none; the recordings hold an application made so on purpose.
    let misfits: Vec<_> = by_service
        .values()
        .flat_map(|tally| &tally.misfits)
        .collect();
    assert_eq!(misfits, ["sapi ListApplications"]);
}

#[test]
fn every_made_up_exchange_is_read_too() {
    for (service, routes) in ROUTES {
        let mut tally = Tally::default();
        let exchanges = exchanges::made_up(service);
        exchanges
            .iter()
            .for_each(|exchange| digest(exchange, &mut tally));
        println!(
            "{service}: {} values, {} errors, {}+{} of other calls",
            tally.values, tally.errors, tally.foreign, tally.foreign_errors
        );
        assert_eq!(tally.wrong, Vec::<String>::new(), "{service}");
        assert_eq!(tally.misfits, BTreeSet::new(), "{service}");
        assert!(
            tally.values >= routes.len() / 2,
            "{service}: {} values",
            tally.values
        );
    }
}
