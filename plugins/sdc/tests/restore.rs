// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a restore of sdc adds: the link in the global zone, and what must not run twice.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use contract::documents::Verb;
use contract::documents::plan::Level;
use contract::{Question, RestoreAdvice, RestoreFacts, ServicePlugin};
use sdc::Sdc;

/// The question that `triton-plugin call sdc < examples/restore.json` asks.
fn facts() -> RestoreFacts {
    match serde_json::from_str(include_str!("../examples/restore.json")).unwrap() {
        Question::Restore { facts } => *facts,
        Question::Describe {} => panic!("the example asks for a restore"),
    }
}

fn advice(facts: &RestoreFacts) -> RestoreAdvice {
    Sdc.plan_restore(facts).unwrap()
}

fn told(advice: &RestoreAdvice, level: Level) -> String {
    let texts = advice.notices.iter().filter(|notice| notice.level == level);
    texts
        .map(|notice| notice.text.as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_link_to_its_tools_leads_to_the_new_zone() {
    let facts = facts();
    let advice = advice(&facts);
    let [link] = advice.steps.as_slice() else {
        panic!("{:?}", advice.steps)
    };
    let Verb::LinkSet(with) = &link.verb else {
        panic!("{:?}", link.verb)
    };
    assert_eq!(with.path, "/opt/smartdc/sdc");
    assert_eq!(
        with.to,
        format!("/zones/{}/root/opt/smartdc/sdc", facts.new.uuid)
    );
    assert_eq!(link.after, ["setup"]);
}

#[test]
fn what_runs_once_is_named_for_the_zone_that_may_come_back() {
    let facts = facts();
    let must = told(&advice(&facts), Level::Must);
    let off = format!(
        "svcadm -z {} disable '*hermes*' napi-ufds-watcher",
        facts.lost.uuid
    );
    assert!(must.contains(&off), "{must}");
}

#[test]
fn beside_a_living_one_the_new_zone_must_keep_quiet() {
    let mut facts = facts();
    let off = format!("svcadm -z {} disable '*hermes*'", facts.new.uuid);
    assert!(!told(&advice(&facts), Level::Must).contains(&off));
    facts.survivors.push(facts.lost.clone());
    assert!(told(&advice(&facts), Level::Must).contains(&off));
}
