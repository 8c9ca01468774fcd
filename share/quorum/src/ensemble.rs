// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Which servers make up the ensemble, and how long to wait for them.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::QuorumError;
use crate::session::Session;

/// Where binder's ZooKeeper listens.
pub const PORT: u16 = 2181;

/// How long to wait for a server's port, and for those that are slower than a majority.
const PORT_OPENS: Duration = Duration::from_secs(2);
const STRAGGLERS: Duration = Duration::from_millis(200);

/// The datacenter's ZooKeeper: one server per binder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ensemble {
    servers: Vec<SocketAddr>,
    session_timeout: Duration,
    patience: Duration,
}

impl Ensemble {
    /// By the addresses of the binders.
    pub fn of_binders(binders: impl IntoIterator<Item = IpAddr>) -> Ensemble {
        Ensemble::new(binders.into_iter().map(|ip| SocketAddr::new(ip, PORT)))
    }

    pub fn new(servers: impl IntoIterator<Item = SocketAddr>) -> Ensemble {
        let mut servers: Vec<SocketAddr> = servers.into_iter().collect();
        servers.sort();
        servers.dedup();
        Ensemble {
            servers,
            // A run whose headnode died should not lock others out for long; a run whose headnode stutters should not lose
            // its lock. ZooKeeper grants between 2 and 20 of its ticks of 2 s.
            session_timeout: Duration::from_secs(20),
            patience: Duration::from_secs(15),
        }
    }

    /// How long a session outlives its last sign of life, and how long to wait for a server that speaks for a majority.
    pub fn with_timeouts(mut self, session: Duration, patience: Duration) -> Ensemble {
        self.session_timeout = session;
        self.patience = patience;
        self
    }

    pub fn session_timeout(&self) -> Duration {
        self.session_timeout
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    pub fn servers(&self) -> &[SocketAddr] {
        &self.servers
    }

    /// `10.99.99.11:2181,10.99.99.12:2181`
    pub fn words(&self) -> String {
        let servers: Vec<String> = self.servers.iter().map(ToString::to_string).collect();
        servers.join(",")
    }

    /// Those whose port opens; the error says why each of them does not. A dead headnode swallows packets, and the client would
    /// wait for it before it tries the next.
    pub(crate) fn reachable(&self) -> Result<Vec<SocketAddr>, String> {
        let (tell, told) = mpsc::channel();
        for server in self.servers.clone() {
            let tell = tell.clone();
            thread::spawn(move || {
                let opened = TcpStream::connect_timeout(&server, PORT_OPENS);
                // Nobody listens any more when we were a straggler.
                let _ = tell.send((server, opened.map(drop)));
            });
        }
        drop(tell);
        let (mut open, mut closed) = (Vec::new(), Vec::new());
        let mut until = Instant::now() + PORT_OPENS * 2;
        while let Ok((server, opened)) =
            told.recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            match opened {
                Ok(()) => open.push(server),
                Err(why) => closed.push(format!("{server}: {why}")),
            }
            if open.len() * 2 > self.servers.len() {
                until = until.min(Instant::now() + STRAGGLERS);
            }
        }
        match open.is_empty() {
            true => Err(closed.join("; ")),
            false => Ok(open),
        }
    }

    /// Opens a session. A server grants one only while it belongs to a majority, so an error means that we have none.
    pub fn session(&self) -> Result<Session, QuorumError> {
        Session::open(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ensemble_is_the_binders_each_once() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let ensemble = Ensemble::of_binders([ip("10.0.0.2"), ip("10.0.0.1"), ip("10.0.0.2")]);
        assert_eq!(ensemble.words(), "10.0.0.1:2181,10.0.0.2:2181");
    }

    #[test]
    fn without_any_binder_there_is_no_majority_and_no_waiting() {
        let error = Ensemble::new([]).session().err().unwrap();
        assert!(matches!(error, QuorumError::NoMajority { .. }), "{error}");
    }
}
