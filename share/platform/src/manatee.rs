// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! manatee-adm(1), run inside a manatee zone: whether the database would outlive the reboot of one of its peers.
//!
//! Of its outputs only that of `pg-status -o` is promised to stay as it is (its man page), and `zk-state` is what sdcadm reads.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{Command, CommandError, Error, Host, ParseError, zlogin};

const MANATEE_ADM: &str = "/opt/smartdc/manatee/node_modules/.bin/manatee-adm";

/// The profile has the path of its node, and where ZooKeeper is. The words that follow reach it untouched.
const WITH_PROFILE: &str = ". /root/.bashrc; exec \"$0\" \"$@\"";

/// It asks every peer's PostgreSQL, and waits for a ZooKeeper that has no majority.
const PATIENCE: Duration = Duration::from_secs(60);

const COLUMNS: &str = "role,peername,pg-online,pg-repl";

/// The shard of the datacenter's database, as one of its zones tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// The primary, the sync, then the asyncs, each replicating from the one before; then the deposed.
    pub peers: Vec<Peer>,
    /// What manatee-adm remarked itself.
    pub remarks: Vec<String>,
    /// Why nobody takes over, where somebody froze the shard.
    pub frozen: Option<String>,
    /// It is set up to be alone.
    pub one_node: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    pub role: Role,
    pub zone: Uuid,
    /// Its PostgreSQL answered.
    pub online: bool,
    /// How its downstream peer replicates from it; `None` where none does.
    pub replicates: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Primary,
    Sync,
    Async,
    Deposed,
}

/// What the zone, which runs on this host, tells of its shard.
pub fn shard(host: &Host, zone: Uuid) -> Result<Shard, Error> {
    let (peers, remarks) = status(host, zone)?;
    let text = host.run_ok(&adm(zone, &["zk-state"]))?;
    let state: State = crate::error::json(&text).map_err(|error| {
        Error::parse(
            host,
            format!("what manatee-adm zk-state printed in zone {zone}"),
            error,
        )
    })?;
    Ok(Shard {
        peers,
        remarks,
        frozen: state.freeze.as_ref().and_then(frozen),
        one_node: state.one_node_write_mode,
    })
}

fn adm(zone: Uuid, args: &[&str]) -> Command {
    let argv = ["/usr/bin/bash", "-c", WITH_PROFILE, MANATEE_ADM];
    zlogin::command(zone, argv.iter().chain(args)).timeout(PATIENCE)
}

/// Over what is wrong with the shard it may end with an error, after it named all peers: then they count.
fn status(host: &Host, zone: Uuid) -> Result<(Vec<Peer>, Vec<String>), Error> {
    let command = adm(zone, &["pg-status", "-H", "-o", COLUMNS]);
    let output = host.run(&command)?;
    match parse_status(&output.text()) {
        Err(_) if !output.success() => Err(CommandError::of_output(host, &command, &output).into()),
        parsed => parsed.map_err(|error| {
            let what = format!("what manatee-adm pg-status printed in zone {zone}");
            Error::parse(host, what, error)
        }),
    }
}

/// `manatee-adm pg-status -H -o role,peername,pg-online,pg-repl`:
///
/// ```text
/// primary  09957297-9b8c-4f5e-a6d7-2c3b4a596870 ok   sync
/// sync     a376df2b-5e4d-4c3b-b2a1-908172635445 ok   -
/// async    bb348824-1a2b-4c3d-8e5f-60718293a4b5 fail -
///
/// warning: peer "a376df2b": downstream replication peer not connected
/// ```
pub fn parse_status(text: &str) -> Result<(Vec<Peer>, Vec<String>), ParseError> {
    let (mut peers, mut remarks) = (Vec::new(), Vec::new());
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with("warning:") || line.starts_with("error:") {
            remarks.push(line.to_owned());
        } else if !line.is_empty() {
            peers.push(peer(line).map_err(|why| ParseError::at(at + 1, why))?);
        }
    }
    match peers.is_empty() {
        true => Err(ParseError::new("it names no peer")),
        false => Ok((peers, remarks)),
    }
}

fn peer(line: &str) -> Result<Peer, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [role, zone, online, replicates] = words[..] else {
        return Err(format!("\"{line}\" is not {COLUMNS}"));
    };
    Ok(Peer {
        role: match role {
            "primary" => Role::Primary,
            "sync" => Role::Sync,
            "async" => Role::Async,
            "deposed" => Role::Deposed,
            other => return Err(format!("\"{other}\" is no role of a peer")),
        },
        zone: zone
            .parse()
            .map_err(|_| format!("\"{zone}\" is no peer's zone"))?,
        online: match online {
            "ok" => true,
            "fail" => false,
            other => return Err(format!("a PostgreSQL is \"{other}\", not ok or fail")),
        },
        replicates: (replicates != "-").then(|| replicates.to_owned()),
    })
}

/// `manatee-adm zk-state`, the keys we use.
#[derive(Deserialize)]
struct State {
    freeze: Option<Value>,
    #[serde(rename = "oneNodeWriteMode", default)]
    one_node_write_mode: bool,
}

/// `{"date": ..., "reason": ...}`; older ones have `true`.
fn frozen(freeze: &Value) -> Option<String> {
    match freeze {
        Value::Null | Value::Bool(false) => None,
        other => Some(
            other["reason"]
                .as_str()
                .unwrap_or("no reason given")
                .to_owned(),
        ),
    }
}

