// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Planning a restore, scenario by scenario.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;

use documents::plan::{Level, Notice, Step, StepId};
use documents::{Plan, Verb, read};
use plan::{PlanError, RestoreOptions, plan_restore};
use support::*;

fn plan_of(inventory: &documents::Inventory, options: &RestoreOptions) -> Plan {
    plan_restore(inventory, &catalogue(), &plugins(), options).unwrap()
}

fn ids(plan: &Plan) -> BTreeSet<String> {
    plan.steps.iter().map(|step| step.id.0.clone()).collect()
}

/// True when `later` can only run after `earlier`.
fn comes_after(plan: &Plan, later: &str, earlier: &str) -> bool {
    let step = plan
        .step(&StepId::from(later))
        .unwrap_or_else(|| panic!("no step {later}"));
    step.needs
        .iter()
        .any(|need| need.0 == earlier || comes_after(plan, &need.0, earlier))
}

fn refusals(plan: &Plan) -> Vec<String> {
    plan.refusals
        .iter()
        .map(|r| format!("{}: {}", r.service, r.text))
        .collect()
}

#[test]
fn everything_that_was_lost_and_can_be_replaced_is_replaced() {
    let plan = plan_of(&inventory(), &options());
    assert_eq!(refusals(&plan), Vec::<String>::new());
    let services: BTreeSet<&str> = plan
        .steps
        .iter()
        .filter(|step| matches!(step.verb, Verb::ZoneCreate(_)))
        .map(|step| step.service.as_str())
        .collect();
    assert_eq!(
        services,
        BTreeSet::from(["sapi", "vmapi", "cloudapi", "imgapi"])
    );
}

#[test]
fn sapi_answers_at_its_name_before_anything_else_boots() {
    let plan = plan_of(&inventory(), &options());
    for service in ["vmapi", "cloudapi", "imgapi"] {
        assert!(
            comes_after(&plan, &format!("{service}/start"), "sapi/named"),
            "{service}"
        );
    }
}

#[test]
fn services_are_asked_by_name_only_once_the_target_resolves() {
    let plan = plan_of(&inventory(), &options());
    let first = |step: &&Step| {
        let id = step.id.0.as_str();
        matches!(step.verb, Verb::ResolversSet(_) | Verb::CheckImage(_))
            || ["headnode0/silent", "headnode0/fence"].contains(&id)
    };
    let others = plan.steps.iter().filter(|step| !first(step));
    for step in others {
        assert!(
            comes_after(&plan, &step.id.0, "headnode1/resolvers"),
            "{}",
            step.id
        );
    }
}

#[test]
fn a_zone_has_its_record_and_its_data_before_it_boots() {
    let plan = plan_of(&inventory(), &options());
    for service in ["sapi", "cloudapi", "imgapi"] {
        assert!(comes_after(
            &plan,
            &format!("{service}/start"),
            &format!("{service}/record")
        ));
        assert!(comes_after(
            &plan,
            &format!("{service}/start"),
            &format!("{service}/attach")
        ));
    }
    assert!(!ids(&plan).contains("vmapi/attach"), "vmapi has no dataset");
}

#[test]
fn nothing_happens_before_the_lost_headnode_was_found_silent() {
    let plan = plan_of(&inventory(), &options());
    for step in &plan.steps {
        if step.id.0 != "headnode0/silent" {
            assert!(
                comes_after(&plan, &step.id.0, "headnode0/silent"),
                "{}",
                step.id
            );
        }
    }
}

#[test]
fn old_records_are_retired_only_when_the_new_zone_works() {
    let plan = plan_of(&inventory(), &options());
    for service in ["sapi", "vmapi", "cloudapi", "imgapi"] {
        assert!(comes_after(
            &plan,
            &format!("{service}/retire-record"),
            &format!("{service}/healthy")
        ));
        assert!(comes_after(
            &plan,
            &format!("{service}/retire-vm"),
            &format!("{service}/listed")
        ));
    }
}

