// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The call log: every command and API call that the lab served, one JSON line each, and which of them destroy.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

pub struct CallLog {
    file: Mutex<File>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Logged {
    /// Milliseconds since the epoch.
    pub at: u64,
    /// Host that called; for HTTP the host that served.
    pub host: String,
    /// `zfs`, `vmadm`, ... or `http`.
    pub command: String,
    /// argv, or method, URL and User-Agent.
    pub args: Vec<String>,
    /// Exit code or HTTP status.
    pub result: i32,
    /// True for what takes data away: `zfs destroy`, `zfs rollback`, `receive -F`, `vmadm delete`, DELETE of an instance or VM...
    pub destroys: bool,
    /// Name of the ancestor process that is one of the product's tools (`triton-apply`), if any.
    pub by: Option<String>,
}

impl CallLog {
    pub fn create(path: &Path) -> io::Result<CallLog> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(CallLog {
            file: Mutex::new(file),
        })
    }

    pub fn write(&self, entry: &Logged) {
        let mut file = self
            .file
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Ok(mut line) = serde_json::to_string(entry) {
            line.push('\n');
            // The log is evidence for checks that read it back; a failed write shows there.
            let _ = file.write_all(line.as_bytes());
        }
    }
}
