// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! zfs: datasets, snapshots, clones.

use std::fs;

use crate::world::{HERE, THERE, World, data_of, fixture, world, zone};

/// A dataset with files of its own, below the pool.
fn with_files(world: &World, name: &str, files: &[(&str, &str)]) {
    world.ok(HERE, &["zfs", "create", name]);
    write(world, name, files);
}

fn write(world: &World, name: &str, files: &[(&str, &str)]) {
    let folder = world.files(HERE, name);
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

#[test]
fn a_list_has_the_columns_and_mountpoints_of_the_real_one() {
    let real = fixture("zfs-list-Hp.txt");
    let columns = real.lines().next().unwrap().split('\t').count();
    let ours = world().ok(
        THERE,
        &[
            "zfs",
            "list",
            "-Hp",
            "-o",
            "name,used,avail,refer,mountpoint",
        ],
    );
    for line in ours.lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        assert_eq!(cells.len(), columns, "{line}");
        assert!(
            cells[1..4].iter().all(|cell| cell.parse::<u64>().is_ok()),
            "{line}"
        );
    }
    let mountpoint = |alias: &str| {
        let data = format!("{}\t", data_of(alias));
        let line = ours.lines().find(|line| line.starts_with(&data)).unwrap();
        line.rsplit('\t').next().unwrap().to_owned()
    };
    assert!(real.lines().any(|line| line.ends_with("\t/data")));
    assert_eq!(mountpoint("imgapi0"), "/data");
    assert!(real.lines().any(|line| line.ends_with("\t/sapi")));
    assert_eq!(mountpoint("sapi0"), "/sapi");
}

#[test]
fn what_is_there_is_listed_though_some_of_it_is_missing() {
    let world = world();
    let list = [
        "zfs",
        "list",
        "-Hp",
        "-o",
        "name",
        "zones/gone",
        "zones/var",
        "zones/away",
    ];
    let ran = world.run(HERE, &list);
    assert_eq!((ran.code, ran.out().as_str()), (1, "zones/var\n"));
    assert_eq!(
        ran.err,
        "cannot open 'zones/gone': dataset does not exist\ncannot open 'zones/away': dataset does not exist\n"
    );
}

#[test]
fn snapshots_of_many_datasets_come_oldest_first() {
    let world = world();
    for snapshot in ["zones/var@1", "zones/opt@2", "zones/var@3"] {
        world.ok(HERE, &["zfs", "snapshot", snapshot]);
    }
    let list = [
        "zfs",
        "list",
        "-Hp",
        "-t",
        "snapshot",
        "-o",
        "name",
        "-s",
        "creation",
        "-d",
        "1",
        "zones/var",
        "zones/opt",
    ];
    assert_eq!(
        world.ok(HERE, &list),
        "zones/var@1\nzones/opt@2\nzones/var@3\n"
    );
}

#[test]
fn a_snapshot_keeps_the_files_as_they_were() {
    let world = world();
    with_files(&world, "zones/a b", &[("one", "before"), ("two", "same")]);
    world.ok(HERE, &["zfs", "snapshot", "zones/a b@first"]);
    write(
        &world,
        "zones/a b",
        &[("one", "afterwards"), ("three", "new")],
    );
    world.ok(
        HERE,
        &["zfs", "clone", "zones/a b@first", "zones/as it was"],
    );
    let was = world.files(HERE, "zones/as it was");
    assert_eq!(fs::read_to_string(was.join("one")).unwrap(), "before");
    assert!(!was.join("three").exists());
    world
        .run(HERE, &["zfs", "snapshot", "zones/a b@first"])
        .refused(
            1,
            "cannot create snapshot 'zones/a b@first': dataset already exists",
        );
}

#[test]
fn a_foreign_snapshot_hides_from_written_what_changed_since_ours() {
    let world = world();
    with_files(&world, "zones/d", &[("one", "before")]);
    world.ok(HERE, &["zfs", "snapshot", "zones/d@ours"]);
    write(&world, "zones/d", &[("one", "afterwards")]);
    world.ok(HERE, &["zfs", "snapshot", "zones/d@theirs"]);
    let columns = "name,property,value,source";
    let get = [
        "zfs",
        "get",
        "-Hp",
        "-o",
        columns,
        "written,written@ours",
        "zones/d",
    ];
    let text = world.ok(HERE, &get);
    let values: Vec<u64> = text
        .lines()
        .map(|line| line.split('\t').nth(2).unwrap().parse().unwrap())
        .collect();
    assert_eq!(values[0], 0);
    assert!(values[1] > 0, "{text}");
}

#[test]
fn a_property_says_where_it_comes_from() {
    let world = world();
    world.ok(
        HERE,
        &[
            "zfs",
            "create",
            "-o",
            "readonly=on",
            "-o",
            "canmount=off",
            "zones/top",
        ],
    );
    world.ok(HERE, &["zfs", "create", "zones/top/below"]);
    let columns = "name,property,value,source";
    let get = [
        "zfs",
        "get",
        "-Hp",
        "-o",
        columns,
        "readonly,canmount,recordsize,triton:run",
        "zones/top/below",
    ];
    assert_eq!(
        world.ok(HERE, &get),
        "zones/top/below\treadonly\ton\tinherited from zones/top\n\
         zones/top/below\tcanmount\ton\tdefault\n\
         zones/top/below\trecordsize\t131072\tdefault\n\
         zones/top/below\ttriton:run\t-\t-\n"
    );
}

