// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a restore of ufds adds: what becomes of its certificate.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use contract::documents::plan::Level;
use contract::{Question, RestoreAdvice, RestoreFacts, ServicePlugin};
use ufds::Ufds;

/// The question that `triton-plugin call ufds < examples/restore.json` asks.
fn facts() -> RestoreFacts {
    match serde_json::from_str(include_str!("../examples/restore.json")).unwrap() {
        Question::Restore { facts } => *facts,
        Question::Describe {} => panic!("the example asks for a restore"),
    }
}

fn advice(facts: &RestoreFacts) -> RestoreAdvice {
    Ufds.plan_restore(facts).unwrap()
}

fn told(advice: &RestoreAdvice, level: Level) -> String {
    let texts = advice.notices.iter().filter(|notice| notice.level == level);
    texts
        .map(|notice| notice.text.as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn with_its_certificate_there_is_nothing_to_tell() {
    assert_eq!(advice(&facts()), RestoreAdvice::default());
}

#[test]
fn a_certificate_that_was_never_synced_is_replaced_and_told() {
    let mut facts = facts();
    facts.restore_point = None;
    let warn = told(&advice(&facts), Level::Warn);
    assert!(warn.contains("new self-signed certificate"), "{warn}");
}

#[test]
fn a_zone_from_before_it_had_a_dataset_is_no_reason_to_worry() {
    let mut facts = facts();
    facts.restore_point = None;
    facts.lost.delegate_dataset = false;
    let advice = advice(&facts);
    assert_eq!(told(&advice, Level::Warn), "");
    assert!(told(&advice, Level::Info).contains("TRITON-2179"));
}
