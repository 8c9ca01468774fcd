// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a restore of sapi adds: its dns_domain, a moray to hold its record, and those who know it by address.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use contract::documents::plan::Level;
use contract::{Question, RestoreAdvice, RestoreFacts, ServicePlugin};
use sapi::Sapi;

/// The question that `triton-plugin call sapi < examples/restore.json` asks.
fn facts() -> RestoreFacts {
    match serde_json::from_str(include_str!("../examples/restore.json")).unwrap() {
        Question::Restore { facts } => *facts,
        Question::Describe {} => panic!("the example asks for a restore"),
    }
}

fn advice(facts: &RestoreFacts) -> RestoreAdvice {
    Sapi.plan_restore(facts).unwrap()
}

fn told(advice: &RestoreAdvice, level: Level) -> String {
    let texts = advice.notices.iter().filter(|notice| notice.level == level);
    texts
        .map(|notice| notice.text.as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_new_zone_is_given_the_datacenters_domain() {
    let advice = advice(&facts());
    assert_eq!(advice.payload_set["dns_domain"], "triton.example");
    assert_eq!(advice.payload_set.len(), 1);
    assert!(advice.refusals.is_empty());
}

#[test]
fn a_domain_that_is_not_known_is_an_error_with_the_reason() {
    let mut facts = facts();
    facts.dns_domain = String::new();
    let why = Sapi.plan_restore(&facts).unwrap_err();
    assert!(why.contains("setup fails without it"), "{why}");
}

#[test]
fn without_a_moray_it_is_refused_with_what_to_do() {
    let mut facts = facts();
    facts.moray = None;
    let advice = advice(&facts);
    let [refusal] = advice.refusals.as_slice() else {
        panic!("one refusal");
    };
    assert_eq!(refusal.accepted_by, None);
    assert!(
        refusal.text.contains("manatee-adm show"),
        "{}",
        refusal.text
    );
}

#[test]
fn who_knows_sapi_by_address_is_named_with_the_commands() {
    let facts = facts();
    let must = told(&advice(&facts), Level::Must);
    for part in [
        "http://10.99.99.31",
        "set_customer_metadata",
        "/opt/smartdc/config-agent/etc/config.json",
        "svcadm -z UUID restart config-agent",
        "curl -sS -X PUT",
        "assets",
        &format!("vmadm get {}", facts.new.uuid),
    ] {
        assert!(must.contains(part), "{part} is not in: {must}");
    }
}

#[test]
fn an_old_sapi_without_an_alias_gets_one_and_says_so() {
    let mut facts = facts();
    assert_eq!(told(&advice(&facts), Level::Info), "");
    facts.lost.alias = None;
    let info = told(&advice(&facts), Level::Info);
    assert!(info.contains("the new one is sapi1"), "{info}");
}
