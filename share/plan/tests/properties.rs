// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What holds of every plan, whatever the datacenter looks like: dirty data, doubled services, half a restore done before.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;

use contract::row::{Count, SyncUse};
use documents::plan::StepId;
use documents::{Inventory, Plan, PowerOff, Uuid, Verb, read};
use plan::{PlanError, RestoreOptions, plan_restore};
use proptest::prelude::*;
use support::*;

const SERVICES: [&str; 12] = [
    "sapi",
    "vmapi",
    "imgapi",
    "cloudapi",
    "napi",
    "cnapi",
    "moray",
    "binder",
    "dhcpd",
    "cns",
    "papi",
    "homegrown",
];

const FOURTH: Uuid = Uuid::from_u128(0x44454c4c_4700_1051_8031_b4c04f334733);
const FIFTH: Uuid = Uuid::from_u128(0x44454c4c_4700_1051_8031_b4c04f334734);

/// A datacenter, and what of it was lost.
#[derive(Debug, Clone)]
struct Case {
    inventory: Inventory,
    lost: Vec<Uuid>,
}

impl Case {
    fn plan(&self) -> Plan {
        plan_restore(&self.inventory, &catalogue(), &plugins(), &self.options()).unwrap()
    }

    fn options(&self) -> RestoreOptions {
        RestoreOptions {
            lost: self.lost.iter().map(Uuid::to_string).collect(),
            local: false,
            ..options()
        }
    }

    fn hostnames(&self) -> Vec<String> {
        let name = |uuid: &Uuid| {
            self.inventory
                .server_by_uuid(*uuid)
                .unwrap()
                .hostname
                .clone()
        };
        self.lost.iter().map(name).collect()
    }

    fn is_lost(&self, server: Option<Uuid>) -> bool {
        server.is_some_and(|server| self.lost.contains(&server))
    }
}

/// Two to five headnodes, of which the first and any others but the target are lost; any instances anywhere, clusters or not,
/// and dirt in the records: orphans, missing aliases and servers, doubled aliases.
fn datacenter() -> impl Strategy<Value = Case> {
    let zone = (0..SERVICES.len(), 0..4_u32, 0..5_usize, 0..6_u8);
    let zones = proptest::collection::vec(zone, 0..30);
    (2..=5_usize, 0..8_u8, any::<bool>(), zones).prop_map(|(count, also, clusters, zones)| {
        let hosts = [LOST, TARGET, THIRD, FOURTH, FIFTH];
        let mut inventory = inventory();
        inventory
            .servers
            .retain(|server| hosts[..count].contains(&server.uuid));
        for (at, host) in hosts.iter().enumerate().take(count).skip(3) {
            let address = format!("10.99.99.{}", 200 + at);
            inventory
                .servers
                .push(server(*host, &format!("headnode{at}"), &address, true));
        }
        if !clusters {
            inventory
                .instances
                .retain(|one| !["binder", "manatee", "moray"].contains(&one.service.as_str()));
        }
        for (service, ordinal, on, dirt) in zones {
            // On a server that nobody knows: an orphan.
            let mut zone = instance(SERVICES[service], ordinal, hosts[on]);
            zone.uuid = uuid(&format!("{service}-{ordinal}-{on}-{dirt}"));
            match dirt {
                0 => zone.alias = None,
                1 => zone.server = None,
                2 => zone.payload = None,
                3 => zone.nics.clear(),
                4 => zone.state = None,
                _ => {}
            }
            let known = inventory
                .instances
                .iter()
                .any(|known| known.uuid == zone.uuid);
            if !known {
                inventory.instances.push(zone);
            }
        }
        let others = hosts[..count].iter().enumerate().skip(2);
        let others = others.filter(|(at, _)| also & (1 << (at - 2)) != 0);
        let lost: Vec<Uuid> = [LOST]
            .into_iter()
            .chain(others.map(|(_, host)| *host))
            .collect();
        for server in inventory
            .servers
            .iter_mut()
            .filter(|server| lost.contains(&server.uuid))
        {
            server.answers = Some(false);
            server.status = Some("unknown".to_owned());
        }
        Case { inventory, lost }
    })
}

