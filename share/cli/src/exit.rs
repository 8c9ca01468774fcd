// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Exit codes, defined once: 0 done, 1 failed, 2 bad usage or input, 3 refused by a precondition, 4 partly done and resumable.

use std::process::ExitCode;

use clap::Parser;
use documents::DocumentError;

use crate::flags::Common;
use crate::logs;

/// The end of every tool's `--help`.
pub const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 bad usage or input, 3 refused by a \
                              precondition, 4 partly done and resumable.";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done,
    Failed,
    /// Bad usage or input. Nothing was changed; the same call will fail the same way.
    Bad,
    /// A precondition does not hold. Nothing was changed.
    Refused,
    /// Some of it is done, and running it again goes on.
    Partial,
    /// Ended by a signal.
    Signal(u8),
}

impl Exit {
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Bad => 2,
            Exit::Refused => 3,
            Exit::Partial => 4,
            Exit::Signal(number) => 128 + number,
        }
    }
}

/// Why a tool ends otherwise than well: what to print, and how to exit.
#[derive(Debug, Clone)]
pub struct Failure {
    pub exit: Exit,
    /// Printed on stderr, each line after `<tool>: `.
    pub message: String,
}

impl Failure {
    pub fn failed(error: impl std::fmt::Display) -> Failure {
        Failure {
            exit: Exit::Failed,
            message: error.to_string(),
        }
    }

    pub fn bad(error: impl std::fmt::Display) -> Failure {
        Failure {
            exit: Exit::Bad,
            message: error.to_string(),
        }
    }

    pub fn refused(error: impl std::fmt::Display) -> Failure {
        Failure {
            exit: Exit::Refused,
            message: error.to_string(),
        }
    }

    /// An error with its causes, each once, as `error: cause: cause`.
    pub fn chain(exit: Exit, error: &dyn std::error::Error) -> Failure {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            let text = inner.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = inner.source();
        }
        Failure { exit, message }
    }
}

impl From<DocumentError> for Failure {
    fn from(error: DocumentError) -> Failure {
        Failure::bad(error)
    }
}

impl From<std::io::Error> for Failure {
    /// A reader that went away (`| head`) is no failure of ours.
    fn from(error: std::io::Error) -> Failure {
        let exit = match error.kind() {
            std::io::ErrorKind::BrokenPipe => Exit::Done,
            _ => Exit::Failed,
        };
        Failure {
            exit,
            message: error.to_string(),
        }
    }
}

/// The whole `main` of a tool: parses, sets up logs, calls `run`, maps the result to an exit code.
pub fn main<A: Parser + AsRef<Common>>(run: fn(A) -> Result<Exit, Failure>) -> ExitCode {
    // clap prints usage errors on stderr and exits 2; `--help` and `--version` exit 0.
    let arguments = A::parse();
    let tool = A::command().get_name().to_owned();
    logs::start(&tool, arguments.as_ref());
    let root = arguments.as_ref().root.clone();
    let outcome = match root.is_dir() {
        true => run(arguments),
        // An empty machine would look like one without services.
        false => Err(Failure::bad(format!(
            "--root {}: there is no such folder",
            root.display()
        ))),
    };
    match outcome {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(failure) => {
            if failure.exit != Exit::Done {
                for line in failure.message.lines() {
                    eprintln!("{tool}: {line}");
                }
            }
            ExitCode::from(failure.exit.code())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_end_has_its_own_code() {
        let all = [
            Exit::Done,
            Exit::Failed,
            Exit::Bad,
            Exit::Refused,
            Exit::Partial,
            Exit::Signal(2),
        ];
        assert_eq!(all.map(Exit::code), [0, 1, 2, 3, 4, 130]);
    }

    #[test]
    fn a_reader_that_went_away_is_success() {
        let broken = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert_eq!(Failure::from(broken).exit, Exit::Done);
    }

    #[test]
    fn a_cause_is_printed_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("can't read the plan")]
        struct Outer(#[source] std::io::Error);
        let error = Outer(std::io::Error::other("disk on fire"));
        let failure = Failure::chain(Exit::Failed, &error);
        assert_eq!(failure.message, "can't read the plan: disk on fire");
    }
}
