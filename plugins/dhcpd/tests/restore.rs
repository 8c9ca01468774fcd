// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a restore of dhcpd adds: nothing where another lives, and a cold cache.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use contract::documents::plan::Level;
use contract::{Question, RestoreAdvice, RestoreFacts, ServicePlugin};
use dhcpd::Dhcpd;

/// The question that `triton-plugin call dhcpd < examples/restore.json` asks.
fn facts() -> RestoreFacts {
    match serde_json::from_str(include_str!("../examples/restore.json")).unwrap() {
        Question::Restore { facts } => *facts,
        Question::Describe {} => panic!("the example asks for a restore"),
    }
}

fn advice(facts: &RestoreFacts) -> RestoreAdvice {
    Dhcpd.plan_restore(facts).unwrap()
}

fn told(advice: &RestoreAdvice, level: Level) -> String {
    let texts = advice.notices.iter().filter(|notice| notice.level == level);
    texts
        .map(|notice| notice.text.as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn its_admin_nic_may_serve_dhcp() {
    let nics = Dhcpd.describe().nics.unwrap();
    assert_eq!(nics.len(), 1);
    assert_eq!(nics[0].properties["dhcp_server"], true);
}

#[test]
fn a_cold_cache_is_told_with_the_command_that_warms_it() {
    let facts = facts();
    let warn = told(&advice(&facts), Level::Warn);
    let command = format!(
        "zlogin {} /opt/smartdc/booter/bin/booter full-cache-refresh",
        facts.new.uuid
    );
    assert!(warn.contains(&command), "{warn}");
}

#[test]
fn a_survivor_means_that_nothing_is_lost() {
    let mut facts = facts();
    assert_eq!(told(&advice(&facts), Level::Info), "");
    let mut survivor = facts.lost.clone();
    survivor.alias = Some("dhcpd7".to_owned());
    facts.survivors.push(survivor);
    let info = told(&advice(&facts), Level::Info);
    assert!(info.starts_with("dhcpd7 lives"), "{info}");
}
