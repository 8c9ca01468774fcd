// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The sync of datasets between two headnodes in memory: what is sent, what is recorded when, and what survives a crash.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;

use documents::Uuid;
use support::{CNS, IMGAPI, SAPI, SOURCE, TARGET, World};
use sync::Importance::{Required, Useful};
use sync::snapshots::{Copy, Snapshot};
use sync::transport::{Send, Source, Stream};
use sync::{Outcome, Pins, names};

const ONE: &[(Uuid, &str, sync::Importance)] = &[(IMGAPI, "imgapi", Required)];

#[test]
fn the_first_sync_sends_everything_and_the_second_only_what_is_new() {
    let world = World::with(&[IMGAPI]);
    let first = world.sync(ONE);
    assert_eq!((first[0].outcome, first[0].bytes), (Outcome::Sent, 1000));
    world.later(300);
    world.write(IMGAPI, 24);
    let second = world.sync(ONE);
    assert_eq!((second[0].outcome, second[0].bytes), (Outcome::Sent, 24));
    let points = world.store().points(SOURCE, IMGAPI).unwrap().points;
    assert_eq!(points.len(), 2);
    assert_eq!(points[1].guid, world.copy_of(IMGAPI).snapshots[1].guid);
    assert!(points[0].as_of < points[1].as_of);
}

#[test]
fn syncs_within_one_second_give_no_name_twice_though_the_source_forgets_it_first() {
    let world = World::with(&[IMGAPI]);
    let name = names::snapshot(TARGET, world.now(), |_| false);
    // Of one period only the newest would stay.
    let all = format!("{name} {name}-2 {name}-3 {name}-4 {name}-5");
    let pins = Pins::of(vec![("journal/a run".to_owned(), all)]);
    for round in 1..=5 {
        world.write(IMGAPI, round);
        let outcome = world.sync_pinned(ONE, &pins)[0].outcome;
        assert_eq!(outcome, Outcome::Sent, "round {round}");
    }
    let points = world.store().points(SOURCE, IMGAPI).unwrap().points;
    assert_eq!(points.len(), 5);
}

#[test]
fn what_did_not_change_is_not_sent_but_is_good_until_now() {
    let world = World::with(&[IMGAPI]);
    world.sync(ONE);
    world.later(900);
    let result = world.sync(ONE);
    assert_eq!(result[0].outcome, Outcome::Unchanged);
    assert_eq!(result[0].lag_seconds, Some(0));
    assert_eq!(world.ran("send"), 1);
    let points = world.store().points(SOURCE, IMGAPI).unwrap().points;
    assert_eq!(points.len(), 1);
    assert_eq!(points[0].as_of, world.now());
}

#[test]
fn required_datasets_go_first_and_one_that_fails_does_not_stop_the_rest() {
    let world = World::with(&[IMGAPI, SAPI, CNS]);
    world.break_command("send zones/2e907f33", false);
    let results = world.sync(&[
        (CNS, "cns", Useful),
        (SAPI, "sapi", Required),
        (IMGAPI, "imgapi", Required),
    ]);
    let order: Vec<&str> = results.iter().map(|r| r.service.as_str()).collect();
    assert_eq!(order, ["imgapi", "sapi", "cns"]);
    let outcomes: Vec<Outcome> = results.iter().map(|r| r.outcome).collect();
    assert_eq!(outcomes, [Outcome::Sent, Outcome::Failed, Outcome::Sent]);
    assert!(results[1].why.as_deref().unwrap().contains("I/O error"));
    assert_eq!(results[1].lag_seconds, None, "it was never whole");
}

#[test]
fn a_source_that_goes_away_is_not_waited_for_again_and_again() {
    let world = World::with(&[IMGAPI, SAPI, CNS]);
    world.break_command("send", true);
    let results = world.sync(&[
        (IMGAPI, "imgapi", Required),
        (SAPI, "sapi", Required),
        (CNS, "cns", Useful),
    ]);
    assert!(results.iter().all(|r| r.outcome == Outcome::Failed));
    assert_eq!(world.ran("send"), 1);
}

#[test]
fn a_run_killed_between_receive_and_record_is_completed_by_the_next() {
    let world = World::with(&[IMGAPI]);
    world.sync(ONE);
    world.later(300);
    world.write(IMGAPI, 24);
    // The killed run came as far as this.
    let dataset = names::delegate(IMGAPI);
    let base = world.source.borrow()[&dataset].snapshots[0].clone();
    let name = names::snapshot(TARGET, world.now(), |_| false);
    let sent = world.snapshot_as(&dataset, &name);
    let stream = Stream::New(Send {
        dataset,
        snapshot: sent.name.clone(),
        base: Some(base),
        written: 0,
    });
    Source::send(&world, &stream, &names::copy(SOURCE, IMGAPI)).unwrap();
    world.later(60);
    let result = world.sync(ONE);
    assert_eq!(result[0].outcome, Outcome::Unchanged);
    let points = world.store().points(SOURCE, IMGAPI).unwrap().points;
    assert_eq!(points.len(), 2);
    assert_eq!(points[1].guid, sent.guid);
}

