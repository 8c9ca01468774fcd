// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Bookmarks of what was sent: each waits for the pool's next transaction group, and nobody waits for it. That of a snapshot is
//! made when the next one was sent, or at the end: until then whoever receives the first proves that it arrived.

use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use platform::{Host, zfs};
use tracing::warn;

/// Makes one after the other; dropped, it waits for the last.
pub struct Bookmarks {
    /// The newest, not begun with.
    held_back: Mutex<Option<Snapshot>>,
    tell: Option<Sender<Snapshot>>,
    making: Option<JoinHandle<()>>,
}

/// Dataset and name.
type Snapshot = (String, String);

impl Bookmarks {
    pub fn on(host: Host) -> Bookmarks {
        let (tell, told) = mpsc::channel::<Snapshot>();
        let making = thread::spawn(move || {
            for (dataset, snapshot) in told {
                // It is what a sync goes on from should somebody remove the snapshot: that there is none costs nothing today.
                let (from, to) = (
                    format!("{dataset}@{snapshot}"),
                    format!("{dataset}#{snapshot}"),
                );
                if let Err(error) = zfs::bookmark(&host, &from, &to) {
                    warn!("no bookmark of {from}: {error}");
                }
            }
        });
        Bookmarks {
            held_back: Mutex::default(),
            tell: Some(tell),
            making: Some(making),
        }
    }

    /// Asks for the bookmark of a snapshot, under its name.
    pub fn ask(&self, dataset: &str, snapshot: &str) {
        let newest = (dataset.to_owned(), snapshot.to_owned());
        self.begin(Some(newest));
    }

    /// With the one that was held back; this one is from now on.
    fn begin(&self, newest: Option<Snapshot>) {
        let mut held_back = self
            .held_back
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let due = std::mem::replace(&mut *held_back, newest);
        if let (Some(tell), Some(due)) = (&self.tell, due) {
            // It can only fail where the thread is gone, which has said why.
            let _ = tell.send(due);
        }
    }
}

impl Drop for Bookmarks {
    fn drop(&mut self) {
        self.begin(None);
        self.tell.take();
        if let Some(making) = self.making.take() {
            let _ = making.join();
        }
    }
}
