// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The lab's `zfs` is held to the real one: the same commands, in the lab and in the rig, with the same words and exit codes.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use rig::{Options, testing};
use support::{err, out, up};

/// What the product does with ZFS, and what goes wrong with it. Names have no digits: numbers are masked.
const COMMANDS: &[&str] = &[
    "zfs create zones/conf",
    "zfs create zones/conf",
    "zfs create zones/none/below",
    "zfs list -Hp -t filesystem,volume -o name,type,guid,creation,origin,mountpoint,canmount,readonly,receive_resume_token zones/conf",
    "zfs list -Hp -o name zones/absent",
    "zfs snapshot -o triton:sync=restore zones/conf@one",
    "zfs snapshot zones/conf@one",
    "zfs snapshot zones/absent@one",
    "zfs bookmark zones/conf@one zones/conf#one",
    "zfs bookmark zones/conf@one zones/conf#one",
    "zfs bookmark zones/conf@absent zones/conf#absent",
    "zfs list -Hp -t snapshot,bookmark -o name,guid,creation,userrefs -s creation -d 1 zones/conf",
    "zfs list -Hp -t snapshot -o name,guid zones/conf@absent",
    "zfs get -Hp -o name,property,value,source readonly,triton:sync zones/conf@one",
    "zfs get -Hp -o name,property,value,source written@absent zones/conf",
    "zfs get -Hp -o name,property,value,source written@one zones/conf zones/absent",
    "zfs send -L -e -c zones/conf@one | zfs receive -s -u zones/copy",
    "zfs send -L -e -c zones/conf@one | zfs receive -s -u zones/copy",
    "zfs snapshot zones/conf@two",
    "zfs send -nvP -L -e -c zones/conf@two | cut -f 1,2 | head -1",
    "zfs send -L -e -c -i zones/conf@one zones/conf@two | zfs receive -s -u zones/none",
    "zfs send -L -e -c -i zones/conf@one zones/conf@two | zfs receive -s -u zones/copy",
    "zfs send -L -e -c -i zones/conf@absent zones/conf@two",
    "zfs send -L -e -c zones/conf@absent",
    "zfs send -L -e -c -i zones/conf#absent zones/conf@two",
    "zfs snapshot zones/conf@three",
    // Lists go by the second.
    "sleep 1.1",
    "zfs snapshot zones/copy@foreign",
    "zfs send -L -e -c -i zones/conf#one zones/conf@three | zfs receive -s -u zones/copy",
    "zfs list -Hp -t snapshot -o name -s creation -d 1 zones/copy",
    "zfs clone -o readonly=on zones/copy@two zones/clone",
    "zfs clone zones/copy@two zones/clone",
    "zfs list -Hp -o name,origin zones/clone",
    "zfs destroy zones/copy@two",
    "zfs rename zones/clone zones/renamed",
    "zfs rename zones/absent zones/elsewhere",
    "zfs rename zones/renamed zones/conf",
    "zfs create -o zoned=on zones/zoned",
    "zfs rename zones/zoned zones/elsewhere",
    "zfs set canmount=noauto zones/zoned && zfs set zoned=off zones/zoned",
    "zfs rename zones/zoned zones/elsewhere",
    "zfs set zoned=on zones/elsewhere && zfs set canmount=on zones/elsewhere",
    "zfs list -Hp -o name,mounted,canmount zones/elsewhere",
    "zfs destroy zones/elsewhere",
    "(zfs destroy zones/copy; echo $?) 2>&1 | sort",
    "zfs destroy zones/renamed",
    "zfs destroy zones/copy@two",
    "zfs destroy zones/conf@absent",
    "zfs destroy zones/conf#absent",
    "zfs destroy zones/conf#one",
    "zfs destroy zones/absent",
    "zfs set readonly=on zones/copy",
    "zfs get -Hp -o name,property,value,source readonly zones/copy",
    "zfs receive -A zones/copy",
    // All of them or none.
    "zfs create zones/conf/below",
    "zfs snapshot zones/conf@five zones/conf/below@five",
    "zfs snapshot zones/conf@six zones/conf@five",
    "zfs snapshot zones/conf@six zones/absent@six",
    "zfs list -Hp -t snapshot -o name zones/conf@five zones/conf@six zones/conf/below@five",
    "zfs list -Hp -t filesystem,snapshot -o name,type,guid,origin,userrefs,clones -s name -d 1 zones/conf/below",
    "zfs send",
    // Of two datasets that have the snapshot, the real one takes as origin which it comes upon first.
    "zfs destroy zones/conf@three",
    // A clone is sent as one, and received as one.
    "zfs create zones/there && zfs clone zones/copy@three zones/there/clone && zfs snapshot zones/there/clone@new",
    "zfs list -Hp -t snapshot -o name,clones -d 1 zones/copy",
    "zfs send -L -e -c -i zones/copy@three zones/there/clone@new | zfs receive -s -u zones/there/again",
    "zfs list -Hp -o name,origin -r zones/there",
    "zfs send -L -e -c -i zones/conf@five zones/there/clone@new",
    "zfs send -L -e -c -i zones/conf#absent zones/there/clone@new",
    // A promoted clone owns the snapshots, and what it was a clone of is one of it.
    "zfs promote zones/there",
    "zfs promote zones/absent",
    "zfs promote zones/there/clone",
    "zfs list -Hp -t filesystem,snapshot -o name,origin,clones -s name -d 1 zones/there/clone",
    "zfs list -Hp -t filesystem,snapshot -o name,origin -s name -d 1 zones/copy",
    "zfs list -Hp -o name,origin -r zones/there",
    // Nothing was written to it since the snapshot that it now begins with.
    "test $(zfs get -Hp -o name,property,value,source written zones/copy | cut -f 3) = 0",
    "zfs snapshot zones/copy@new && zfs promote zones/copy",
    "zfs destroy zones/there/clone@three",
];

/// Numbers differ from machine to machine, blank lines from version to version, and the order of a
/// snapshot's clones from pool to pool: it is that of a hash.
fn masked(text: &str) -> String {
    let mut masked = String::new();
    // What usage there is differs from version to version.
    let text = text.split("usage:").next().unwrap_or_default();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        for letter in line
            .split('\t')
            .map(ordered)
            .collect::<Vec<_>>()
            .join("\t")
            .chars()
        {
            match letter {
                '0'..='9' if masked.ends_with('#') => {}
                '0'..='9' => masked.push('#'),
                letter => masked.push(letter),
            }
        }
        masked.push('\n');
    }
    masked
}

/// A column's names, if it holds several, in one order.
fn ordered(column: &str) -> String {
    let mut names: Vec<&str> = column.split(',').collect();
    names.sort_unstable();
    names.join(",")
}

#[test]
fn the_labs_zfs_speaks_as_the_real_one() {
    let Some(rig) = testing::rig(Options {
        guests: vec!["headnode0".to_owned()],
        disk_mib: 512,
        ..Options::default()
    }) else {
        return;
    };
    let lab = up();
    let mut differences = Vec::new();
    for command in COMMANDS {
        let real = rig.run("headnode0", command).unwrap();
        let ours = lab.run("headnode0", command);
        let real = (real.code, masked(&real.stdout), masked(&real.stderr));
        let ours = (ours.status.code(), masked(&out(&ours)), masked(&err(&ours)));
        if (Some(i32::from(real.0 as u8)), &real.1, &real.2) != (ours.0, &ours.1, &ours.2) {
            differences.push(format!("{command}\n  real: {real:?}\n  lab:  {ours:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
