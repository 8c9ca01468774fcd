// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! After a restore the other headnodes go on from what they have: what is shared between headnodes beforehand, and how a copy of
//! the lost zone becomes one of the zone that replaces it.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use documents::Uuid;
use support::{IMGAPI, SOURCE, World};
use sync::Importance::Required;
use sync::snapshots::{Copy, Snapshot};
use sync::{Outcome, Pins, names};

const ONE: &[(Uuid, &str, sync::Importance)] = &[(IMGAPI, "imgapi", Required)];
const ANOTHER: Uuid = Uuid::from_u128(0x44454c4c_4700_1051_8031_b4c04f334732);
/// The zone that was restored in place of IMGAPI.
const RESTORED: Uuid = Uuid::from_u128(0x1c7e5d11_4a9b_4f65_8c3d_2e1f0a9b8c7d);
const NEW: &[(Uuid, &str, sync::Importance)] = &[(RESTORED, "imgapi", Required)];

/// Another headnode takes its snapshot of the dataset.
fn another_syncs(world: &World) -> Snapshot {
    let name = names::snapshot(ANOTHER, world.now(), |_| false);
    world.snapshot_as(&names::delegate(IMGAPI), &name)
}

fn names_here(world: &World, vm: Uuid) -> Vec<String> {
    let copy = world.copy_of(vm);
    copy.snapshots.into_iter().map(|one| one.name).collect()
}

/// This headnode and another one have synced IMGAPI; returns what both have.
fn shared() -> (World, Snapshot) {
    let world = World::with(&[IMGAPI, RESTORED]);
    let common = another_syncs(&world);
    world.later(60);
    world.sync(ONE);
    // The source's counterpart will be gone with the source.
    world.source.borrow_mut().remove(&names::delegate(IMGAPI));
    (world, common)
}

/// The restored dataset begins with what the headnode that restored it had, and was written to.
fn restored_with(world: &World, snapshots: Vec<Snapshot>) {
    let dataset = names::delegate(RESTORED);
    let mut source = world.source.borrow_mut();
    let of = source.get_mut(&dataset).unwrap();
    of.bytes = 1024;
    of.snapshots = snapshots;
    for one in &mut of.snapshots {
        one.dataset.clone_from(&dataset);
    }
}

#[test]
fn a_sync_brings_what_another_headnode_has_too_and_not_again_for_half_an_hour() {
    let world = World::with(&[IMGAPI]);
    let first = another_syncs(&world);
    world.later(60);
    let result = &world.sync(ONE)[0];
    assert_eq!(
        (result.outcome, result.bytes),
        (Outcome::Sent, 1000),
        "{:?}",
        result.why
    );
    assert_eq!(world.copy_of(IMGAPI).snapshots[0].guid, first.guid);
    for (minutes, shared) in [(10, 2), (25, 4)] {
        world.later(60 * minutes);
        world.write(IMGAPI, 1);
        another_syncs(&world);
        world.later(60);
        world.sync(ONE);
        let here = names_here(&world, IMGAPI).len();
        assert_eq!(here, shared + 1, "{minutes} minutes later");
    }
    // Only our own snapshots were removed over there.
    let there = world.source.borrow()[&names::delegate(IMGAPI)]
        .snapshots
        .clone();
    let theirs = there
        .iter()
        .filter(|one| names::is_ours(&one.name, ANOTHER));
    assert_eq!(theirs.count(), 3);
    assert_eq!(
        there.iter().filter(|one| one.bookmark).count(),
        0,
        "no bookmark is left"
    );
}

#[test]
fn a_run_killed_after_what_it_shared_goes_on_from_there_though_the_other_headnode_removed_it() {
    let world = World::with(&[IMGAPI]);
    let theirs = another_syncs(&world);
    world.later(60);
    world.break_command("snapshot there", true);
    let all_sent = names::copy(SOURCE, IMGAPI);
    world.broken.borrow_mut().clear();
    world.sync(ONE);
    // As it was after the first of its two streams; our bookmark is all that is left over there.
    let mut copies = world.copies.borrow_mut();
    copies.get_mut(&all_sent).unwrap().snapshots.truncate(1);
    drop(copies);
    let mut source = world.source.borrow_mut();
    let there = &mut source.get_mut(&names::delegate(IMGAPI)).unwrap().snapshots;
    *there = vec![Snapshot {
        bookmark: true,
        ..theirs
    }];
    drop(source);
    world.write(IMGAPI, 24);
    world.later(300);
    let result = &world.sync(ONE)[0];
    assert_eq!((result.outcome, result.bytes), (Outcome::Sent, 24));
    assert_eq!(world.ran("put aside"), 0);
}

