// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What every plugin must keep to, asked in this process and over the C interface: both must give the same bytes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod common;

use std::collections::BTreeSet;

use common::{SERVICES, catalogue, in_process, loaded};
use contract::{Answer, Question, RestoreAdvice, RestoreFacts, Row, abi};
use documents::verb::Expects;
use serde_json::{Value, json};

/// Steps of a replacement that an extra step may be placed by.
const USUAL_STEPS: [&str; 9] = [
    "image", "record", "create", "attach", "start", "setup", "healthy", "named", "listed",
];

/// Asks both ways, twice, and gives the one answer.
fn ask(service: &str, question: &[u8]) -> Vec<u8> {
    let here = abi::answer(in_process(service).as_ref(), question);
    let there = loaded().ask_bytes(service, question).unwrap().unwrap();
    let shown = String::from_utf8_lossy(question);
    assert_eq!(
        String::from_utf8_lossy(&here),
        String::from_utf8_lossy(&there),
        "{service} answers otherwise over the C interface, asked {shown}"
    );
    let again = loaded().ask_bytes(service, question).unwrap().unwrap();
    assert_eq!(
        there, again,
        "{service} answers otherwise when asked again, {shown}"
    );
    there
}

fn answer(service: &str, question: &[u8]) -> Answer {
    let bytes = ask(service, question);
    serde_json::from_slice(&bytes)
        .unwrap_or_else(|error| panic!("{service}: {error}: {}", String::from_utf8_lossy(&bytes)))
}

fn must_be_an_error(service: &str, question: &[u8]) {
    let shown = String::from_utf8_lossy(question).into_owned();
    match answer(service, question) {
        Answer::Error(text) => assert!(!text.is_empty(), "{service}, asked {shown}"),
        other => panic!("{service} answered {shown} with {other:?}"),
    }
}

fn described(service: &str) -> Row {
    match answer(service, br#"{"question":"describe"}"#) {
        Answer::Describe {
            service: named,
            refinement,
        } => {
            assert_eq!(named, service);
            catalogue()[service].clone().refined(*refinement)
        }
        other => panic!("{service}: {other:?}"),
    }
}

