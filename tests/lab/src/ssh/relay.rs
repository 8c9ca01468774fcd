// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Carries the streams of one ssh session, until the remote command ends or one side dies.
//!
//! The remote command gets pipes of its own: it must see its streams close when the ssh client is killed, and a
//! client's pipes must close when the remote command ends.

use std::io::{Read, Write, pipe};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::call::Call;
use crate::host;
use crate::host_init::Start;
use crate::lab::Lab;
use crate::wire;

/// Exit code of the remote command; `None` when the connection was lost.
pub fn run(
    lab: &Lab,
    call: &Call,
    client: &UnixStream,
    target: &str,
    start: &Start,
    with_stdin: bool,
) -> Option<i32> {
    let (remote_in, to_remote) = pipe().ok()?;
    let (from_remote, remote_out) = pipe().ok()?;
    let (errors_from_remote, remote_err) = pipe().ok()?;
    let streams = [remote_in.as_fd(), remote_out.as_fd(), remote_err.as_fd()];
    let session = host::spawn(lab, target, start, streams).ok()?;
    drop((remote_in, remote_out, remote_err));

    // Dropping an end of these pipes wakes whoever polls the other.
    let (session_over, keep_session) = pipe().ok()?;
    let stdin = call.stdin.try_clone().ok()?;
    let (stdout, stderr) = (call.stdout.try_clone().ok()?, call.stderr.try_clone().ok()?);
    let over = session_over.try_clone().ok()?;
    if with_stdin {
        thread::spawn(move || copy(&stdin, to_remote, &[over.as_fd()]));
    } else {
        drop(to_remote);
    }
    let outcome = thread::scope(|scope| {
        scope.spawn(|| copy(from_remote, stdout, &[client.as_fd()]));
        scope.spawn(|| copy(errors_from_remote, stderr, &[client.as_fd()]));
        let ended = first_of(&session, client);
        // The client is dead: the remote command goes on until it notices that its streams are closed.
        let code = if ended {
            wire::receive::<i32>(&session).ok().map(|(code, _)| code)
        } else {
            None
        };
        drop(keep_session);
        code
    });
    drop(session_over);
    outcome
}

/// Waits for the remote command's end (true) or the death of the client (false).
fn first_of(session: &UnixStream, client: &UnixStream) -> bool {
    loop {
        let mut fds = [
            PollFd::new(session, PollFlags::IN),
            PollFd::new(client, PollFlags::IN),
        ];
        if poll(&mut fds, None).is_err() {
            continue;
        }
        if !fds[0].revents().is_empty() {
            return true;
        }
        if !fds[1].revents().is_empty() {
            return false;
        }
    }
}

/// Returns when the client is dead, or when `patience` is over.
pub fn wait_for_end(client: &UnixStream, patience: Duration) {
    let limit = Timespec::try_from(patience).ok();
    let mut fds = [PollFd::new(client, PollFlags::IN)];
    // Interrupted or not, the session is over.
    let _ = poll(&mut fds, limit.as_ref());
}

/// Copies until either end closes or something happens on one of `stop`.
fn copy(mut from: impl Read + AsFd, mut to: impl Write, stop: &[BorrowedFd]) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let mut fds = vec![PollFd::from_borrowed_fd(from.as_fd(), PollFlags::IN)];
        fds.extend(
            stop.iter()
                .map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)),
        );
        if poll(&mut fds, None).is_err() {
            continue;
        }
        if fds[1..].iter().any(|fd| !fd.revents().is_empty()) {
            return;
        }
        match from.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(count) => {
                if to.write_all(&buffer[..count]).is_err() {
                    return;
                }
            }
        }
    }
}
