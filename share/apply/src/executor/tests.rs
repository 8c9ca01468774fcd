// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Whole runs against a datacenter in memory: what is done, in which order, what is left after a fault, and that the next run
//! ends where an undisturbed one does.

use std::net::TcpListener;
use std::sync::Mutex;

use documents::event::Outcome;
use documents::plan::{Step, StepId};
use documents::verb::{AddressRelease, AddressTake, CheckSilent, VmRetire};
use documents::{Event, Plan, Refusal, Summary, Uuid, Verb};
use platform::Canceller;
use serde_json::{Map, Value};

use super::{Options, RefusalKind, Refused, apply};
use crate::journal::FOLDER;
use crate::testing::{Center, Fault, plan, step};
use crate::world::World;

const MAC: &str = "90:b8:d0:aa:bb:cc";

fn vm(number: u128) -> Uuid {
    Uuid::from_u128(0x0c7e_0000 + number)
}

fn with_verb(id: &str, needs: &[&str], verb: Verb) -> Step {
    Step {
        verb,
        ..step(id, needs)
    }
}

fn take(id: &str, needs: &[&str], number: u128) -> Step {
    let with = AddressTake {
        network: Uuid::from_u128(5),
        owner: Uuid::from_u128(9),
        vm: vm(number),
        ip: None,
        interface: "net0".to_owned(),
        primary: true,
        properties: Map::new(),
    };
    with_verb(id, needs, Verb::AddressTake(with))
}

fn retire(id: &str, needs: &[&str]) -> Step {
    let with = VmRetire {
        vm: vm(0),
        server: Uuid::from_u128(66),
    };
    with_verb(id, needs, Verb::VmRetire(with))
}

fn release(id: &str, needs: &[&str]) -> Step {
    let with = AddressRelease {
        mac: MAC.to_owned(),
        vm: vm(0),
    };
    with_verb(id, needs, Verb::AddressRelease(with))
}

/// Two services take addresses; one retires what was lost.
fn restore() -> Plan {
    plan(vec![
        take("imgapi/address", &[], 1),
        take("sapi/address", &[], 2),
        retire("imgapi/retire-vm", &["imgapi/address"]),
        release("imgapi/release", &["imgapi/retire-vm"]),
    ])
}

fn center() -> Center {
    let center = Center::new();
    center.lost_zone(vm(0), MAC);
    center
}

fn run(plan: &Plan, world: &World, options: &Options) -> (Result<Summary, Refused>, Vec<Event>) {
    let events = Mutex::new(Vec::new());
    let outcome = apply(plan, world, options, &|event| {
        events.lock().unwrap().push(event.clone());
    });
    (outcome, events.into_inner().unwrap())
}

fn applied(center: &Center, plan: &Plan) -> Summary {
    run(plan, &center.world(), &Options::default()).0.unwrap()
}

fn done(events: &[Event]) -> Vec<&str> {
    let steps = events.iter().filter_map(|event| match event {
        Event::StepDone { step, .. } => Some(step.0.as_str()),
        _ => None,
    });
    steps.collect()
}

fn journal(center: &Center) -> std::path::PathBuf {
    let folder = center.root.path().join(FOLDER.trim_start_matches('/'));
    folder.join(Uuid::from_u128(7).to_string())
}

/// The state that an undisturbed run ends in.
fn undisturbed() -> Value {
    let center = center();
    assert_eq!(applied(&center, &restore()).outcome, Outcome::Done);
    center.state()
}

#[test]
fn steps_are_done_as_their_needs_allow_and_a_second_apply_changes_nothing() {
    let center = center();
    let options = Options {
        jobs: 4,
        ..Options::default()
    };
    let (outcome, events) = run(&restore(), &center.world(), &options);
    let summary = outcome.unwrap();
    assert_eq!(
        (summary.outcome, summary.changed, summary.failed),
        (Outcome::Done, 4, 0)
    );
    let order = done(&events);
    let place = |id| order.iter().position(|one| *one == id).unwrap();
    assert!(place("imgapi/address") < place("imgapi/retire-vm"));
    assert!(place("imgapi/retire-vm") < place("imgapi/release"));
    assert!(matches!(events.last(), Some(Event::Summary(_))));

    let changes = center.records().changes.len();
    let again = applied(&center, &restore());
    assert_eq!(
        (again.outcome, again.changed, again.unchanged),
        (Outcome::Done, 0, 4)
    );
    assert!(again.next.unwrap().contains("nothing was changed"));
    assert_eq!(center.records().changes.len(), changes);
}

