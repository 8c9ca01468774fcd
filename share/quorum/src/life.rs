// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Whether a server that is to be declared dead still renews sessions. The registrars of its zones keep ephemeral nodes in
//! binder's tree, one named by each zone's UUID. Such a node outlives its zone by up to a session timeout, so one that is
//! there proves nothing; one that is there after a whole timeout was waited out was renewed.

use std::thread;
use std::time::{Duration, Instant};

use documents::Uuid;

use crate::error::QuorumError;
use crate::session::Session;

/// The registrars' own timeout (their configuration says 60 s), and the tick by which the servers round it up.
pub const REGISTRARS_TIMEOUT: Duration = Duration::from_secs(60);
pub const TICK: Duration = Duration::from_secs(2);

/// How the wait goes, for a countdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watched {
    /// Zones whose nodes are still there.
    pub left: usize,
    pub remaining: Duration,
}

/// A zone that lives: its node was renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    pub zone: Uuid,
    pub path: String,
}

impl Life {
    /// Waits until none of these zones has a node, at most `timeout` (see [`REGISTRARS_TIMEOUT`]) and a tick; those that still
    /// have one then are alive. `tree` is the datacenter's folder: `/com/example/us-1`. Where `watch` says false nobody waits any
    /// longer, and those count that are left.
    pub fn look(
        session: &Session,
        tree: &str,
        zones: &[Uuid],
        timeout: Duration,
        watch: &mut dyn FnMut(Watched) -> bool,
    ) -> Result<Vec<Life>, QuorumError> {
        let until = Instant::now() + timeout + TICK.min(timeout);
        loop {
            let found = Life::nodes(session, tree, zones)?;
            let remaining = until.saturating_duration_since(Instant::now());
            if found.is_empty() || remaining.is_zero() {
                return Ok(found);
            }
            let left = found.len();
            if !watch(Watched { left, remaining }) {
                return Ok(found);
            }
            thread::sleep(remaining.min(Duration::from_secs(1)));
        }
    }

    /// The zones' nodes that are there now, of whatever age: a service's folder holds one per zone.
    fn nodes(session: &Session, tree: &str, zones: &[Uuid]) -> Result<Vec<Life>, QuorumError> {
        let mut found = Vec::new();
        for service in session.children(tree)? {
            let folder = format!("{tree}/{service}");
            for name in session.children(&folder)? {
                let zone = name.parse::<Uuid>().ok();
                if let Some(zone) = zone.filter(|zone| zones.contains(zone)) {
                    let path = format!("{folder}/{name}");
                    // Ephemeral nodes alone tell of a session.
                    if session.get(&path)?.is_some_and(|node| node.owner.is_some()) {
                        found.push(Life { zone, path });
                    }
                }
            }
        }
        Ok(found)
    }

    /// Folder of a datacenter in binder's tree: `us-1.example.com` is `/com/example/us-1`.
    pub fn tree(domain: &str) -> String {
        let domain = domain.to_ascii_lowercase();
        let parts = domain.split('.').rev().filter(|part| !part.is_empty());
        parts.flat_map(|part| ["/", part]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_a_folder_read_backwards() {
        assert_eq!(Life::tree("US-1.example.com"), "/com/example/us-1");
    }
}
