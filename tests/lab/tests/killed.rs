// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `kill -9` of `triton-apply` in the middle, then the same command again: the same end state as undisturbed. A sample; all of it,
//! with every service, is `cargo lab crash-matrix --full`.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use lab::crash::{self, Options, Story};
use support::install;

#[test]
fn a_run_killed_anywhere_is_finished_by_the_next() {
    let options = Options {
        install: install(),
        full: false,
        runs: 60,
        seed: 1,
        story: Story::Few,
    };
    let verdict = crash::run(&options, &|line| eprintln!("{line}")).unwrap();
    assert_eq!(verdict.strayed, Vec::<String>::new());
    assert_eq!(verdict.runs, 60);
}

#[test]
fn a_setup_killed_anywhere_is_finished_by_the_next_and_its_server_would_always_boot() {
    let options = Options {
        install: install(),
        full: false,
        runs: 16,
        seed: 1,
        story: Story::Setup,
    };
    let verdict = crash::run(&options, &|line| eprintln!("{line}")).unwrap();
    assert_eq!(verdict.strayed, Vec::<String>::new());
    assert_eq!(verdict.runs, 16);
}