/// The example of the plugin's folder, and what becomes of it when facts are missing or awkward.
fn facts_of(service: &str) -> Vec<RestoreFacts> {
    let path = format!(
        "{}/../{service}/examples/restore.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let example: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut worlds = vec![example["facts"].clone()];
    worlds[0]["row"] = json!(described(service));
    let survivor = worlds[0]["lost"].clone();
    let changes: [(&str, Value); 11] = [
        ("/restore_point", Value::Null),
        ("/moray", Value::Null),
        ("/survivors", json!([survivor, survivor])),
        ("/lost/alias", Value::Null),
        ("/lost/alias", json!("snö 0.\"; rm -rf /\"")),
        ("/lost/nics", json!([])),
        ("/lost/nics/0/ip", json!("fd00::21")),
        ("/lost/delegate_dataset", json!(false)),
        ("/lost/payload", Value::Null),
        ("/dns_domain", json!("")),
        // A clock that is behind.
        ("/taken_at", json!("2020-01-01T00:00:00.000Z")),
    ];
    // Each change alone, and every two together.
    for (first, (at, value)) in changes.iter().enumerate() {
        let Some(changed) = with(&worlds[0], at, value) else {
            continue;
        };
        let both = changes[..first]
            .iter()
            .filter_map(|(at, value)| with(&changed, at, value));
        let both: Vec<Value> = both.collect();
        worlds.push(changed);
        worlds.extend(both);
    }
    worlds.sort_by_cached_key(ToString::to_string);
    worlds.dedup();
    let read = |world| serde_json::from_value(world).unwrap();
    worlds.into_iter().map(read).collect()
}

fn with(world: &Value, at: &str, value: &Value) -> Option<Value> {
    let mut changed = world.clone();
    *changed.pointer_mut(at)? = value.clone();
    Some(changed)
}

fn check(service: &str, facts: &RestoreFacts, advice: &RestoreAdvice) {
    let mut ids = BTreeSet::new();
    for step in &advice.steps {
        assert!(
            ids.insert(&step.id),
            "{service}: {} is there twice",
            step.id
        );
        assert!(
            !step.id.contains('/') && !step.id.is_empty(),
            "{service}: {}",
            step.id
        );
        assert!(
            !USUAL_STEPS.contains(&step.id.as_str()),
            "{service}: {}",
            step.id
        );
        for name in step.after.iter().chain(&step.before) {
            assert!(
                USUAL_STEPS.contains(&name.as_str()),
                "{service}: {name} is no step"
            );
        }
        assert!(!step.why.is_empty(), "{service}: {}", step.id);
        assert!(step.expects == Expects::default() || !step.expects.is_empty());
    }
    for notice in &advice.notices {
        assert_eq!(notice.service, service);
        assert!(!notice.text.is_empty(), "{service}");
    }
    for refusal in &advice.refusals {
        assert_eq!(refusal.service, service);
    }
    // A payload is told by reference, and no plugin needs to repeat the reference.
    if let Some(payload) = &facts.lost.payload {
        let said = serde_json::to_string(advice).unwrap();
        assert!(!said.contains(payload.secret.as_str()), "{service}");
    }
}

#[test]
fn every_plugin_describes_its_own_service_fully() {
    for service in SERVICES {
        let Answer::Describe { refinement, .. } = answer(service, br#"{"question":"describe"}"#)
        else {
            panic!("{service} does not describe itself");
        };
        assert!(refinement.summary.is_some(), "{service}");
        assert!(refinement.restore.is_some(), "{service}");
        assert!(refinement.critical.is_some(), "{service}");
        assert!(refinement.count.is_some(), "{service}");
        assert!(refinement.nics.is_some(), "{service}");
        assert!(refinement.fixed_ip_consumers.is_some(), "{service}");
        assert!(refinement.needs.is_some(), "{service}");
        assert!(refinement.health.is_some(), "{service}");
        assert!(
            refinement.operator.is_some_and(|notes| !notes.is_empty()),
            "{service}"
        );
    }
}

#[test]
fn a_plugin_says_more_than_its_row_and_never_against_it() {
    let rows = catalogue();
    for service in SERVICES {
        let (row, refined) = (&rows[service], described(service));
        assert_eq!(row.restore, refined.restore, "{service}");
        assert_eq!(row.critical, refined.critical, "{service}");
        assert_eq!(row.count, refined.count, "{service}");
        assert_eq!(row.needs, refined.needs, "{service}");
        assert_eq!(row.health, refined.health, "{service}");
        let dataset = |row: &Row| {
            let dataset = row.delegate_dataset.as_ref();
            dataset.map(|dataset| (dataset.mountpoint.clone(), dataset.sync))
        };
        assert_eq!(dataset(row), dataset(&refined), "{service}");
    }
}

#[test]
fn a_restore_is_answered_alike_in_process_and_over_the_interface() {
    for service in SERVICES {
        let all = facts_of(service);
        assert!(all.len() > 40, "{service}: {} worlds", all.len());
        let mut planned = 0;
        for facts in all {
            let question = serde_json::to_vec(&Question::Restore {
                facts: Box::new(facts.clone()),
            });
            match answer(service, &question.unwrap()) {
                Answer::Restore(advice) => {
                    check(service, &facts, &advice);
                    planned += 1;
                }
                Answer::Error(text) => assert!(!text.starts_with("panicked"), "{service}: {text}"),
                other => panic!("{service}: {other:?}"),
            }
        }
        assert!(planned > 30, "{service} planned {planned} of its worlds");
    }
}

#[test]
fn a_question_that_nobody_knows_is_an_error() {
    for service in SERVICES {
        must_be_an_error(service, br#"{"question":"migrate"}"#);
        must_be_an_error(service, br#"{"question":"describe","aloud":true}"#);
        must_be_an_error(service, br#"{"facts":{}}"#);
    }
}

#[test]
fn garbage_is_an_error() {
    for service in SERVICES {
        must_be_an_error(service, b"");
        must_be_an_error(service, b"\xff\xfe\0");
        must_be_an_error(service, b"[[[[");
        must_be_an_error(service, br#""describe""#);
    }
}

#[test]
fn facts_that_are_empty_or_cut_short_are_an_error() {
    for service in SERVICES {
        must_be_an_error(service, br#"{"question":"restore"}"#);
        must_be_an_error(service, br#"{"question":"restore","facts":{}}"#);
        let facts = facts_of(service).remove(0);
        let whole = serde_json::to_vec(&Question::Restore {
            facts: Box::new(facts),
        });
        let whole = whole.unwrap();
        must_be_an_error(service, &whole[..whole.len() / 2]);
    }
}
