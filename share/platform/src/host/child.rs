// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! One child process: started in a process group of its own with an environment of our choosing, its streams read as they
//! come, waited for, and ended with everything it started.

use std::ffi::OsString;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::unix::process::CommandExt;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::command::Command;
use super::failure::{CommandError, FailureKind};
use super::groups::{GRACE, Registered, must_not_run};
use super::output::{Output, Status};
use super::{Host, Place, environment, ssh};

/// How often a wait without an end looks up.
const LOOK: Duration = Duration::from_millis(250);

/// Longer limits are as good as none, and nearer to what a clock can hold.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

pub(crate) enum Stdin {
    /// What the command says it reads, or nothing.
    Own,
    Pipe(PipeReader),
}

pub(crate) enum Stdout {
    Capture,
    Pipe(PipeWriter),
}

pub(crate) struct Child<'a> {
    host: &'a Host,
    command: &'a Command,
    handle: duct::Handle,
    group: Registered,
    stdout: Option<Stream>,
    stderr: Stream,
    started: Instant,
}

impl<'a> Child<'a> {
    pub(crate) fn start(
        host: &'a Host,
        command: &'a Command,
        stdin: Stdin,
        stdout: Stdout,
    ) -> Result<Child<'a>, CommandError> {
        if must_not_run(host.canceller.as_ref()) {
            let kind = FailureKind::Cancelled;
            return Err(CommandError::ended(host.name(), command, kind, None));
        }
        let not_started =
            |error: io::Error| CommandError::not_started(host.name(), command, &error);
        let argv = match &*host.place {
            Place::Local { .. } => command.words().map(OsString::from).collect(),
            Place::Ssh(target) => target.wrap(command),
        };
        let mut words = argv.into_iter();
        let variables = environment::of(host, command);
        let program = environment::found(words.next().unwrap_or_default(), &variables);
        let mut expression = duct::cmd(program, words)
            .full_env(variables)
            .unchecked()
            .before_spawn(|command| {
                command.process_group(0);
                Ok(())
            });
        expression = match (stdin, command.input()) {
            (Stdin::Pipe(pipe), _) => expression.stdin_file(pipe),
            (Stdin::Own, Some(bytes)) => expression.stdin_bytes(bytes),
            (Stdin::Own, None) => expression.stdin_null(),
        };
        let (stderr, to_stderr) = io::pipe().map_err(not_started)?;
        let (expression, stdout) = match stdout {
            Stdout::Pipe(pipe) => (expression.stdout_file(pipe), None),
            Stdout::Capture => {
                let (stdout, to_stdout) = io::pipe().map_err(not_started)?;
                (expression.stdout_file(to_stdout), Some(stdout))
            }
        };
        let started = Instant::now();
        let handle = expression
            .stderr_file(to_stderr)
            .start()
            .map_err(not_started)?;
        // The expression held the far ends of the pipes: with them open, the streams would never end.
        drop(expression);
        let pid = handle
            .pids()
            .first()
            .and_then(|&pid| Pid::from_raw(i32::try_from(pid).ok()?));
        let group = pid.ok_or_else(|| not_started(io::Error::other("it has no process id")))?;
        Ok(Child {
            host,
            command,
            handle,
            group: Registered::new(group, host.canceller.as_ref()),
            stdout: stdout.map(Stream::read),
            stderr: Stream::read(stderr),
            started,
        })
    }

    /// Waits until the command ended, at most as long as it may take.
    pub(crate) fn wait(&self) -> Result<Output, CommandError> {
        let deadline = self
            .command
            .limit()
            .map(|limit| self.started + limit.min(LONGEST));
        let failure = |kind, output: Option<&Output>| {
            CommandError::ended(self.host.name(), self.command, kind, output)
        };
        let Some(status) = self.exit(deadline)? else {
            self.end();
            return Err(failure(
                FailureKind::TimedOut,
                Some(&self.output(Status::Signal(15))),
            ));
        };
        // A command that went through before it could be ended went through.
        if self.group.was_ended() && !status.success() {
            self.end();
            return Err(failure(FailureKind::Cancelled, Some(&self.output(status))));
        }
        // Something it left behind may hold its streams open, for as long as the command itself may take.
        while !self.streams_ended() {
            let late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if late || self.group.was_ended() {
                self.end();
                let kind = match late {
                    true => FailureKind::TimedOut,
                    false => FailureKind::Cancelled,
                };
                return Err(failure(kind, Some(&self.output(status))));
            }
        }
        let output = self.output(status);
        tracing::debug!(
            host = self.host.name(),
            command = %self.command,
            status = %status,
            milliseconds = self.started.elapsed().as_millis() as u64,
            "ran"
        );
        // 255 is how ssh itself fails.
        if matches!(*self.host.place, Place::Ssh(_)) && status == Status::Exit(255) {
            return Err(failure(FailureKind::Unreachable, Some(&output)));
        }
        Ok(output)
    }

    /// Ends the command's process group, here and on the other host. Returns when it is gone or was killed.
    pub(crate) fn end(&self) {
        if let Place::Ssh(target) = &*self.host.place
            && let Some(group) = ssh::announced(&self.stderr.bytes())
        {
            end_there(self.host, target, group);
        }
        self.group.end();
        let limit = Instant::now() + GRACE;
        if !matches!(self.exit(Some(limit)), Ok(Some(_))) {
            self.group.kill();
            let _ = self.exit(Some(limit + GRACE));
        }
    }

    /// Asks the group to end without waiting for it.
    pub(crate) fn ask_to_end(&self) {
        self.group.end();
    }

    /// `None` when the deadline came first.
    fn exit(&self, deadline: Option<Instant>) -> Result<Option<Status>, CommandError> {
        let status = match deadline {
            Some(deadline) => self.handle.wait_deadline(deadline),
            None => self.handle.wait().map(Some),
        };
        let not_waited = |error| CommandError::not_started(self.host.name(), self.command, &error);
        Ok(status
            .map_err(not_waited)?
            .map(|output| output.status.into()))
    }

    fn streams_ended(&self) -> bool {
        let stderr = self.stderr.ended_within(LOOK);
        let stdout = self
            .stdout
            .as_ref()
            .is_none_or(|stream| stream.ended_within(LOOK));
        // The connection that older ssh clients leave behind for the next command keeps their standard error open.
        stdout && (stderr || matches!(*self.host.place, Place::Ssh(_)))
    }

    fn output(&self, status: Status) -> Output {
        let stderr = self.stderr.bytes();
        Output {
            status,
            stdout: self.stdout.as_ref().map(Stream::bytes).unwrap_or_default(),
            stderr: match *self.host.place {
                Place::Local { .. } => stderr,
                Place::Ssh(_) => ssh::without_announcement(stderr),
            },
        }
    }
}

