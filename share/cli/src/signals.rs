// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! ^C and kill: the first asks the tool to end what it does in good order, the second ends it now.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::exit::Failure;

/// Which signal came, if any; shared with the thread that waits for it.
#[derive(Clone, Default)]
pub struct Interrupted(Arc<AtomicUsize>);

impl Interrupted {
    pub fn by(&self) -> Option<u8> {
        match self.0.load(Ordering::SeqCst) {
            0 => None,
            signal => u8::try_from(signal).ok(),
        }
    }
}

/// Calls `first` on the first signal; a second one ends the process as that signal does, after `children` ended theirs.
pub fn watch(
    first: impl Fn() + Send + 'static,
    children: impl Fn() + Send + 'static,
) -> Result<Interrupted, Failure> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|error| Failure::failed(format!("can't watch for signals: {error}")))?;
    let interrupted = Interrupted::default();
    let seen = interrupted.clone();
    std::thread::spawn(move || {
        for signal in signals.forever() {
            if seen.by().is_some() {
                children();
                std::process::exit(128 + signal);
            }
            seen.0.store(signal as usize, Ordering::SeqCst);
            first();
        }
    });
    Ok(interrupted)
}
