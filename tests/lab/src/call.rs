// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! One call of a command stand-in: who called what, with which standard streams.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;

/// A call as it reaches the daemon. The files are the caller's own standard streams.
pub struct Call {
    /// Hostname of the host that it was called on.
    pub host: String,
    /// The command's name (`zfs`).
    pub name: String,
    pub args: Vec<String>,
    pub cwd: String,
    /// The few environment variables that stand-ins look at (`SSH_AUTH_SOCK`).
    pub env: BTreeMap<String, String>,
    /// Process id of the stand-in as the daemon sees it.
    pub pid: i32,
    pub stdin: File,
    pub stdout: File,
    pub stderr: File,
}

impl Call {
    /// Prints to the caller's standard output; a closed pipe is the caller's business.
    pub fn out(&mut self, text: impl AsRef<[u8]>) {
        let _ = self.stdout.write_all(text.as_ref());
    }

    pub fn err(&mut self, text: impl AsRef<[u8]>) {
        let _ = self.stderr.write_all(text.as_ref());
    }

    /// Prints one line to standard error and returns `code`: how most commands fail.
    pub fn fail(&mut self, code: i32, text: impl AsRef<str>) -> i32 {
        self.err(format!("{}\n", text.as_ref()));
        code
    }
}