#[test]
fn a_run_that_was_disturbed_at_any_change_ends_like_an_undisturbed_one() {
    let wanted = undisturbed();
    for at in 1..=4 {
        let center = center();
        center.records().fault = Some((at, Fault::Refused));
        let first = applied(&center, &restore());
        assert_eq!(first.outcome, Outcome::Partial, "at {at}");
        assert!(first.next.unwrap().contains("apply the same plan again"));
        let second = applied(&center, &restore());
        assert_eq!(second.outcome, Outcome::Done, "at {at}");
        assert_eq!(center.state(), wanted, "at {at}");
    }
}

#[test]
fn a_change_that_was_made_and_whose_answer_was_lost_counts_as_made() {
    for at in 1..=4 {
        let center = center();
        center.records().fault = Some((at, Fault::Closed));
        let summary = applied(&center, &restore());
        assert_eq!(summary.outcome, Outcome::Done, "at {at}");
        assert_eq!(center.state(), undisturbed(), "at {at}");
    }
}

#[test]
fn an_address_that_another_was_faster_to_take_is_chosen_anew() {
    let center = center();
    center.records().fault = Some((1, Fault::Raced));
    let summary = applied(&center, &restore());
    assert_eq!((summary.outcome, summary.changed), (Outcome::Done, 4));
    assert_eq!(center.state(), undisturbed());
}

#[test]
fn a_journal_that_was_cut_off_anywhere_is_gone_on_from() {
    let wanted = undisturbed();
    let whole = {
        let center = center();
        applied(&center, &restore());
        std::fs::read(journal(&center).join("events.ndjson")).unwrap()
    };
    let mut cuts: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] == b'\n').collect();
    // In the middle of a line too, and before any.
    cuts.extend(cuts.clone().iter().map(|at| at.saturating_sub(20)));
    cuts.push(0);
    for cut in cuts {
        let center = center();
        applied(&center, &restore());
        let events = journal(&center).join("events.ndjson");
        std::fs::write(&events, &whole[..cut]).unwrap();
        let changes = center.records().changes.len();
        let again = applied(&center, &restore());
        assert_eq!(again.outcome, Outcome::Done, "cut at {cut}");
        assert_eq!(center.records().changes.len(), changes, "cut at {cut}");
        assert_eq!(center.state(), wanted, "cut at {cut}");
        let text = std::fs::read(&events).unwrap();
        documents::read::events(&text).unwrap();
    }
}

#[test]
fn a_failure_holds_what_needs_it_and_the_rest_goes_on() {
    let center = center();
    // The first of the two addresses that are asked for.
    center.records().fault = Some((1, Fault::Refused));
    let (outcome, events) = run(&restore(), &center.world(), &Options::default());
    let summary = outcome.unwrap();
    assert_eq!(
        (summary.changed, summary.failed, summary.held),
        (1, 1, 2),
        "{summary:?}"
    );
    assert_eq!(done(&events), ["sapi/address"]);
    let held: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            Event::StepHeld { step, because, .. } => {
                assert_eq!(because, "imgapi/address failed");
                Some(step.0.as_str())
            }
            _ => None,
        })
        .collect();
    assert_eq!(held, ["imgapi/retire-vm", "imgapi/release"]);
}

#[test]
fn one_step_runs_alone_only_when_all_that_it_needs_is_so() {
    let center = center();
    let only = |id: &str| Options {
        only: vec![StepId::from(id)],
        ..Options::default()
    };
    let refused = run(&restore(), &center.world(), &only("imgapi/release"))
        .0
        .unwrap_err();
    assert_eq!(refused.kind, RefusalKind::Precondition);
    // However far away.
    assert!(refused.to_string().contains("imgapi/address is needed"));
    assert!(center.records().changes.is_empty());
    assert!(!journal(&center).exists());

    for id in ["imgapi/address", "imgapi/retire-vm", "imgapi/release"] {
        let (outcome, events) = run(&restore(), &center.world(), &only(id));
        assert_eq!(outcome.unwrap().changed, 1, "{id}");
        assert_eq!(done(&events), [id]);
    }
    assert_eq!(applied(&center, &restore()).changed, 1);
    assert_eq!(center.state(), undisturbed());
}