#[test]
fn of_what_is_shared_the_two_newest_stay() {
    let world = World::with(&[IMGAPI]);
    for _ in 0..4 {
        world.write(IMGAPI, 1);
        another_syncs(&world);
        world.later(60);
        world.sync(ONE);
        world.later(1800);
    }
    let here = names_here(&world, IMGAPI);
    let theirs = here.iter().filter(|name| names::is_ours(name, ANOTHER));
    assert_eq!(theirs.count(), 2, "{here:?}");
}

#[test]
fn a_restored_zone_that_was_promoted_is_gone_on_with_from_the_lost_zones_copy() {
    let (world, common) = shared();
    restored_with(&world, vec![common.clone()]);
    world.later(300);
    let result = &world.sync(NEW)[0];
    assert_eq!((result.outcome, result.bytes), (Outcome::Sent, 24));
    assert_eq!(world.copy_of(RESTORED).snapshots[0].guid, common.guid);
    assert_eq!(world.copy_of(RESTORED).origin, None);
    // What came after the common snapshot stays the lost zone's, and is a restore point as before.
    let lost = world.copy_of(IMGAPI);
    let points = world.store().points(SOURCE, IMGAPI).unwrap().points;
    assert_eq!(points[0].guid, lost.snapshots[0].guid);
    assert_eq!(points[0].dataset, lost.dataset);
}

#[test]
fn restore_points_that_go_over_to_the_new_copy_are_found_there() {
    let (world, _) = shared();
    let ours = world.copy_of(IMGAPI).snapshots[1].clone();
    restored_with(&world, vec![ours.clone()]);
    world.sync(NEW);
    let points = world.store().points(SOURCE, IMGAPI).unwrap().points;
    assert_eq!(points[0].guid, ours.guid);
    assert_eq!(points[0].dataset, names::copy(SOURCE, RESTORED));
}

#[test]
fn a_restored_zone_that_is_still_a_clone_is_received_as_a_clone_of_the_lost_zones_copy() {
    let (world, common) = shared();
    restored_with(&world, Vec::new());
    let lineage = vec![Snapshot {
        dataset: names::copy(SOURCE, IMGAPI),
        ..common.clone()
    }];
    world
        .clones
        .borrow_mut()
        .insert(names::delegate(RESTORED), lineage);
    let result = &world.sync(NEW)[0];
    assert_eq!((result.outcome, result.bytes), (Outcome::Sent, 24));
    assert_eq!(world.copy_of(RESTORED).origin, Some(common.name));
    assert_eq!(world.ran("branch"), 0);
    world.write(RESTORED, 7);
    world.later(300);
    assert_eq!(world.sync(NEW)[0].bytes, 7);
}

#[test]
fn a_branch_that_a_killed_run_began_is_ended_by_the_next() {
    let (world, common) = shared();
    restored_with(&world, vec![common.clone()]);
    world.break_command("branch", false);
    assert_eq!(world.sync(NEW)[0].outcome, Outcome::Failed);
    assert!(world.copy_of(RESTORED).snapshots.is_empty());
    world.broken.borrow_mut().clear();
    world.later(300);
    let result = &world.sync(NEW)[0];
    assert_eq!((result.outcome, result.bytes), (Outcome::Sent, 24));
    assert_eq!(world.ran("put aside"), 0);
}

#[test]
fn a_copy_that_a_run_needs_is_not_branched_from() {
    let (world, common) = shared();
    restored_with(&world, vec![common.clone()]);
    let all = names_here(&world, IMGAPI).join(" ");
    let pins = Pins::of(vec![("journal/a run".to_owned(), all)]);
    let result = &world.sync_pinned(NEW, &pins)[0];
    assert_eq!(
        (result.outcome, result.bytes),
        (Outcome::Sent, 1024),
        "{:?}",
        result.why
    );
    let untouched: Copy = world.copy_of(IMGAPI);
    assert_eq!(untouched.snapshots.len(), 2);
}
