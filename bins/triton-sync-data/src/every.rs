// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `--every`: one round after the other, as SMF runs it. A round that fails is told of, and the next one comes all the same.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use cli::signals::Interrupted;
use cli::{Exit, Failure};
use sync::{Sync, SyncError};

use crate::arguments::Arguments;
use crate::{show, verdict};

/// How often it is looked whether somebody wants a round now, or wants us to end.
const LOOK: Duration = Duration::from_millis(500);

pub fn run(arguments: &Arguments, period: Duration) -> Result<Exit, Failure> {
    let (sync, interrupted) = arguments.sync()?;
    let poked = arguments.poked();
    loop {
        let began = Instant::now();
        // What asks from here on is not answered by this round.
        let _ = fs::remove_file(&poked);
        round(arguments, &sync);
        if let Some(signal) = wait(period.saturating_sub(began.elapsed()), &poked, &interrupted) {
            return Ok(Exit::Signal(signal));
        }
    }
}

fn round(arguments: &Arguments, sync: &Sync) {
    match show::round(arguments, sync) {
        // Whoever holds the lock pulls, or restores: there will be another round.
        Err(error @ (SyncError::Lock(_) | SyncError::Paused { .. })) => tracing::info!("{error}"),
        Err(error) => tracing::error!("{}", verdict::failure(error).message),
        Ok(_) => {}
    }
}

/// Returns the signal that ended the wait, if one did.
fn wait(period: Duration, poked: &Path, interrupted: &Interrupted) -> Option<u8> {
    let until = Instant::now() + period;
    loop {
        if let Some(signal) = interrupted.by() {
            return Some(signal);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || poked.exists() {
            return None;
        }
        thread::sleep(left.min(LOOK));
    }
}
