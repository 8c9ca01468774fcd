// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! For tests that need a rig: one at a time on a machine, and a printed line instead where there can't be one.

use std::fs::{self, File};

use rustix::fs::{FlockOperation, flock};

use crate::error::{Attempted, Result, RigError};
use crate::rig::{Options, Rig};

/// A rig, and the turn that this test has.
#[derive(Debug)]
pub struct TestRig {
    // Dropped in this order: the next test's turn comes when the rig is down.
    rig: Rig,
    _turn: File,
}

impl std::ops::Deref for TestRig {
    type Target = Rig;

    fn deref(&self) -> &Rig {
        &self.rig
    }
}

/// Brings a rig up for one test. `None`, with the reason printed, where this machine can't have one or has none built;
/// any other failure fails the test.
///
/// Tests that run at once wait for each other here: more guests than processors only make all of them slow.
#[allow(clippy::panic)]
pub fn rig(options: Options) -> Option<TestRig> {
    match turn(options) {
        Ok(rig) => Some(rig),
        Err(error @ RigError::CannotHere(_)) => {
            println!("skipped: {error}");
            None
        }
        Err(error) => panic!("bringing up a rig for the test: {error}"),
    }
}

/// Fine where tests can have a rig; else why they skip themselves.
pub fn available() -> Result<()> {
    crate::preflight::can_run()?;
    crate::cache::built().map(drop)
}

/// Brings a rig up when it is this process's turn.
pub fn turn(options: Options) -> Result<TestRig> {
    // Whoever has no rig need not wait for a turn.
    available()?;
    let on = "waiting for another test's rig";
    fs::create_dir_all(crate::state::RUN).attempted(on)?;
    let path = format!("{}.lock", crate::state::RUN);
    let turn = File::options()
        .create(true)
        .append(true)
        .open(path)
        .attempted(on)?;
    flock(&turn, FlockOperation::LockExclusive).attempted(on)?;
    Ok(TestRig {
        rig: Rig::up(options)?,
        _turn: turn,
    })
}
