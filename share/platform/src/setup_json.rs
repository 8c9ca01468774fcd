// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `/var/lib/setup.json`: how far a server's setup came.

use serde::{Deserialize, Serialize};

use crate::error::json;
use crate::{Error, Host, ParseError};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// `headnode` or `computenode`. Nothing consumes it, so it may be wrong: ask sysinfo what a server is.
    #[serde(default)]
    pub node_type: Option<String>,
    #[serde(default)]
    pub current_state: Option<String>,
    #[serde(default)]
    pub seen_states: Vec<String>,
    #[serde(default)]
    pub complete: bool,
    #[serde(default)]
    pub start_time: Option<String>,
    #[serde(default)]
    pub last_updated: Option<String>,
}

impl Setup {
    pub fn has_seen(&self, state: &str) -> bool {
        self.seen_states.iter().any(|seen| seen == state)
    }
}

/// `None` on a server whose setup never began.
pub fn get(host: &Host) -> Result<Option<Setup>, Error> {
    let Some(bytes) = host.read_if_there("/var/lib/setup.json")? else {
        return Ok(None);
    };
    let parsed = parse(&String::from_utf8_lossy(&bytes));
    Ok(Some(parsed.map_err(|error| {
        Error::parse(host, "/var/lib/setup.json", error)
    })?))
}

/// `/var/lib/setup.json` of a headnode (shortened):
///
/// ```text
/// {
///   "node_type": "headnode",
///   "start_time": "2026-02-13T16:40:02Z",
///   "current_state": "setup_complete",
///   "seen_states": [ "zpool_created", "datasets_setup", ..., "sdczones_created", "sapi_full_mode", "setup_complete" ],
///   "complete": true,
///   "last_updated": "2026-02-13T17:06:41.120Z"
/// }
/// ```
pub fn parse(text: &str) -> Result<Setup, ParseError> {
    json(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headnode_and_compute_node_saw_different_states() {
        let headnode = parse(include_str!(
            "../../../tests/fixtures/platform/setup-headnode.json"
        ))
        .unwrap();
        assert!(headnode.complete && headnode.has_seen("sdczones_created"));
        let compute_node = parse(include_str!(
            "../../../tests/fixtures/platform/setup-computenode.json"
        ))
        .unwrap();
        assert!(compute_node.complete && !compute_node.has_seen("sdczones_created"));
        assert_eq!(compute_node.node_type.as_deref(), Some("computenode"));
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        assert!(parse("{\"complete\": true").is_err());
        assert!(parse("").is_err());
    }
}