fn comes_after(plan: &Plan, later: &StepId, earlier: &str) -> bool {
    let step = plan.step(later).unwrap();
    step.needs
        .iter()
        .any(|need| need.0 == earlier || comes_after(plan, need, earlier))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_plan_is_well_formed_and_waits_until_the_lost_were_found_silent_and_declared_dead(case in datacenter()) {
        let plan = case.plan();
        // Strict reading checks ids, needs, circles and references.
        let bytes = serde_json::to_vec(&plan).unwrap();
        prop_assert_eq!(&read::plan(&bytes).unwrap(), &plan);
        for step in plan.steps.iter().filter(|step| !step.id.0.ends_with("/silent")) {
            for lost in case.hostnames() {
                let fence = format!("{lost}/fence");
                let silent = format!("{lost}/silent");
                let waits = match step.id.0.ends_with("/fence") {
                    true => step.id.0 != fence || comes_after(&plan, &step.id, &silent),
                    false => comes_after(&plan, &step.id, &fence),
                };
                prop_assert!(waits, "{}", step.id);
            }
        }
    }

    #[test]
    fn the_same_facts_give_the_same_bytes(case in datacenter()) {
        let once = serde_json::to_vec(&case.plan()).unwrap();
        prop_assert_eq!(once, serde_json::to_vec(&case.plan()).unwrap());
    }

    #[test]
    fn the_order_in_which_facts_were_found_changes_no_step(case in datacenter()) {
        let plan = case.plan();
        let mut turned = case.clone();
        turned.inventory.servers.reverse();
        turned.inventory.services.reverse();
        turned.inventory.instances.reverse();
        turned.inventory.images.reverse();
        turned.inventory.networks.reverse();
        turned.inventory.restore_points.reverse();
        turned.lost.reverse();
        let sorted = |plan: &Plan| {
            let mut steps: Vec<String> = plan.steps.iter().map(|step| serde_json::to_string(step).unwrap()).collect();
            steps.sort();
            steps
        };
        prop_assert_eq!(sorted(&plan), sorted(&turned.plan()));
    }

    #[test]
    fn no_two_new_zones_share_a_name_and_none_takes_a_living_one(case in datacenter()) {
        let plan = case.plan();
        let mut uuids = BTreeSet::new();
        let mut aliases = BTreeSet::new();
        for step in &plan.steps {
            if let Verb::ZoneCreate(create) = &step.verb {
                let alias = create.payload.set["alias"].as_str().unwrap().to_owned();
                prop_assert!(!case.inventory.instances.iter().any(|i| i.alias.as_deref() == Some(&alias)), "{}", alias);
                prop_assert!(uuids.insert(create.vm) && aliases.insert(alias));
            }
        }
    }

    #[test]
    fn no_address_is_given_twice_nor_one_that_somebody_has(case in datacenter(), reserved in 0..30_u8) {
        let mut case = case;
        let lost = case.lost.clone();
        let inventory = &mut case.inventory;
        inventory.instances.retain(|one| one.service != "napi" || one.server.is_some_and(|server| lost.contains(&server)));
        inventory.reserved = without_napi(reserved).reserved;
        let plan = case.plan();
        let inventory = &case.inventory;
        let mut given = BTreeSet::new();
        for step in &plan.steps {
            if let Verb::AddressAssign(with) = &step.verb {
                let has = |one: &&documents::inventory::Instance| {
                    one.uuid != with.vm && one.nics.iter().any(|nic| nic.ip == Some(with.ip))
                };
                prop_assert!(inventory.instances.iter().find(has).is_none(), "{}", step.id);
                prop_assert!(given.insert(with.ip), "{}", step.id);
            }
            let takes = matches!(step.verb, Verb::AddressTake(_));
            prop_assert!(!takes || !plan.refusals.is_empty(), "there is no NAPI to take it from: {}", step.id);
        }
    }

    #[test]
    fn reused_addresses_have_one_owner_or_are_refused(case in datacenter(), napi in any::<bool>()) {
        let mut case = case;
        if !napi {
            let lost = case.lost.clone();
            case.inventory.instances.retain(|one| one.service != "napi" || one.server.is_some_and(|server| lost.contains(&server)));
        }
        let options = RestoreOptions {
            reuse_addresses: true,
            power_off: Some(PowerOff::Person("root".to_owned())),
            ..case.options()
        };
        let plan = plan_restore(&case.inventory, &catalogue(), &plugins(), &options).unwrap();
        let mut given = BTreeSet::new();
        for step in &plan.steps {
            let ip = match &step.verb {
                Verb::AddressAssign(with) => Some(with.ip),
                Verb::AddressTake(with) => with.ip,
                _ => None,
            };
            let Some(ip) = ip else { continue };
            prop_assert!(given.insert(ip), "{} gives {ip} again", step.id);
            let lives = case.inventory.instances.iter().any(|one| {
                one.server.is_some() && !case.is_lost(one.server) && one.nics.iter().any(|nic| nic.ip == Some(ip))
            });
            prop_assert!(!lives, "{} gives {ip}, which a living zone has", step.id);
        }
    }

    #[test]
    fn a_singleton_that_lives_is_never_doubled(case in datacenter()) {
        let plan = case.plan();
        let catalogue = catalogue();
        for service in SERVICES {
            let count = catalogue.row(service).map(|row| row.count);
            if !matches!(count, Some(Count::Singleton | Count::PerHeadnode)) {
                continue;
            }
            let lives = case.inventory.instances.iter().any(|i| {
                i.service == service
                    && i.state.as_deref() == Some("running")
                    && i.server.is_some_and(|server| case.inventory.server_by_uuid(server).is_some())
                    && !case.is_lost(i.server)
            });
            let made = plan.steps.iter().filter(|s| s.service == service && matches!(s.verb, Verb::ZoneCreate(_)));
            prop_assert!(made.count() <= usize::from(!lives), "{service}");
        }
    }

    #[test]
    fn a_dataset_that_is_required_is_attached_before_the_first_start_or_refused(case in datacenter()) {
        let plan = case.plan();
        let catalogue = catalogue();
        for step in plan.steps.iter().filter(|s| matches!(s.verb, Verb::ZoneStart(_))) {
            let dataset = catalogue.row(&step.service).and_then(|row| row.delegate_dataset.as_ref());
            if dataset.is_none_or(|dataset| dataset.sync != SyncUse::Required) {
                continue;
            }
            let attach = step.id.0.replace("/start", "/attach");
            let refused = plan.refusals.iter().any(|refusal| refusal.service == step.service);
            prop_assert!(refused || comes_after(&plan, &step.id, &attach), "{}", step.id);
        }
    }
}

#[test]
fn where_the_only_headnode_is_lost_there_is_nowhere_to_restore_to() {
    let mut inventory = inventory();
    inventory.servers.retain(|server| server.uuid == LOST);
    inventory.taken_on = LOST;
    let refused = plan_restore(&inventory, &catalogue(), &plugins(), &options());
    assert!(matches!(refused, Err(PlanError::Bad(_))), "{refused:?}");
}