#[test]
fn a_receive_that_was_cut_off_goes_on() {
    let world = World::with(&[IMGAPI]);
    world.sync(ONE);
    world.write(IMGAPI, 24);
    world.later(300);
    let name = names::snapshot(TARGET, world.now(), |_| false);
    let sent = world.snapshot_as(&names::delegate(IMGAPI), &name);
    let copy = names::copy(SOURCE, IMGAPI);
    world.copies.borrow_mut().get_mut(&copy).unwrap().resume = Some(sent.guid.clone());
    world.later(300);
    let result = world.sync(ONE);
    assert_eq!(world.ran("resume"), 1);
    assert_eq!(result[0].outcome, Outcome::Sent);
    let guids: Vec<String> = world
        .copy_of(IMGAPI)
        .snapshots
        .iter()
        .map(|s| s.guid.clone())
        .collect();
    assert!(guids.contains(&sent.guid));
}

#[test]
fn a_receive_that_cannot_go_on_is_given_up_and_said_so() {
    let world = World::with(&[IMGAPI]);
    let copy = names::copy(SOURCE, IMGAPI);
    world.copies.borrow_mut().insert(
        copy.clone(),
        Copy {
            dataset: copy,
            resume: Some("a token from another time".to_owned()),
            ..Copy::default()
        },
    );
    let result = world.sync(ONE);
    assert_eq!(result[0].outcome, Outcome::Sent);
    assert_eq!(result[0].bytes, 1000);
    assert!(result[0].why.as_deref().unwrap().contains("given up"));
}

#[test]
fn a_connection_that_breaks_does_not_throw_away_what_was_received() {
    let world = World::with(&[IMGAPI]);
    let copy = names::copy(SOURCE, IMGAPI);
    world.copies.borrow_mut().insert(
        copy.clone(),
        Copy {
            dataset: copy,
            resume: Some("t".to_owned()),
            ..Copy::default()
        },
    );
    world.break_command("resume", true);
    let result = world.sync(ONE);
    assert_eq!(result[0].outcome, Outcome::Failed);
    assert_eq!(world.ran("abort"), 0);
}

#[test]
fn a_diverged_copy_is_put_aside_and_kept() {
    let world = World::with(&[IMGAPI]);
    world.sync(ONE);
    let dataset = names::delegate(IMGAPI);
    world
        .source
        .borrow_mut()
        .get_mut(&dataset)
        .unwrap()
        .snapshots
        .clear();
    world.later(300);
    let result = world.sync(ONE);
    assert_eq!((result[0].outcome, result[0].bytes), (Outcome::Sent, 1000));
    assert!(result[0].why.as_deref().unwrap().contains("-diverged"));
    let copies = world.copies.borrow();
    assert_eq!(copies.len(), 2);
    assert!(copies.keys().any(|name| name.contains("-parked-")));
    let points = world.store().points(SOURCE, IMGAPI).unwrap().points;
    assert_eq!(
        points.len(),
        1,
        "a point of the copy put aside is no point of this one"
    );
}

#[test]
fn until_all_of_it_is_sent_anew_the_copy_put_aside_can_be_restored_from() {
    let world = World::with(&[IMGAPI]);
    world.sync(ONE);
    let dataset = names::delegate(IMGAPI);
    world
        .source
        .borrow_mut()
        .get_mut(&dataset)
        .unwrap()
        .snapshots
        .clear();
    world.break_command("send", true);
    let result = world.sync(ONE);
    assert_eq!(result[0].outcome, Outcome::Failed);
    let points = world.store().points(SOURCE, IMGAPI).unwrap().points;
    assert_eq!(points.len(), 1);
    assert!(world.copies.borrow().contains_key(&points[0].dataset));
}

#[test]
fn a_diverged_copy_that_a_run_needs_is_left_as_it_is() {
    let world = World::with(&[IMGAPI]);
    world.sync(ONE);
    let dataset = names::delegate(IMGAPI);
    world
        .source
        .borrow_mut()
        .get_mut(&dataset)
        .unwrap()
        .snapshots
        .clear();
    let needed = world.copy_of(IMGAPI).snapshots[0].name.clone();
    let pins = Pins::of(vec![("journal/a run".to_owned(), needed)]);
    let result = world.sync_pinned(ONE, &pins);
    assert_eq!(result[0].outcome, Outcome::Failed);
    assert!(result[0].why.as_deref().unwrap().contains("journal/a run"));
    assert_eq!(world.ran("put aside"), 0);
}

