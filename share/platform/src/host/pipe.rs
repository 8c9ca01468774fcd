// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `A | B` across two hosts, data streamed, both sides' errors told: what `zfs send | zfs receive` runs on.

use std::io;
use std::thread;

use super::Host;
use super::child::{Child, Stdin, Stdout};
use super::command::Command;
use super::failure::{CommandError, FailureKind};
use super::output::{Output, Status};

const SIGPIPE: i32 = 13;

/// A pipeline that failed. At least one side says why; a side that only fell with the other is left out.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.describe())]
pub struct PipeError {
    /// What went wrong with the command that writes.
    pub from: Option<CommandError>,
    /// What went wrong with the command that reads.
    pub to: Option<CommandError>,
}

impl PipeError {
    /// True where the same pipeline may do better a little later.
    pub fn may_retry(&self) -> bool {
        [&self.from, &self.to]
            .into_iter()
            .flatten()
            .any(CommandError::may_retry)
    }

    pub fn was_cancelled(&self) -> bool {
        let sides = [&self.from, &self.to].into_iter().flatten();
        sides
            .into_iter()
            .any(|error| error.kind() == FailureKind::Cancelled)
    }

    fn describe(&self) -> String {
        let sides: Vec<_> = [&self.from, &self.to]
            .into_iter()
            .flatten()
            .map(ToString::to_string)
            .collect();
        sides.join("; ")
    }
}

impl Host {
    /// Runs `from` here and `to` on `to_host`, the one's standard output being the other's standard input: one pipe between them,
    /// and nobody in it who would copy every byte twice.
    pub fn pipe(&self, from: &Command, to_host: &Host, to: &Command) -> Result<(), PipeError> {
        let fail = |from, to| PipeError { from, to };
        let no_pipe = |error| {
            fail(
                Some(CommandError::not_started(self.name(), from, &error)),
                None,
            )
        };
        let (to_in, from_out) = io::pipe().map_err(no_pipe)?;

        // The reading side first: when it can't start, nothing was read from the other in vain.
        let receiver = Child::start(to_host, to, Stdin::Pipe(to_in), Stdout::Capture)
            .map_err(|error| fail(None, Some(error)))?;
        let sender = match Child::start(self, from, Stdin::Own, Stdout::Pipe(from_out)) {
            Ok(sender) => sender,
            Err(error) => {
                receiver.end();
                return Err(fail(Some(error), None));
            }
        };
        let (sent, received) = thread::scope(|scope| {
            let received = scope.spawn(|| {
                let received = receiver.wait();
                // A sender that writes nothing would not notice that nobody reads any more.
                if !matches!(&received, Ok(output) if output.success()) {
                    sender.ask_to_end();
                }
                received
            });
            let sent = sender.wait();
            let lost = || {
                CommandError::not_started(to_host.name(), to, &io::Error::other("its waiter died"))
            };
            (sent, received.join().unwrap_or_else(|_| Err(lost())))
        });

        let to_error = failure_of(to_host, to, received);
        let from_error = match (sent, &to_error) {
            // Ended by the receiver's failure: its pipe was closed, or we asked it to end.
            (
                Ok(Output {
                    status: Status::Signal(SIGPIPE),
                    ..
                }),
                Some(_),
            ) => None,
            (Err(error), Some(other)) if ended_with(&error, other) => None,
            (sent, _) => failure_of(self, from, sent),
        };
        match (from_error, to_error) {
            (None, None) => Ok(()),
            (from, to) => Err(fail(from, to)),
        }
    }
}

/// A sender that was cancelled while the receiver failed by itself was cancelled because of it.
fn ended_with(sender: &CommandError, receiver: &CommandError) -> bool {
    sender.kind() == FailureKind::Cancelled && receiver.kind() != FailureKind::Cancelled
}

fn failure_of(
    host: &Host,
    command: &Command,
    outcome: Result<Output, CommandError>,
) -> Option<CommandError> {
    match outcome {
        Ok(output) if output.success() => None,
        Ok(output) => Some(CommandError::of_output(host, command, &output)),
        Err(error) => Some(error),
    }
}
