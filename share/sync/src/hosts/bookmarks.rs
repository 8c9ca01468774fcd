// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Bookmarks of what was sent, made beside the next stream: each waits for the pool's next transaction group.

use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

use platform::{Host, zfs};
use tracing::warn;

/// Makes one after the other; dropped, it waits for the last.
pub struct Bookmarks {
    tell: Option<Sender<(String, String)>>,
    making: Option<JoinHandle<()>>,
}

impl Bookmarks {
    pub fn on(host: Host) -> Bookmarks {
        let (tell, told) = mpsc::channel::<(String, String)>();
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
            tell: Some(tell),
            making: Some(making),
        }
    }

    /// Asks for the bookmark of a snapshot, under its name.
    pub fn ask(&self, dataset: &str, snapshot: &str) {
        if let Some(tell) = &self.tell {
            // It can only fail where the thread is gone, which has said why.
            let _ = tell.send((dataset.to_owned(), snapshot.to_owned()));
        }
    }
}

impl Drop for Bookmarks {
    fn drop(&mut self) {
        self.tell.take();
        if let Some(making) = self.making.take() {
            let _ = making.join();
        }
    }
}
