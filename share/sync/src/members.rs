// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Clusters that are never synced, as their members are each other's copies: which of them have so few healthy members that
//! the next loss of a headnode costs them.

use std::collections::{BTreeMap, BTreeSet};

use documents::{Timestamp, Uuid};
use serde::Serialize;
use serde_json::Value;

pub const KIND: &str = "triton.sync-warning/1";

/// Services that run as clusters, each with what the catalogue says of a lost member.
pub type Clusters = BTreeMap<String, String>;

/// Fewer than this many healthy members: the next loss is one too many.
const ENOUGH: usize = 2;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    pub kind: &'static str,
    pub service: String,
    pub healthy: usize,
    /// All that are known of, healthy or not.
    pub members: usize,
    pub text: String,
    pub at: Timestamp,
}

/// What a run has seen of the datacenter.
#[derive(Debug, Default)]
pub struct Sight<'a> {
    /// Core zones of the headnodes that answered, by `vmadm`.
    pub zones: Vec<&'a Value>,
    /// The headnodes that answered.
    pub answered: BTreeSet<Uuid>,
    /// SAPI's, where it answered.
    pub services: &'a [Value],
    pub instances: Vec<&'a Value>,
    /// CNAPI's.
    pub servers: &'a [Value],
}

/// A member is healthy when the server it is on was asked and says that it runs; on a server that is not asked, as a compute
/// node, when CNAPI says that the server runs.
pub fn warnings(clusters: &Clusters, sight: &Sight<'_>, at: Timestamp) -> Vec<Warning> {
    let short = |(service, why): (&String, &String)| {
        let (members, healthy) = members(service, sight);
        (!members.is_empty() && healthy < ENOUGH).then(|| Warning {
            kind: KIND,
            service: service.clone(),
            healthy,
            members: members.len(),
            text: format!(
                "{service}: {healthy} of {} known members run; with fewer than {ENOUGH} the next headnode lost takes it \
                 along. It is not synced: {why}. See `sdcadm health {service}`",
                members.len()
            ),
            at,
        })
    };
    clusters.iter().filter_map(short).collect()
}

/// All members that are known of, and how many of them are healthy.
fn members(service: &str, sight: &Sight<'_>) -> (BTreeSet<Uuid>, usize) {
    let mut all = BTreeSet::new();
    let mut healthy = BTreeSet::new();
    for zone in &sight.zones {
        let Some(uuid) = uuid(&zone["uuid"]).filter(|_| zone["tags"]["smartdc_role"] == service)
        else {
            continue;
        };
        all.insert(uuid);
        if zone["state"] == "running" {
            healthy.insert(uuid);
        }
    }
    let of = sight.services.iter().find(|one| one["name"] == service);
    let of = of.and_then(|one| one["uuid"].as_str());
    for instance in &sight.instances {
        let Some(uuid) = uuid(&instance["uuid"])
            .filter(|_| of.is_some() && instance["service_uuid"].as_str() == of)
        else {
            continue;
        };
        all.insert(uuid);
        let server = self::uuid(&instance["params"]["server_uuid"]);
        let elsewhere = server.filter(|server| !sight.answered.contains(server));
        if elsewhere.is_some_and(|server| runs(sight.servers, server)) {
            healthy.insert(uuid);
        }
    }
    (all, healthy.len())
}

fn runs(servers: &[Value], server: Uuid) -> bool {
    let found = servers
        .iter()
        .find(|one| uuid(&one["uuid"]) == Some(server));
    found.is_some_and(|one| one["status"] == "running")
}

fn uuid(value: &Value) -> Option<Uuid> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const MANATEE: Uuid = Uuid::from_u128(9);

    fn clusters() -> Clusters {
        let why = "a lost one is replaced with sdcadm create manatee";
        [("manatee".to_owned(), why.to_owned())].into()
    }

    fn zone(number: u128, state: &str) -> Value {
        json!({"uuid": Uuid::from_u128(number), "state": state, "tags": {"smartdc_role": "manatee"}})
    }

    fn instance(number: u128, server: u128) -> Value {
        json!({
            "uuid": Uuid::from_u128(number), "service_uuid": MANATEE,
            "params": {"server_uuid": Uuid::from_u128(server)}
        })
    }

    fn healthy(zones: &[Value], instances: &[Value], status: &str) -> Vec<(usize, usize)> {
        let services = [json!({"name": "manatee", "uuid": MANATEE})];
        let servers = [json!({"uuid": Uuid::from_u128(50), "status": status})];
        let sight = Sight {
            zones: zones.iter().collect(),
            answered: [Uuid::from_u128(51)].into(),
            services: &services,
            instances: instances.iter().collect(),
            servers: &servers,
        };
        let warnings = warnings(&clusters(), &sight, Timestamp::from_millis(0));
        warnings
            .iter()
            .map(|one| (one.healthy, one.members))
            .collect()
    }

    #[test]
    fn two_members_that_run_are_enough_and_one_is_warned_of() {
        assert_eq!(
            healthy(&[zone(1, "running"), zone(2, "running")], &[], "running"),
            []
        );
        assert_eq!(
            healthy(&[zone(1, "running"), zone(2, "stopped")], &[], "running"),
            [(1, 2)]
        );
    }

    #[test]
    fn a_member_on_a_server_that_is_not_asked_is_healthy_if_the_server_runs() {
        let instances = [instance(1, 51), instance(2, 50)];
        assert_eq!(healthy(&[zone(1, "running")], &instances, "running"), []);
        assert_eq!(
            healthy(&[zone(1, "running")], &instances, "unknown"),
            [(1, 2)]
        );
    }

    #[test]
    fn a_member_that_its_server_no_longer_has_is_not_healthy() {
        assert_eq!(
            healthy(&[zone(1, "running")], &[instance(3, 51)], "running"),
            [(1, 2)]
        );
    }

    #[test]
    fn nothing_is_said_of_a_service_that_the_datacenter_does_not_have() {
        assert_eq!(healthy(&[], &[], "running"), []);
    }
}
