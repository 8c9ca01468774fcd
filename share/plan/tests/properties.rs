// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What holds of every plan, whatever the datacenter looks like: dirty data, doubled services, half a restore done before.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;

use documents::plan::StepId;
use documents::{Inventory, Plan, Verb, read};
use plan::plan_restore;
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

/// A datacenter of three headnodes with any instances anywhere, and dirt in its records.
fn datacenter() -> impl Strategy<Value = Inventory> {
    let zone = (0..SERVICES.len(), 0..4_u32, 0..3_usize, 0..6_u8);
    proptest::collection::vec(zone, 0..24).prop_map(|zones| {
        let mut inventory = inventory();
        for (service, ordinal, on, dirt) in zones {
            let mut zone = instance(SERVICES[service], ordinal, [LOST, TARGET, THIRD][on]);
            zone.uuid = uuid(&format!("{service}-{ordinal}-{on}-{dirt}"));
            match dirt {
                0 => zone.alias = None,
                1 => zone.server = None,
                2 => zone.payload = None,
                3 => zone.nics.clear(),
                4 => zone.state = None,
                _ => {}
            }
            if !inventory
                .instances
                .iter()
                .any(|known| known.uuid == zone.uuid)
            {
                inventory.instances.push(zone);
            }
        }
        inventory
    })
}

fn plan_of(inventory: &Inventory) -> Plan {
    plan_restore(inventory, &catalogue(), &plugins(), &options()).unwrap()
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
    fn every_plan_is_well_formed_and_waits_for_silence(inventory in datacenter()) {
        let plan = plan_of(&inventory);
        // Strict reading checks ids, needs, circles and references.
        let bytes = serde_json::to_vec(&plan).unwrap();
        prop_assert_eq!(&read::plan(&bytes).unwrap(), &plan);
        for step in plan.steps.iter().filter(|step| step.id.0 != "headnode0/silent") {
            prop_assert!(comes_after(&plan, &step.id, "headnode0/silent"), "{}", step.id);
        }
    }

    #[test]
    fn the_same_facts_give_the_same_bytes(inventory in datacenter()) {
        let once = serde_json::to_vec(&plan_of(&inventory)).unwrap();
        prop_assert_eq!(once, serde_json::to_vec(&plan_of(&inventory)).unwrap());
    }

    #[test]
    fn no_two_new_zones_share_a_name_and_none_takes_a_living_one(inventory in datacenter()) {
        let plan = plan_of(&inventory);
        let mut uuids = BTreeSet::new();
        let mut aliases = BTreeSet::new();
        for step in &plan.steps {
            if let Verb::ZoneCreate(create) = &step.verb {
                let alias = create.payload.set["alias"].as_str().unwrap().to_owned();
                prop_assert!(!inventory.instances.iter().any(|i| i.alias.as_deref() == Some(&alias)), "{}", alias);
                prop_assert!(uuids.insert(create.vm) && aliases.insert(alias));
            }
        }
    }

    #[test]
    fn no_address_is_given_twice_nor_one_that_somebody_has(inventory in datacenter(), reserved in 0..30_u8) {
        let mut inventory = inventory;
        inventory.instances.retain(|one| one.service != "napi" || one.server == Some(LOST));
        inventory.reserved = without_napi(reserved).reserved;
        let plan = plan_of(&inventory);
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
    fn a_singleton_that_lives_is_never_doubled(inventory in datacenter()) {
        let plan = plan_of(&inventory);
        for service in ["cns", "imgapi"] {
            let lives = inventory.instances.iter().any(|i| {
                i.service == service
                    && i.state.as_deref() == Some("running")
                    && i.server.is_some_and(|server| server != LOST)
            });
            let made = plan.steps.iter().filter(|s| s.service == service && matches!(s.verb, Verb::ZoneCreate(_)));
            prop_assert!(!lives || made.count() == 0, "{service}");
        }
    }

    #[test]
    fn a_dataset_that_is_required_is_attached_before_the_first_start_or_refused(inventory in datacenter()) {
        let plan = plan_of(&inventory);
        for step in plan.steps.iter().filter(|s| matches!(s.verb, Verb::ZoneStart(_)) && s.service == "imgapi") {
            let attach = step.id.0.replace("/start", "/attach");
            let refused = plan.refusals.iter().any(|refusal| refusal.service == "imgapi");
            prop_assert!(refused || comes_after(&plan, &step.id, &attach), "{}", step.id);
        }
    }
}
