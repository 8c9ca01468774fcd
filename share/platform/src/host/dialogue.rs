// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A command that is talked with while it runs: its two streams are the caller's, its end is waited for by a thread of its own.

use std::io::{self, PipeReader, PipeWriter};
use std::thread::{self, JoinHandle};

use super::Host;
use super::child::{Child, Stdin, Stdout};
use super::command::Command;
use super::failure::CommandError;
use super::output::Output;

/// A command that runs. Its standard input is not written to, and its standard output not read, by anybody but the holder.
pub struct Dialogue {
    /// Taken by whoever writes.
    pub input: Option<PipeWriter>,
    /// Taken by whoever reads.
    pub output: Option<PipeReader>,
    waiter: JoinHandle<Result<Output, CommandError>>,
    describe: (String, Command),
}

impl Host {
    /// Starts the command with its input and output connected to the caller.
    pub fn converse(&self, command: Command) -> Result<Dialogue, CommandError> {
        self.streams(command, true, true)
    }

    /// Starts a command that the caller feeds.
    pub fn feed(&self, command: Command) -> Result<Dialogue, CommandError> {
        self.streams(command, true, false)
    }

    /// Starts a command whose output the caller reads.
    pub fn listen_to(&self, command: Command) -> Result<Dialogue, CommandError> {
        self.streams(command, false, true)
    }

    fn streams(&self, command: Command, feed: bool, read: bool) -> Result<Dialogue, CommandError> {
        let no_pipe = |error: io::Error| CommandError::not_started(self.name(), &command, &error);
        let (stdin, input) = match feed {
            true => {
                let (theirs, ours) = io::pipe().map_err(no_pipe)?;
                (Stdin::Pipe(theirs), Some(ours))
            }
            false => (Stdin::Own, None),
        };
        let (stdout, output) = match read {
            true => {
                let (ours, theirs) = io::pipe().map_err(no_pipe)?;
                (Stdout::Pipe(theirs), Some(ours))
            }
            false => (Stdout::Capture, None),
        };
        let describe = (self.name().to_owned(), command.clone());
        let host = self.clone();
        let waiter = thread::spawn(move || Child::start(&host, &command, stdin, stdout)?.wait());
        Ok(Dialogue {
            input,
            output,
            waiter,
            describe,
        })
    }
}

impl Dialogue {
    /// Closes both streams, which tells the command that nobody is there, and waits for its end.
    pub fn finish(self) -> Result<Output, CommandError> {
        let Dialogue {
            input,
            output,
            waiter,
            describe: (host, command),
        } = self;
        drop((input, output));
        waiter.join().unwrap_or_else(|_| {
            let died = io::Error::other("its waiter died");
            Err(CommandError::not_started(&host, &command, &died))
        })
    }

    /// True once the command has ended by itself.
    pub fn is_over(&self) -> bool {
        self.waiter.is_finished()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn a_command_is_talked_with_and_ends_when_its_input_does() {
        let host = Host::local("/");
        let mut cat = host.converse(Command::new("cat")).unwrap();
        let mut input = cat.input.take().unwrap();
        let mut output = cat.output.take().unwrap();
        input.write_all(b"hello").unwrap();
        let mut heard = [0; 5];
        output.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"hello");
        drop(input);
        assert!(cat.finish().unwrap().success());
    }

    #[test]
    fn a_command_that_can_not_start_says_so_at_its_end() {
        let host = Host::local("/");
        let none = host.feed(Command::new("no-such-command-at-all")).unwrap();
        assert!(none.finish().is_err());
    }
}
