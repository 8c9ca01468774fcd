// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! zfs send and receive: whole and incremental streams, and streams that don't fit or don't arrive.

use std::fs;

use crate::world::{HERE, Ran, THERE, World, world};

const SOURCE: &str = "zones/source";
const COPY: &str = "zones/a copy";

/// A source on one headnode with two snapshots; between them one file changes, one goes, one comes.
fn source() -> World {
    let world = world();
    world.ok(THERE, &["zfs", "create", SOURCE]);
    let files = world.files(THERE, SOURCE);
    fs::create_dir_all(files.join("deep/er")).unwrap();
    fs::write(files.join("deep/er/file.0 (ö)"), [0, 159, 146, 150, 10]).unwrap();
    fs::write(files.join("changes"), "before").unwrap();
    fs::write(files.join("goes"), "").unwrap();
    world.ok(THERE, &["zfs", "snapshot", "zones/source@1"]);
    fs::write(files.join("changes"), "afterwards").unwrap();
    fs::remove_file(files.join("goes")).unwrap();
    fs::write(files.join("comes"), vec![7; 40_000]).unwrap();
    world.ok(THERE, &["zfs", "snapshot", "zones/source@2"]);
    world
}

fn sent(world: &World, words: &[&str]) -> Vec<u8> {
    let ran = world.run(THERE, &[&["zfs", "send"], words].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.bytes
}

fn full(world: &World) -> Vec<u8> {
    sent(world, &["-L", "-e", "-c", "zones/source@1"])
}

fn increment(world: &World) -> Vec<u8> {
    let words = ["-L", "-e", "-c", "-i", "zones/source@1", "zones/source@2"];
    sent(world, &words)
}

fn receive(world: &World, stream: &[u8]) -> Ran {
    world.feed(HERE, &["zfs", "receive", "-s", "-u", COPY], stream)
}

#[track_caller]
fn received(world: &World, stream: &[u8]) {
    let ran = receive(world, stream);
    assert_eq!(ran.code, 0, "{}", ran.err);
}

fn guids(world: &World, host: &str, dataset: &str) -> Vec<u64> {
    let dataset = world.dataset(host, dataset).unwrap();
    dataset.snapshots.iter().map(|one| one.guid).collect()
}

fn token(world: &World) -> String {
    let list = ["zfs", "list", "-Hp", "-o", "receive_resume_token", COPY];
    world.ok(HERE, &list).trim().to_owned()
}

#[test]
fn a_whole_and_an_incremental_stream_bring_every_byte_and_the_guids() {
    let world = source();
    received(&world, &full(&world));
    received(&world, &increment(&world));
    assert_eq!(guids(&world, HERE, COPY), guids(&world, THERE, SOURCE));
    let (from, to) = (world.files(THERE, SOURCE), world.files(HERE, COPY));
    for name in ["deep/er/file.0 (ö)", "changes", "comes"] {
        let bytes = fs::read(from.join(name)).unwrap();
        assert_eq!(fs::read(to.join(name)).unwrap(), bytes, "{name}");
    }
    assert!(!to.join("goes").exists());
    // Nothing was written since, so that the next increment fits.
    let list = ["zfs", "list", "-Hp", "-o", "written", COPY];
    assert_eq!(world.ok(HERE, &list), "0\n");
}

#[test]
fn an_increment_carries_only_what_changed_and_its_estimate_says_so() {
    let world = source();
    let estimate = |words: &[&str]| {
        let text = world.ok(THERE, &[&["zfs", "send", "-nvP"], words].concat());
        let last = text.lines().last().unwrap().to_owned();
        last.strip_prefix("size\t")
            .unwrap()
            .parse::<usize>()
            .unwrap()
    };
    let size = estimate(&["-i", "zones/source@1", "zones/source@2"]);
    assert_eq!(size, "afterwards".len() + 40_000);
    assert!(!String::from_utf8_lossy(&increment(&world)).contains("file.0"));
    assert_eq!(estimate(&["zones/source@1"]), "before".len() + 5);
}

#[test]
fn an_increment_needs_a_beginning_and_a_whole_stream_an_empty_place() {
    let world = source();
    receive(&world, &increment(&world)).refused(1, "destination 'zones/a copy' does not exist");
    let whole = full(&world);
    let nowhere = ["zfs", "receive", "-s", "-u", "zones/no/where"];
    let words = "cannot open 'zones/no/where': dataset does not exist";
    world.feed(HERE, &nowhere, &whole).refused(1, words);
    received(&world, &whole);
    receive(&world, &whole).refused(
        1,
        "cannot receive new filesystem stream: destination 'zones/a copy' exists\nmust specify -F to overwrite it",
    );
}

#[test]
fn a_copy_that_was_changed_or_has_another_base_takes_no_increment() {
    let world = source();
    received(&world, &full(&world));
    fs::write(world.files(HERE, COPY).join("foreign"), "x").unwrap();
    receive(&world, &increment(&world)).refused(
        1,
        "cannot receive incremental stream: destination zones/a copy has been modified\nsince most recent snapshot",
    );
    world.ok(HERE, &["zfs", "snapshot", "zones/a copy@foreign"]);
    receive(&world, &increment(&world)).refused(1, "has been modified\nsince most recent snapshot");
    world.ok(HERE, &["zfs", "destroy", "zones/a copy@1"]);
    receive(&world, &increment(&world)).refused(
        1,
        "cannot receive incremental stream: most recent snapshot of zones/a copy does not\nmatch incremental source",
    );
    assert_eq!(guids(&world, HERE, COPY).len(), 1);
    let send = ["zfs", "send", "-i", "zones/source@0", "zones/source@2"];
    let words = "cannot open 'zones/source@0': dataset does not exist";
    world.run(THERE, &send).refused(1, words);
}

#[test]
fn a_cut_increment_leaves_the_copy_as_it_was_and_goes_on_by_its_token() {
    let world = source();
    received(&world, &full(&world));
    let whole = increment(&world);
    let changes = || fs::read_to_string(world.files(HERE, COPY).join("changes")).unwrap();
    for kept in [whole.len() / 2, whole.len() - 1] {
        let ran = receive(&world, &whole[..kept]);
        ran.refused(
            1,
            "checksum mismatch or incomplete stream.\nPartially received snapshot is saved.",
        );
        let resume = format!("zfs send -t {}", token(&world));
        assert!(ran.err.trim_end().ends_with(&resume), "{}", ran.err);
        assert_eq!(
            (guids(&world, HERE, COPY).len(), changes().as_str()),
            (1, "before")
        );
        let words = "contains partially-complete state from \"zfs receive -s\"";
        receive(&world, &whole).refused(1, words);
        if kept < whole.len() - 1 {
            world.ok(HERE, &["zfs", "receive", "-A", COPY]);
        }
    }
    received(&world, &sent(&world, &["-t", &token(&world)]));
    assert_eq!(guids(&world, HERE, COPY), guids(&world, THERE, SOURCE));
    assert_eq!(
        (token(&world).as_str(), changes().as_str()),
        ("-", "afterwards")
    );
    let words = "does not have any resumable receive state to abort";
    world
        .run(HERE, &["zfs", "receive", "-A", COPY])
        .refused(1, words);
}

#[test]
fn a_first_stream_that_was_cut_leaves_a_dataset_that_can_be_given_up() {
    let world = source();
    let whole = full(&world);
    assert_eq!(receive(&world, &whole[..whole.len() - 3]).code, 1);
    assert!(guids(&world, HERE, COPY).is_empty());
    world.ok(HERE, &["zfs", "receive", "-A", COPY]);
    assert!(world.dataset(HERE, COPY).is_none());
    receive(&world, b"").refused(1, "cannot receive: failed to read from stream");
    assert!(world.dataset(HERE, COPY).is_none());
}

#[test]
fn a_changed_byte_in_a_stream_is_noticed() {
    let world = source();
    let mut stream = full(&world);
    let at = stream.len() - 25;
    stream[at] ^= 1;
    assert_eq!(receive(&world, &stream).code, 1);
    let copy = world.dataset(HERE, COPY);
    assert!(copy.is_none_or(|copy| copy.snapshots.is_empty()));
}

#[test]
fn what_a_token_stands_for_must_still_be_there() {
    let world = source();
    let whole = full(&world);
    assert_eq!(receive(&world, &whole[..whole.len() - 1]).code, 1);
    world.ok(THERE, &["zfs", "destroy", "zones/source@1"]);
    let words = "used in the initial send no longer exists";
    world
        .run(THERE, &["zfs", "send", "-t", &token(&world)])
        .refused(1, words);
}