#[test]
fn a_snapshot_that_has_a_clone_stays() {
    let world = world();
    world.ok(HERE, &["zfs", "snapshot", "zones/var@s"]);
    world.ok(HERE, &["zfs", "clone", "zones/var@s", "zones/clone"]);
    world.run(HERE, &["zfs", "destroy", "zones/var@s"]).refused(
        1,
        "cannot destroy 'zones/var@s': snapshot has dependent clones\n\
         use '-R' to destroy the following datasets:\nzones/clone\n",
    );
    world.ok(HERE, &["zfs", "snapshot", "zones/var@free"]);
    world.ok(HERE, &["zfs", "destroy", "zones/var@free"]);
    world
        .run(HERE, &["zfs", "destroy", "zones/var@free"])
        .refused(1, "could not find any snapshots to destroy");
}

#[test]
fn a_dataset_with_anything_below_it_is_not_destroyed() {
    let world = world();
    world.ok(HERE, &["zfs", "create", "zones/top"]);
    world.ok(HERE, &["zfs", "create", "zones/top/below"]);
    world.ok(HERE, &["zfs", "snapshot", "zones/top@s"]);
    world.run(HERE, &["zfs", "destroy", "zones/top"]).refused(
        1,
        "cannot destroy 'zones/top': filesystem has children\n\
         use '-r' to destroy the following datasets:\nzones/top@s\nzones/top/below\n",
    );
    assert!(world.dataset(HERE, "zones/top/below").is_some());
}

#[test]
fn a_rename_takes_along_what_is_below_and_what_it_is_the_origin_of() {
    let world = world();
    world.ok(HERE, &["zfs", "create", "zones/top"]);
    world.ok(HERE, &["zfs", "create", "zones/top/below"]);
    world.ok(HERE, &["zfs", "snapshot", "zones/top/below@s"]);
    world.ok(HERE, &["zfs", "clone", "zones/top/below@s", "zones/clone"]);
    world.ok(HERE, &["zfs", "rename", "zones/top", "zones/aside"]);
    assert!(world.dataset(HERE, "zones/top/below").is_none());
    assert_eq!(
        world.ok(HERE, &["zfs", "list", "-Hp", "-o", "origin", "zones/clone"]),
        "zones/aside/below@s\n"
    );
    world
        .run(HERE, &["zfs", "rename", "zones/aside", "zones/var"])
        .refused(1, "cannot rename 'zones/aside': dataset already exists");
    world
        .run(HERE, &["zfs", "rename", "zones/aside", "zones/no/where"])
        .refused(1, "cannot create 'zones/no/where': parent does not exist");
}

#[test]
fn a_restore_point_takes_the_place_of_an_empty_dataset() {
    let world = world();
    let data = data_of("amonredis0");
    let parked = format!("{data}-parked-20261123T051000Z-empty-before-restore");
    with_files(&world, "zones/kept", &[("redis/dump", "alarms")]);
    world.ok(HERE, &["zfs", "snapshot", "zones/kept@point"]);

    world.run(HERE, &["zfs", "rename", &data, &parked]).refused(
        1,
        &format!("cannot rename '{data}': dataset is used in a non-global zone"),
    );
    world.ok(HERE, &["zfs", "set", "zoned=off", &data]);
    world.ok(HERE, &["zfs", "rename", &data, &parked]);
    world.ok(
        HERE,
        &["zfs", "clone", "-o", "zoned=on", "zones/kept@point", &data],
    );

    let columns = [
        "zfs",
        "list",
        "-Hp",
        "-o",
        "origin,zoned,mounted,mountpoint",
        &data,
    ];
    assert_eq!(
        world.ok(HERE, &columns),
        format!("zones/kept@point\ton\tno\t/{data}\n")
    );
    let files = world.files(HERE, &data);
    assert_eq!(
        fs::read_to_string(files.join("redis/dump")).unwrap(),
        "alarms"
    );
    // What the zone now writes is not written into the restore point.
    fs::write(files.join("redis/dump"), "more").unwrap();
    let point = world.files(HERE, "zones/kept");
    assert_eq!(
        fs::read_to_string(point.join("redis/dump")).unwrap(),
        "alarms"
    );
}

#[test]
fn the_global_zone_does_not_say_where_a_zoned_dataset_is_mounted() {
    let world = world();
    let data = data_of("amonredis0");
    world
        .run(HERE, &["zfs", "set", "mountpoint=/data", &data])
        .refused(
            1,
            "'mountpoint' cannot be set on dataset in a non-global zone",
        );
    world.ok(HERE, &["zfs", "set", "triton:run=x", &data]);
}

#[test]
fn a_zone_sees_its_dataset_only_while_it_runs_and_the_dataset_is_zoned() {
    let world = world();
    let (vm, data) = (zone("amonredis0"), data_of("amonredis0"));
    let seen = || lab::physics::zone_files(&world.lab, HERE, vm).is_some();
    assert!(!seen());
    world.set_running(HERE, vm);
    assert!(seen());
    world.ok(HERE, &["zfs", "set", "zoned=off", &data]);
    assert!(!seen());
}