impl Shard {
    /// The role of a zone; `None` when it is no peer of this shard.
    pub fn role(&self, zone: Uuid) -> Option<Role> {
        let peer = self.peers.iter().find(|peer| peer.zone == zone)?;
        Some(peer.role)
    }

    /// Peers that serve or stand by.
    pub fn assigned(&self) -> impl Iterator<Item = &Peer> {
        self.peers.iter().filter(|peer| peer.role != Role::Deposed)
    }

    /// What is wrong with the peers. The last in the line has nobody to replicate to; a deposed one is out of the line.
    pub fn faults(&self) -> Vec<String> {
        let assigned: Vec<&Peer> = self.assigned().collect();
        let last = assigned.len().saturating_sub(1);
        let mut faults = Vec::new();
        if assigned.first().map(|peer| peer.role) != Some(Role::Primary) {
            faults.push("it has no primary".to_owned());
        }
        for (at, peer) in assigned.iter().enumerate() {
            let zone = peer.zone;
            if !peer.online {
                faults.push(format!("PostgreSQL of peer {zone} does not answer"));
            } else if at < last && !peer.streams() {
                let how = peer.replicates.as_deref().unwrap_or("not at all");
                faults.push(format!("what follows peer {zone} replicates from it {how}"));
            }
        }
        faults.extend(self.remarks.iter().cloned());
        faults
    }
}

impl Peer {
    /// Its downstream peer is caught up: the primary's must confirm what is written, others' follow.
    fn streams(&self) -> bool {
        match (self.role, self.replicates.as_deref()) {
            (Role::Primary, how) => how == Some("sync"),
            (_, how) => matches!(how, Some("sync" | "async")),
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Role::Primary => "primary",
            Role::Sync => "sync",
            Role::Async => "async",
            Role::Deposed => "deposed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HA: &str = include_str!("../../../tests/fixtures/api/zookeeper/manatee-state.ha.json");
    const ALONE: &str =
        include_str!("../../../tests/fixtures/api/zookeeper/manatee-state.onwm.json");

    const HEALTHY: &str = "\
primary  09957297-9b8c-4f5e-a6d7-2c3b4a596870 ok   sync
sync     a376df2b-5e4d-4c3b-b2a1-908172635445 ok   async
async    bb348824-1a2b-4c3d-8e5f-60718293a4b5 ok   -
";

    fn faults(text: &str) -> Vec<String> {
        let (peers, remarks) = parse_status(text).unwrap();
        let shard = Shard {
            peers,
            remarks,
            frozen: None,
            one_node: false,
        };
        shard.faults()
    }

    #[test]
    fn peers_that_stream_to_the_next_are_well_and_the_last_has_no_next() {
        let (peers, remarks) = parse_status(HEALTHY).unwrap();
        assert_eq!(peers.len(), 3);
        assert_eq!(remarks, [""; 0]);
        assert_eq!(peers[1].role, Role::Sync);
        assert_eq!(faults(HEALTHY), [""; 0]);
    }

    #[test]
    fn whatever_breaks_the_line_of_peers_is_a_fault() {
        let cases = [
            (
                "ok   async",
                "ok   -",
                "a376df2b-5e4d-4c3b-b2a1-908172635445 replicates from it not at all",
            ),
            (
                "ok   sync",
                "ok   async",
                "09957297-9b8c-4f5e-a6d7-2c3b4a596870 replicates from it async",
            ),
            ("ok   async", "fail -", "PostgreSQL of peer a376df2b"),
            ("a4b5 ok   -", "a4b5 fail -", "PostgreSQL of peer bb348824"),
            ("primary ", "deposed ", "no primary"),
            (
                "ok   -\n",
                "ok   -\n\nwarning: peer \"x\" lags\n",
                "warning: peer \"x\" lags",
            ),
        ];
        for (from, to, why) in cases {
            assert!(HEALTHY.contains(from), "{from}");
            let found = faults(&HEALTHY.replacen(from, to, 1));
            assert!(
                found.iter().any(|fault| fault.contains(why)),
                "{why}: {found:?}"
            );
        }
    }

    #[test]
    fn a_deposed_peer_is_no_part_of_the_line() {
        let deposed = "deposed  cc348824-1a2b-4c3d-8e5f-60718293a4b5 fail -\n";
        assert_eq!(faults(&format!("{HEALTHY}{deposed}")), [""; 0]);
    }

    #[test]
    fn lines_that_are_none_of_peers_are_refused() {
        for (from, to) in [
            ("async    ", "later    "),
            ("ok   sync", "maybe sync"),
            ("ok   sync", "ok"),
            ("09957297-", ""),
        ] {
            let error = parse_status(&HEALTHY.replacen(from, to, 1)).unwrap_err();
            assert!(error.line.is_some(), "{to}");
        }
        assert!(parse_status("").is_err());
        assert!(parse_status("error: no cluster state\n").is_err());
    }

    #[test]
    fn a_frozen_shard_says_why() {
        let state = |fixture: &str| -> State {
            let all: Value = serde_json::from_str(fixture).unwrap();
            serde_json::from_value(all["data"].clone()).unwrap()
        };
        assert!(state(HA).freeze.is_none());
        let alone = state(ALONE);
        assert!(alone.one_node_write_mode);
        let why = frozen(&alone.freeze.unwrap()).unwrap();
        assert!(why.contains("one node write mode"), "{why}");
        assert_eq!(frozen(&Value::Bool(true)).unwrap(), "no reason given");
    }
}
