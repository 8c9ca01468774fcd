// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a restore of cns adds: what secondaries must be told about serials.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use cns::Cns;
use contract::documents::plan::Level;
use contract::{Question, RestoreAdvice, RestoreFacts, ServicePlugin};

/// The question that `triton-plugin call cns < examples/restore.json` asks.
fn facts() -> RestoreFacts {
    match serde_json::from_str(include_str!("../examples/restore.json")).unwrap() {
        Question::Restore { facts } => *facts,
        Question::Describe {} => panic!("the example asks for a restore"),
    }
}

fn advice(facts: &RestoreFacts) -> RestoreAdvice {
    Cns.plan_restore(facts).unwrap()
}

fn told(advice: &RestoreAdvice, level: Level) -> String {
    let texts = advice.notices.iter().filter(|notice| notice.level == level);
    texts
        .map(|notice| notice.text.as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn serials_may_go_back_to_those_of_the_restore_point() {
    let must = told(&advice(&facts()), Level::Must);
    assert!(
        must.contains("go back to those of 2026-11-23T05:09:19.000Z"),
        "{must}"
    );
    assert!(must.contains("rndc retransfer"), "{must}");
}

#[test]
fn without_its_data_serials_begin_anew() {
    let mut facts = facts();
    facts.restore_point = None;
    let advice = advice(&facts);
    assert!(told(&advice, Level::Must).contains("new SOA serials"));
    assert!(advice.refusals.is_empty(), "everything else is built anew");
}