#[test]
fn what_would_fill_the_pool_is_refused_with_figures_and_the_last_restore_point_stays() {
    let world = World::with(&[IMGAPI, SAPI]);
    let both = [(IMGAPI, "imgapi", Required), (SAPI, "sapi", Required)];
    world.sync(&both);
    world.write(IMGAPI, 5000);
    world.write(SAPI, 10);
    *world.free.borrow_mut() = 4000;
    let results = world.sync(&both);
    assert_eq!(results[0].outcome, Outcome::Failed);
    let why = results[0].why.as_deref().unwrap();
    assert!(
        why.contains("5000") && why.contains("4000") && why.contains("1000"),
        "{why}"
    );
    assert_eq!(results[1].outcome, Outcome::Sent);
    assert_eq!(
        world.store().points(SOURCE, IMGAPI).unwrap().points.len(),
        1
    );
    assert_eq!(world.copy_of(IMGAPI).snapshots.len(), 1);
}

#[test]
fn a_source_whose_snapshot_is_gone_is_gone_on_with_from_its_bookmark() {
    let world = World::with(&[IMGAPI]);
    world.sync(ONE);
    world.write(IMGAPI, 24);
    world.later(300);
    let dataset = names::delegate(IMGAPI);
    for snapshot in &mut world
        .source
        .borrow_mut()
        .get_mut(&dataset)
        .unwrap()
        .snapshots
    {
        snapshot.bookmark = true;
    }
    let result = world.sync(ONE);
    assert_eq!((result[0].outcome, result[0].bytes), (Outcome::Sent, 24));
    assert_eq!(world.ran("put aside"), 0);
}

#[test]
fn an_hour_of_restore_points_is_kept_here_and_one_snapshot_there() {
    let world = World::with(&[IMGAPI]);
    for _ in 0..15 {
        world.write(IMGAPI, 1);
        world.later(300);
        assert_eq!(world.sync(ONE)[0].outcome, Outcome::Sent);
    }
    // Two of them are the last of their hour.
    let kept = world.copy_of(IMGAPI).snapshots.len();
    assert!((12..=13).contains(&kept), "{kept}");
    let there = &world.source.borrow()[&names::delegate(IMGAPI)]
        .snapshots
        .len();
    assert_eq!(*there, 1);
    world.later(300);
    world.sync(ONE);
    let points = world.store().points(SOURCE, IMGAPI).unwrap().points;
    let here: BTreeMap<String, Snapshot> = world
        .copy_of(IMGAPI)
        .snapshots
        .into_iter()
        .map(|s| (s.guid.clone(), s))
        .collect();
    assert!(points.iter().all(|point| here.contains_key(&point.guid)));
}

#[test]
fn a_restore_point_that_a_run_needs_is_kept() {
    let world = World::with(&[IMGAPI]);
    world.sync(ONE);
    let needed = world.copy_of(IMGAPI).snapshots[0].name.clone();
    let pins = Pins::of(vec![("journal/x".to_owned(), needed.clone())]);
    for _ in 0..14 {
        world.write(IMGAPI, 1);
        world.later(300);
        world.sync_pinned(ONE, &pins);
    }
    assert_eq!(world.copy_of(IMGAPI).snapshots[0].name, needed);
}

#[test]
fn the_commands_of_a_round_are_a_constant_and_a_constant_for_each_changed_dataset() {
    let mut counts = Vec::new();
    for many in [1u128, 25, 200] {
        let vms: Vec<Uuid> = (1..=many).map(Uuid::from_u128).collect();
        let world = World::with(&vms);
        let zones: Vec<_> = vms.iter().map(|vm| (*vm, "imgapi", Required)).collect();
        world.sync(&zones);
        world.later(300);
        world.commands.borrow_mut().clear();
        world.sync(&zones);
        let unchanged = world.commands.borrow().len();
        world.write(vms[0], 1);
        world.later(300);
        world.commands.borrow_mut().clear();
        world.sync(&zones);
        let changed = world.commands.borrow().len();
        // The newest snapshots have several names now.
        world.later(300);
        world.commands.borrow_mut().clear();
        world.sync(&zones);
        assert_eq!(world.commands.borrow().len(), unchanged);
        counts.push((unchanged, changed));
    }
    assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
    assert_eq!(counts[0].0, 3);
}

#[test]
fn looking_at_both_ends_costs_the_same_for_one_dataset_and_for_three() {
    let all = [
        (IMGAPI, "imgapi", Required),
        (SAPI, "sapi", Required),
        (CNS, "cns", Useful),
    ];
    let world = World::with(&[IMGAPI, SAPI, CNS]);
    world.sync(&all);
    world.later(300);
    world.commands.borrow_mut().clear();
    world.sync(&all);
    assert_eq!(
        *world.commands.borrow(),
        ["list here", "look there", "written there"]
    );
}
