// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The dead zones' own addresses for the new ones: only once the power is known to be off, and never two owners.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use documents::plan::StepId;
use documents::verb::{AddressTake, FenceDeclare};
use documents::{Inventory, Plan, PowerOff, Verb};
use plan::{RestoreOptions, plan_restore};
use support::*;

fn reusing(power_off: Option<PowerOff>) -> RestoreOptions {
    RestoreOptions {
        reuse_addresses: true,
        power_off,
        ..options()
    }
}

fn seen_off() -> RestoreOptions {
    reusing(Some(PowerOff::Person("root".to_owned())))
}

fn plan_of(inventory: &Inventory, options: &RestoreOptions) -> Plan {
    plan_restore(inventory, &catalogue(), &plugins(), options).unwrap()
}

fn needs(plan: &Plan, later: &str, earlier: &str) -> bool {
    let step = plan.step(&StepId::from(later)).unwrap();
    step.needs.iter().any(|need| need.0 == earlier)
}

fn taken<'a>(plan: &'a Plan, id: &str) -> &'a AddressTake {
    match &plan.step(&StepId::from(id)).unwrap().verb {
        Verb::AddressTake(with) => with,
        other => panic!("{other:?}"),
    }
}

fn fence(plan: &Plan) -> &FenceDeclare {
    match &plan.step(&StepId::from("headnode0/fence")).unwrap().verb {
        Verb::FenceDeclare(with) => with,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_new_zone_takes_its_predecessors_address_once_that_was_released() {
    let inventory = inventory();
    let plan = plan_of(&inventory, &seen_off());
    assert_eq!(plan.refusals, Vec::new());
    let old = inventory
        .instances
        .iter()
        .find(|one| one.service == "imgapi" && one.server == Some(LOST));
    let nic = &old.unwrap().nics[0];
    assert_eq!(taken(&plan, "imgapi/address-net0").ip, nic.ip);
    let release = format!("imgapi/release-{}", nic.mac.replace(':', ""));
    assert!(needs(&plan, "imgapi/address-net0", &release));
    assert!(needs(&plan, &release, "headnode0/fence"));
    assert!(!needs(&plan, &release, "imgapi/retire-vm"));
}

#[test]
fn a_name_need_not_lose_the_address_that_it_keeps() {
    let plan = plan_of(&inventory(), &seen_off());
    let named = plan.step(&StepId::from("imgapi/named")).unwrap();
    let Verb::WaitName(with) = &named.verb else {
        panic!("{named:?}")
    };
    assert_eq!(with.gone, Vec::<std::net::IpAddr>::new());
    assert!(
        !plan
            .notices
            .iter()
            .any(|one| one.text.contains("address changes"))
    );
}

#[test]
fn without_word_on_the_power_it_is_refused() {
    let plan = plan_of(&inventory(), &reusing(None));
    assert_eq!(plan.refusals.len(), 1, "{:?}", plan.refusals);
    assert!(plan.refusals[0].text.contains("--powered-off"));
    assert_eq!(plan.refusals[0].accepted_by, None);
}

#[test]
fn the_fence_says_whose_word_it_was_and_that_addresses_were_reused() {
    for word in [PowerOff::Bmc, PowerOff::Person("root".to_owned())] {
        let plan = plan_of(&inventory(), &reusing(Some(word.clone())));
        assert_eq!(fence(&plan).power_off, Some(word));
        assert!(fence(&plan).addresses_reused);
    }
    let plan = plan_of(&inventory(), &options());
    assert_eq!(fence(&plan).power_off, None);
    assert!(!fence(&plan).addresses_reused);
}

#[test]
fn an_address_that_a_living_zone_has_is_refused_with_its_owner() {
    let mut inventory = inventory();
    let lost = inventory
        .instances
        .iter()
        .find(|one| one.service == "imgapi" && one.server == Some(LOST));
    let ip = lost.unwrap().nics[0].ip;
    let mut squatter = instance("papi", 7, THIRD);
    squatter.nics[0].ip = ip;
    inventory.instances.push(squatter);
    let plan = plan_of(&inventory, &seen_off());
    let texts: Vec<&str> = plan.refusals.iter().map(|one| one.text.as_str()).collect();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].contains("papi7 has it"), "{texts:?}");
}

#[test]
fn while_no_napi_lives_they_are_told_to_the_zones_and_registered_after_their_release() {
    let plan = plan_of(&without_napi(0), &seen_off());
    assert_eq!(plan.refusals, Vec::new());
    let step = plan.step(&StepId::from("imgapi/address-net0")).unwrap();
    assert!(matches!(step.verb, Verb::AddressAssign(_)), "{step:?}");
    let register = plan.step(&StepId::from("imgapi/register-net0")).unwrap();
    assert!(
        register
            .needs
            .iter()
            .any(|need| need.0.starts_with("imgapi/release-")),
        "{register:?}"
    );
}
