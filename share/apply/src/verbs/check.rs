// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Checks: they change nothing, and are made anew on every run.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use documents::verb::{CheckGone, CheckImage, CheckSilent, CheckZone};
use platform::{imgadm, vmadm, zfs, zlogin};
use quorum::{Life, REGISTRARS_TIMEOUT, Watched};
use serde_json::Value;

use crate::step::{Context, Deed, Look, StepError};

/// A live machine on the same network answers within milliseconds; a dead one never does.
const PATIENCE: Duration = Duration::from_secs(2);

/// sshd of the global zone.
const SSH: u16 = 22;

impl Deed for CheckSilent {
    fn look(&self, _: &Context<'_>) -> Result<Look, StepError> {
        let mut asked = vec![SocketAddr::new(self.address, SSH)];
        for api in &self.apis {
            let address = api
                .parse()
                .map_err(|_| StepError::firm(format!("\"{api}\" is no address:port")))?;
            asked.push(address);
        }
        let heard: Vec<Heard> = thread::scope(|scope| {
            let tries: Vec<_> = asked
                .iter()
                .map(|address| scope.spawn(|| listen(address)))
                .collect();
            let unasked = || Heard::Unasked("an address could not be asked".to_owned());
            let heard = tries.into_iter().map(|attempt| attempt.join());
            heard
                .map(|heard| heard.unwrap_or_else(|_| unasked()))
                .collect()
        });
        let answers: Vec<&str> = heard.iter().filter_map(Heard::answer).collect();
        if !answers.is_empty() {
            return Ok(Look::Conflict(format!(
                "server {} is not lost: {}. Nothing may be restored elsewhere while it can still serve; power it off first",
                self.server,
                answers.join(", ")
            )));
        }
        // A check that could not be made is no pass.
        match heard.iter().find_map(Heard::unasked) {
            Some(why) => Err(StepError::passing(why)),
            None => Ok(Look::done()),
        }
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        self.look(context)?.must_be_done()?;
        no_session_is_renewed(self, context)
    }
}

/// A zone that can't be reached by us may live all the same. Its registrar then renews its session with ZooKeeper; that of a dead
/// one runs out, which takes a minute after its death.
fn no_session_is_renewed(with: &CheckSilent, context: &Context<'_>) -> Result<(), StepError> {
    let Some(lock) = context.world.majority.lock() else {
        return Ok(());
    };
    let tree = Life::tree(&context.world.domain());
    let mut told = None;
    let mut watch = |watched: Watched| {
        let seconds = watched.remaining.as_secs();
        if told.is_none_or(|told: u64| told >= seconds + 10) {
            told = Some(seconds);
            tracing::info!(
                "sessions of {} zones of server {} have not run out yet; {seconds} s at most",
                watched.left,
                with.server
            );
        }
        !context.world.canceller.is_cancelled()
    };
    let alive = Life::look(
        lock.session(),
        &tree,
        &with.zones,
        REGISTRARS_TIMEOUT,
        &mut watch,
    )?;
    if alive.is_empty() {
        return Ok(());
    }
    if context.world.canceller.is_cancelled() {
        return Err(StepError::passing("interrupted while sessions ran out"));
    }
    let zones: Vec<String> = alive.iter().map(|life| life.zone.to_string()).collect();
    Err(StepError::firm(format!(
        "server {} is not lost: its zones {} go on renewing their sessions with ZooKeeper. Nothing may be restored elsewhere \
         while it can still serve; power it off first",
        with.server,
        zones.join(", ")
    )))
}

enum Heard {
    Nothing,
    Answer(String),
    /// The question never left this machine.
    Unasked(String),
}

impl Heard {
    fn answer(&self) -> Option<&str> {
        match self {
            Heard::Answer(what) => Some(what),
            _ => None,
        }
    }

    fn unasked(&self) -> Option<&str> {
        match self {
            Heard::Unasked(why) => Some(why),
            _ => None,
        }
    }
}

/// How an address shows that somebody is there. A refusal is an answer too: only a live machine sends one.
fn listen(address: &SocketAddr) -> Heard {
    let Err(error) = TcpStream::connect_timeout(address, PATIENCE) else {
        return Heard::Answer(format!("{address} accepts connections"));
    };
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock | ErrorKind::HostUnreachable => Heard::Nothing,
        ErrorKind::ConnectionRefused => Heard::Answer(format!(
            "{address} refuses connections, so a machine has that address"
        )),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => Heard::Answer(format!(
            "{address} breaks connections off, so a machine has that address"
        )),
        _ => Heard::Unasked(format!(
            "{address} could not be asked ({error}), so that nobody knows whether it still serves; see to this machine's \
             network first"
        )),
    }
}

impl Deed for CheckGone {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let host = context.world.host(context.step.host)?;
        let vm = self.vm;
        if vmadm::get(&host, vm)?.is_some() {
            return Ok(Look::Conflict(format!(
                "zone {vm} is on {}: it is not gone, and nothing is made in its place (`vmadm get {vm}` there)",
                host.name()
            )));
        }
        let data = format!("zones/{vm}/data");
        Ok(match zfs::dataset(&host, &data)? {
            None => Look::done(),
            Some(_) => Look::Conflict(format!(
                "zone {vm} is gone from {}, and its data {data} is still there, younger than any restore point. See what it \
                 holds; to restore an older state all the same, put it aside first: zfs rename {data} {data}-lost",
                host.name()
            )),
        })
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        self.look(context)?.must_be_done()
    }
}

impl Deed for CheckImage {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let host = context.world.host(context.step.host)?;
        Ok(match imgadm::get(&host, self.image)? {
            Some(_) => Look::done(),
            None => Look::Conflict(format!(
                "image {} is not installed on {}; `imgadm import {}` there",
                self.image,
                host.name(),
                self.image
            )),
        })
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        self.look(context)?.must_be_done()
    }
}

impl Deed for CheckZone {
    /// Before the zone is up this can only fail: that is for later.
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let host = context.world.host(context.step.host)?;
        let output = zlogin::run(&host, self.vm, &self.argv)?;
        if output.success() {
            return Ok(Look::done());
        }
        let said = format!("{}{}", output.text(), output.complaint());
        Ok(Look::NotYet(format!(
            "{} in zone {} ended with {}: {}",
            self.argv.join(" "),
            self.vm,
            output.status,
            last_lines(&said)
        )))
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        self.look(context)?.must_be_done()
    }

    fn tells_beforehand(&self) -> bool {
        false
    }
}

/// The end of what a command said, where the reason usually stands.
fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(5)..].join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_machine_that_accepts_or_refuses_is_alive() {
        // Of this test alone: on an address that others use, one of them may take the port as soon as it is free.
        let listener = TcpListener::bind("127.83.12.5:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert!(listen(&address).answer().unwrap().contains("accepts"));
        drop(listener);
        assert!(listen(&address).answer().unwrap().contains("refuses"));
    }

    #[test]
    fn what_could_not_be_asked_is_not_taken_for_silence() {
        // The broadcast address takes no connection: the system refuses before anything is sent.
        let address = "255.255.255.255:9".parse().unwrap();
        assert!(
            listen(&address)
                .unasked()
                .unwrap()
                .contains("could not be asked")
        );
    }

    #[test]
    fn of_a_long_output_the_end_is_told() {
        assert_eq!(last_lines("1\n2\n\n3\n4\n5\n6\n"), "2; 3; 4; 5; 6");
        assert_eq!(last_lines(""), "");
    }
}