/// Ends a process group on the other host. Best effort: the host may be gone, which is an end as well.
fn end_there(host: &Host, target: &ssh::SshTarget, group: u32) {
    let mut words = target.ending(group).into_iter();
    let variables = environment::of(host, &Command::new("kill"));
    let program = environment::found(words.next().unwrap_or_default(), &variables);
    let ended = duct::cmd(program, words)
        .full_env(variables)
        .stdin_null()
        .stdout_null()
        .stderr_null()
        .unchecked()
        .before_spawn(|command| {
            command.process_group(0);
            Ok(())
        })
        .start()
        .and_then(
            |handle| match handle.wait_timeout(Duration::from_secs(10))? {
                Some(_) => Ok(()),
                None => handle.kill(),
            },
        );
    if let Err(error) = ended {
        tracing::warn!(host = host.name(), group, %error, "could not end what runs there");
    }
}

/// A stream that is read to its end by a thread of its own, whatever becomes of the command.
struct Stream {
    bytes: Arc<Mutex<Vec<u8>>>,
    ended: Mutex<Receiver<()>>,
}

impl Stream {
    fn read(mut pipe: PipeReader) -> Stream {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let (alive, ended) = mpsc::channel();
        let kept = bytes.clone();
        thread::spawn(move || {
            // Dropped at the end of this thread, which is what the waiter notices.
            let _alive: mpsc::Sender<()> = alive;
            let mut buffer = [0; 1 << 16];
            loop {
                match pipe.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(count) => lock(&kept).extend_from_slice(&buffer[..count]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                    Err(_) => return,
                }
            }
        });
        Stream {
            bytes,
            ended: Mutex::new(ended),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        lock(&self.bytes).clone()
    }

    fn ended_within(&self, limit: Duration) -> bool {
        let ended = lock(&self.ended).recv_timeout(limit);
        ended == Err(RecvTimeoutError::Disconnected)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_end_when_asked_is_killed() {
        let host = Host::local("/");
        let command = Command::new("sh").args([
            "-c",
            "trap '' TERM; echo ready; while :; do sleep 0.01; done",
        ]);
        let child = Child::start(&host, &command, Stdin::Own, Stdout::Capture).unwrap();
        while child.stdout.as_ref().unwrap().bytes().is_empty() {
            thread::yield_now();
        }
        child.end();
        let status = child.exit(Some(Instant::now() + GRACE)).unwrap();
        assert_eq!(status, Some(Status::Signal(9)));
    }
}