#[test]
fn a_service_that_is_skipped_is_left_as_it_is() {
    let center = center();
    let options = Options {
        skip: vec!["imgapi".to_owned()],
        ..Options::default()
    };
    let (outcome, events) = run(&restore(), &center.world(), &options);
    assert_eq!(outcome.unwrap().changed, 1);
    assert_eq!(done(&events), ["sapi/address"]);
    assert_eq!(center.records().changes.len(), 1);
}

#[test]
fn a_server_that_still_answers_refuses_the_whole_plan() {
    let center = center();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let with = CheckSilent {
        server: Uuid::from_u128(66),
        address: "127.0.0.1".parse().unwrap(),
        apis: vec![listener.local_addr().unwrap().to_string()],
        zones: Vec::new(),
    };
    let mut plan = restore();
    plan.steps
        .push(with_verb("headnode0/silent", &[], Verb::CheckSilent(with)));
    let refused = run(&plan, &center.world(), &Options::default())
        .0
        .unwrap_err();
    assert_eq!(refused.kind, RefusalKind::Precondition);
    assert!(refused.to_string().contains("is not lost"), "{refused}");
    assert!(center.records().changes.is_empty());
    assert!(!journal(&center).exists());
}

#[test]
fn a_plan_for_elsewhere_or_with_refusals_is_refused_with_every_reason() {
    let center = center();
    let mut plan = restore();
    plan.dc.name = "west-2".to_owned();
    plan.refusals.push(Refusal {
        service: "imgapi".to_owned(),
        text: "its data is 3 days old".to_owned(),
        accepted_by: Some("--accept-old-data".to_owned()),
    });
    let refused = run(&plan, &center.world(), &Options::default())
        .0
        .unwrap_err();
    let text = refused.to_string();
    assert_eq!(
        (refused.kind, refused.reasons.len()),
        (RefusalKind::Precondition, 2),
        "{text}"
    );
    assert!(text.contains("west-2") && text.contains("--accept-old-data"));
    assert!(center.records().changes.is_empty());
}

#[test]
fn an_interrupt_before_the_first_step_begins_nothing_and_leaves_no_journal() {
    let center = center();
    let canceller = Canceller::new();
    canceller.cancel();
    let (outcome, events) = run(
        &restore(),
        &center.world_with(canceller),
        &Options::default(),
    );
    let refused = outcome.unwrap_err();
    assert_eq!(refused.kind, RefusalKind::Failure, "{refused}");
    assert!(refused.to_string().contains("nothing was changed"));
    assert!(events.is_empty());
    assert!(center.records().changes.is_empty());
    assert_eq!(applied(&center, &restore()).outcome, Outcome::Done);
}

#[test]
fn what_went_away_after_it_was_done_is_done_again() {
    let center = center();
    applied(&center, &restore());
    center
        .records()
        .nics
        .retain(|_, nic| nic["belongs_to_uuid"] != vm(2).to_string());
    let again = applied(&center, &restore());
    assert_eq!((again.changed, again.unchanged), (1, 3));
    assert_eq!(center.state(), undisturbed());
}

#[test]
fn what_belongs_to_somebody_else_by_now_is_left_alone_and_said_so() {
    let center = center();
    for nic in center.records().nics.values_mut() {
        nic["belongs_to_uuid"] = Value::String(vm(9).to_string());
    }
    let plan = plan(vec![release("imgapi/release", &[])]);
    let (outcome, events) = run(&plan, &center.world(), &Options::default());
    assert_eq!(outcome.unwrap().changed, 0);
    let said = events.iter().find_map(|event| match event {
        Event::StepDone { outputs, .. } => outputs["left_alone"].as_str(),
        _ => None,
    });
    assert!(said.unwrap().contains(&vm(9).to_string()));
    assert!(center.records().changes.is_empty());
}

#[test]
fn a_retired_record_is_kept_to_its_owner_and_its_secrets_are_nowhere_else() {
    use std::os::unix::fs::PermissionsExt;
    let center = center();
    let (_, events) = run(&restore(), &center.world(), &Options::default());
    let printed = serde_json::to_string(&events).unwrap();
    assert!(!printed.contains("CANARY"));
    let mut kept = 0;
    for file in std::fs::read_dir(journal(&center)).unwrap().flatten() {
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", file.path().display());
        let text = std::fs::read_to_string(file.path()).unwrap();
        let is_kept = file.file_name() == "kept-imgapi-retire-vm.json";
        assert_eq!(text.contains("CANARY-metadata"), is_kept);
        kept += usize::from(is_kept);
    }
    assert_eq!(kept, 1);
}