#[test]
fn cluster_members_are_never_copied_and_each_is_named() {
    let plan = plan_of(&inventory(), &options());
    for service in ["binder", "manatee", "moray"] {
        let made =
            |step: &&Step| step.service == service && matches!(step.verb, Verb::ZoneCreate(_));
        assert!(plan.steps.iter().find(made).is_none());
        let told = |n: &&Notice| n.service == service && n.level == Level::Info;
        let told = plan.notices.iter().find(told).unwrap();
        assert!(
            told.text.starts_with(&format!("{service}0 is left alone")),
            "{}",
            told.text
        );
        assert!(told.text.contains("2 of 3 members live"), "{}", told.text);
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let once = serde_json::to_vec(&plan_of(&inventory(), &options())).unwrap();
    let again = serde_json::to_vec(&plan_of(&inventory(), &options())).unwrap();
    assert_eq!(once, again);
}

#[test]
fn a_plan_reads_back_strictly_as_it_was_written() {
    let plan = plan_of(&inventory(), &options());
    assert_eq!(
        read::plan(&serde_json::to_vec(&plan).unwrap()).unwrap(),
        plan
    );
}

#[test]
fn planning_again_after_a_half_done_run_gives_the_same_names() {
    let first = plan_of(&inventory(), &options());
    let made = first
        .steps
        .iter()
        .find_map(|step| match &step.verb {
            Verb::ZoneCreate(create) if step.service == "imgapi" => Some(create.vm),
            _ => None,
        })
        .unwrap();
    let mut later = inventory();
    let mut half_done = instance("imgapi", 1, TARGET);
    half_done.uuid = made;
    later.instances.push(half_done);
    later.taken_at = at("2026-11-23T05:15:00Z");
    let second = plan_of(&later, &options());
    assert_eq!(second.run, first.run);
    assert_eq!(ids(&second), ids(&first));
    let create = second.step(&StepId::from("imgapi/create")).unwrap();
    assert_eq!(Some(create), first.step(&StepId::from("imgapi/create")));
}

#[test]
fn a_service_that_needs_one_left_out_is_refused() {
    let mut options = options();
    options.services = vec!["imgapi".to_owned()];
    let plan = plan_of(&inventory(), &options);
    assert!(
        refusals(&plan)
            .iter()
            .any(|text| text.starts_with("imgapi: its first boot needs sapi")),
        "{:?}",
        refusals(&plan)
    );
}

#[test]
fn a_headnode_that_answers_is_not_lost() {
    let mut alive = inventory();
    alive.servers[0].answers = Some(true);
    let plan = plan_of(&alive, &options());
    let refusal = plan
        .refusals
        .iter()
        .find(|r| r.text.contains("answers by ssh"))
        .unwrap();
    assert_eq!(refusal.accepted_by, None);
}

#[test]
fn data_too_old_is_refused_until_its_age_is_accepted() {
    let mut stale = inventory();
    stale.taken_at = at("2026-11-23T09:10:00Z");
    let mut options = options();
    let refused = plan_of(&stale, &options);
    assert!(
        refused
            .refusals
            .iter()
            .all(|r| r.accepted_by.as_deref() == Some("--accept-old-data"))
    );
    assert_eq!(refused.refusals.len(), 3, "{:?}", refusals(&refused));
    options.accept.insert("--accept-old-data".to_owned());
    assert_eq!(refusals(&plan_of(&stale, &options)), Vec::<String>::new());
}

#[test]
fn imgapi_without_its_files_is_refused() {
    let mut bare = inventory();
    let imgapi = uuid("imgapi0");
    bare.restore_points.retain(|point| point.vm != imgapi);
    let plan = plan_of(&bare, &options());
    assert!(
        refusals(&plan)
            .iter()
            .any(|text| text.contains("no whole restore point of imgapi0"))
    );
}

#[test]
fn a_missing_required_plugin_refuses_its_service_and_no_other() {
    let none = contract::InProcess::new(vec![Box::new(sapi::Sapi)]);
    let plan = plan_restore(&inventory(), &catalogue(), &none, &options()).unwrap();
    assert!(
        refusals(&plan)
            .iter()
            .any(|text| text.starts_with("imgapi: its plugin is not installed"))
    );
    assert!(
        plan.refusals
            .iter()
            .all(|refusal| refusal.service == "imgapi"),
        "{:?}",
        refusals(&plan)
    );
}

#[test]
fn without_any_moray_nothing_that_needs_a_record_is_planned() {
    let mut silent = inventory();
    silent.instances.retain(|i| i.service != "moray");
    let plan = plan_of(&silent, &options());
    assert!(
        refusals(&plan)
            .iter()
            .any(|text| text.starts_with("sapi: ") && text.contains("moray"))
    );
}

#[test]
fn a_missing_nic_tag_or_image_on_the_target_is_refused() {
    let mut poor = inventory();
    poor.servers[1].nic_tags = Some(vec!["external".to_owned()]);
    poor.images.retain(|image| image.name != "imgapi");
    let texts = refusals(&plan_of(&poor, &options()));
    assert!(
        texts
            .iter()
            .any(|t| t.contains("no NIC with the tag \"admin\"")),
        "{texts:?}"
    );
    assert!(
        texts
            .iter()
            .any(|t| t.starts_with("imgapi: image") && t.contains("not installed")),
        "{texts:?}"
    );
}

#[test]
fn a_second_singleton_is_never_made() {
    let mut twice = inventory();
    twice.instances.push(instance("cns", 0, LOST));
    twice.instances.push(instance("cns", 1, TARGET));
    let plan = plan_of(&twice, &options());
    assert!(plan.steps.iter().all(|step| step.service != "cns"));
    assert!(
        plan.notices
            .iter()
            .any(|n| n.service == "cns" && n.text.contains("there must be only one"))
    );
}

#[test]
fn what_no_row_knows_is_left_alone_by_name() {
    let mut odd = inventory();
    odd.instances.push(instance("homegrown", 0, LOST));
    let plan = plan_of(&odd, &options());
    assert!(plan.notices.iter().any(|n| {
        n.text
            .contains("homegrown0 is left alone: the catalogue has no row")
    }));
}

#[test]
fn the_age_of_the_data_is_told() {
    let plan = plan_of(&inventory(), &options());
    let told = plan
        .notices
        .iter()
        .any(|n| n.service == "imgapi" && n.level == Level::Info && n.text.contains("60 s before"));
    assert!(told, "{:?}", plan.notices);
}

#[test]
fn an_unknown_server_or_service_is_bad_input() {
    let mut wrong = options();
    wrong.lost = vec!["headnode9".to_owned()];
    let error = plan_restore(&inventory(), &catalogue(), &plugins(), &wrong).unwrap_err();
    assert!(
        matches!(&error, PlanError::Bad(text) if text.contains("headnode0, headnode1")),
        "{error}"
    );
    let mut wrong = options();
    wrong.services = vec!["imgpai".to_owned()];
    assert!(plan_restore(&inventory(), &catalogue(), &plugins(), &wrong).is_err());
}

#[test]
fn a_named_service_of_which_nothing_was_lost_is_bad_input() {
    let mut wrong = options();
    wrong.services = vec!["napi".to_owned()];
    let error = plan_restore(&inventory(), &catalogue(), &plugins(), &wrong).unwrap_err();
    assert!(
        matches!(&error, PlanError::Bad(text) if text.contains("napi")),
        "{error}"
    );
}

#[test]
fn a_datacenter_that_nothing_identifies_is_refused() {
    let mut unknown = inventory();
    unknown.dc.sapi_app = None;
    let error = plan_restore(&unknown, &catalogue(), &plugins(), &options()).unwrap_err();
    assert!(matches!(error, PlanError::Refused(_)));
}

#[test]
fn no_step_carries_a_payload_only_references_to_one() {
    let plan = plan_of(&inventory(), &options());
    for step in &plan.steps {
        if let Verb::ZoneCreate(create) = &step.verb {
            let base = create.payload.base.as_ref().unwrap();
            assert!(base.stays_inside());
            assert!(create.payload.drop.contains(&"nics".to_owned()));
        }
    }
}
