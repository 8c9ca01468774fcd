// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A zone that is gone from a headnode that lives comes back there; nothing else changes.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;

use documents::plan::Goal;
use documents::{Inventory, Plan, Uuid, Verb};
use plan::{PlanError, RestoreOptions, plan_restore};
use support::*;

fn asked(services: &[&str]) -> RestoreOptions {
    RestoreOptions {
        lost: Vec::new(),
        local: true,
        services: services.iter().map(|name| (*name).to_owned()).collect(),
        ..options()
    }
}

fn plan_of(inventory: &Inventory, services: &[&str]) -> Result<Plan, PlanError> {
    plan_restore(inventory, &catalogue(), &plugins(), &asked(services))
}

/// The datacenter in peace, with everything on this headnode, but for these zones: they are gone.
fn gone(services: &[&str]) -> Inventory {
    let mut inventory = inventory();
    inventory.servers[0].answers = Some(true);
    inventory.servers[0].status = Some("running".to_owned());
    for one in &mut inventory.instances {
        let moved = ["sapi", "vmapi", "cloudapi", "imgapi"].contains(&one.service.as_str());
        if moved {
            one.server = Some(TARGET);
        }
        if services.contains(&one.service.as_str()) && one.server == Some(TARGET) {
            one.state = Some("destroyed".to_owned());
        }
    }
    for point in &mut inventory.restore_points {
        point.server = TARGET;
    }
    inventory
}

fn made(plan: &Plan) -> BTreeSet<&str> {
    let creates = plan
        .steps
        .iter()
        .filter(|step| matches!(step.verb, Verb::ZoneCreate(_)));
    creates.map(|step| step.service.as_str()).collect()
}

#[test]
fn what_is_gone_is_made_again_here_and_nothing_is_fenced() {
    let plan = plan_of(&gone(&["imgapi", "cloudapi"]), &[]).unwrap();
    assert_eq!(plan.refusals, Vec::new());
    assert_eq!(made(&plan), BTreeSet::from(["cloudapi", "imgapi"]));
    let fences = |verb: &Verb| matches!(verb, Verb::FenceDeclare(_) | Verb::CheckSilent(_));
    assert!(!plan.steps.iter().any(|step| fences(&step.verb)));
    let Goal::Restore(goal) = &plan.goal else {
        panic!("another goal");
    };
    assert_eq!((goal.lost.len(), goal.zones.len(), goal.on), (0, 2, TARGET));
}

#[test]
fn each_is_looked_for_once_more_before_anything_is_changed() {
    let plan = plan_of(&gone(&["imgapi"]), &[]).unwrap();
    let check = plan.steps.iter().find(|step| step.id.0 == "imgapi0/gone");
    let check = check.unwrap();
    assert!(matches!(&check.verb, Verb::CheckGone(with) if with.vm == uuid("imgapi0")));
    for id in ["imgapi/address-net0", "imgapi/record", "imgapi/create"] {
        let step = plan.step(&id.into()).unwrap();
        assert!(step.needs.contains(&check.id), "{id}");
    }
}

#[test]
fn only_the_services_that_are_named_come_back() {
    let inventory = gone(&["imgapi", "cloudapi"]);
    assert_eq!(
        made(&plan_of(&inventory, &["imgapi"]).unwrap()),
        BTreeSet::from(["imgapi"])
    );
    let wrong = plan_of(&inventory, &["sapi"]).unwrap_err().to_string();
    assert!(wrong.contains("no zone of sapi"), "{wrong}");
}

#[test]
fn where_nothing_is_gone_there_is_nothing_to_plan() {
    let why = plan_of(&gone(&[]), &[]).unwrap_err().to_string();
    assert!(why.contains("nothing to restore"), "{why}");
}

#[test]
fn a_member_of_a_cluster_that_is_gone_is_left_alone_and_stays_on_record() {
    let plan = plan_of(&gone(&["imgapi", "moray"]), &[]).unwrap();
    assert_eq!(made(&plan), BTreeSet::from(["imgapi"]));
    let retired = |step: &documents::plan::Step| step.id.0.starts_with("moray");
    assert!(
        !plan
            .steps
            .iter()
            .any(|step| retired(step) && !step.id.0.ends_with("/gone"))
    );
}

#[test]
fn another_zone_that_vanishes_later_is_another_run() {
    let first = plan_of(&gone(&["imgapi"]), &[]).unwrap();
    let again = plan_of(&gone(&["imgapi"]), &[]).unwrap();
    let other = plan_of(&gone(&["cloudapi"]), &[]).unwrap();
    assert_eq!(first.run, again.run);
    assert_ne!(first.run, other.run);
    assert_ne!(first.run, Uuid::nil());
}
