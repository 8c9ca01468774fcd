// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Why a command did not do what it was asked: one error that always carries the host, the command line and what it said.

use std::fmt;
use std::io;

use super::command::Command;
use super::output::{Output, Status};

/// The last bytes of what a command said that an error keeps.
const TAIL: usize = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The program is not there, or may not be run.
    NotStarted,
    /// The host was not reached by ssh, or the connection was lost in the middle.
    Unreachable,
    /// It ran and ended with another status than 0.
    Failed,
    /// It took longer than it may, and its process group was ended.
    TimedOut,
    /// The run was cancelled, and the command's process group was ended.
    Cancelled,
}

/// A command that failed, on a host.
#[derive(Clone, thiserror::Error)]
#[error("{}", self.describe())]
pub struct CommandError(Box<Failure>);

#[derive(Clone)]
struct Failure {
    host: String,
    command: String,
    kind: FailureKind,
    status: Option<Status>,
    stdout: String,
    stderr: String,
}

impl CommandError {
    /// A command that ran, told as a failure: for those whose exit status alone does not say it.
    pub fn of_output(host: &crate::Host, command: &Command, output: &Output) -> CommandError {
        CommandError::ended(host.name(), command, FailureKind::Failed, Some(output))
    }

    pub(crate) fn not_started(host: &str, command: &Command, error: &io::Error) -> CommandError {
        CommandError(Box::new(Failure {
            host: host.to_owned(),
            command: command.to_string(),
            kind: FailureKind::NotStarted,
            status: None,
            stdout: String::new(),
            stderr: error.to_string(),
        }))
    }

    pub(crate) fn ended(
        host: &str,
        command: &Command,
        kind: FailureKind,
        output: Option<&Output>,
    ) -> CommandError {
        let tail_of = |bytes: &[u8]| command.redact(tail(bytes));
        CommandError(Box::new(Failure {
            host: host.to_owned(),
            command: command.to_string(),
            kind,
            status: output.map(|output| output.status),
            stdout: output
                .map(|output| tail_of(&output.stdout))
                .unwrap_or_default(),
            stderr: output
                .map(|output| tail_of(&output.stderr))
                .unwrap_or_default(),
        }))
    }

    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// The command line, secrets left out.
    pub fn command(&self) -> &str {
        &self.0.command
    }

    pub fn kind(&self) -> FailureKind {
        self.0.kind
    }

    /// `None` when it never started.
    pub fn status(&self) -> Option<Status> {
        self.0.status
    }

    /// The end of its standard output.
    pub fn stdout(&self) -> &str {
        &self.0.stdout
    }

    /// The end of its standard error.
    pub fn stderr(&self) -> &str {
        &self.0.stderr
    }

    /// True where the same command may do better a little later.
    pub fn may_retry(&self) -> bool {
        matches!(
            self.0.kind,
            FailureKind::Unreachable | FailureKind::TimedOut
        )
    }

    fn describe(&self) -> String {
        let Failure { host, command, .. } = &*self.0;
        let said = self.said();
        let why = if said.is_empty() {
            String::new()
        } else {
            format!(": {said}")
        };
        match self.0.kind {
            FailureKind::NotStarted => format!(
                "`{command}` could not be started on {host}{why}; check that it is installed there and on PATH"
            ),
            FailureKind::Unreachable => format!(
                "`{command}` could not be run on {host} by ssh{why}; check that the host is up and lets this key or agent in, \
                 then try again"
            ),
            FailureKind::Failed => {
                let status = self
                    .0
                    .status
                    .map(|status| status.to_string())
                    .unwrap_or_default();
                format!("`{command}` failed on {host} ({status}){why}")
            }
            FailureKind::TimedOut => {
                format!(
                    "`{command}` took too long on {host} and was ended{why}; trying again may help"
                )
            }
            FailureKind::Cancelled => format!("`{command}` was cancelled on {host}"),
        }
    }

    /// The command's own words: what it said on standard error, or else on standard output.
    fn said(&self) -> &str {
        match self.0.stderr.trim() {
            "" => self.0.stdout.trim(),
            stderr => stderr,
        }
    }
}

impl fmt::Debug for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

/// The last of it, from the start of a line where one is near; bytes that are no UTF-8 are shown as `\xNN`.
fn tail(bytes: &[u8]) -> String {
    let start = bytes.len().saturating_sub(TAIL);
    let kept = &bytes[start..];
    let kept = match kept.iter().position(|&byte| byte == b'\n') {
        Some(at) if start > 0 => &kept[at + 1..],
        _ => kept,
    };
    let mut out = String::with_capacity(kept.len());
    for chunk in kept.utf8_chunks() {
        out.push_str(chunk.valid());
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(stderr: &[u8], stdout: &[u8]) -> CommandError {
        let output = Output {
            status: Status::Exit(1),
            stdout: stdout.to_vec(),
            stderr: stderr.to_vec(),
        };
        let command = Command::new("zfs").args(["destroy", "zones/x@y"]);
        CommandError::ended("headnode1", &command, FailureKind::Failed, Some(&output))
    }

    #[test]
    fn an_error_says_what_was_run_where_and_what_it_said() {
        assert_eq!(
            failed(b"cannot destroy snapshot: it's being held\n", b"").to_string(),
            "`zfs destroy zones/x@y` failed on headnode1 (exit 1): cannot destroy snapshot: it's being held"
        );
        assert_eq!(
            failed(b"", b"{\"bad_values\":[]}\n").to_string(),
            "`zfs destroy zones/x@y` failed on headnode1 (exit 1): {\"bad_values\":[]}"
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_and_not_lost() {
        assert_eq!(failed(b"a\xffb", b"").stderr(), "a\\xffb");
    }

    #[test]
    fn of_a_long_complaint_the_end_is_kept_from_the_start_of_a_line() {
        let long = "a line of some length\n".repeat(1000) + "the last";
        let error = failed(long.as_bytes(), b"");
        assert!(error.stderr().len() <= TAIL);
        assert!(error.stderr().starts_with("a line of"));
        assert!(error.stderr().ends_with("the last"));
    }
}
