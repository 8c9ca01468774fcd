// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The log of calls that the guests' shim keeps: how many processes a run started is read from it.

use serde::Deserialize;

use crate::error::{Attempted, Result};

/// Where it lies in a guest; `/var/log/rig-calls` leads there.
pub const LOG: &str = "/run/rig/calls";

/// One call of `zfs`, `zpool` or `ssh`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Call {
    /// Milliseconds since the epoch.
    pub at: u64,
    pub pid: u32,
    pub parent: u32,
    pub command: String,
    pub arguments: Vec<String>,
    /// The shim refused it: illumos would have, too.
    pub refused: bool,
}

impl Call {
    /// `zfs send`, `ssh`: the command and, but for ssh, its subcommand.
    pub fn name(&self) -> String {
        match self.arguments.first() {
            Some(subcommand) if self.command != "ssh" => format!("{} {subcommand}", self.command),
            _ => self.command.clone(),
        }
    }
}

/// Reads the log's text.
pub fn parse(log: &str) -> Result<Vec<Call>> {
    log.lines()
        .map(|line| {
            serde_json::from_str(line).attempted(format!("reading a line of {LOG}: {line}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_known_by_its_command_and_subcommand() {
        let log = concat!(
            r#"{"at":1795426279459,"pid":141,"parent":140,"command":"zfs","arguments":["list","-H"],"refused":false}"#,
            "\n",
            r#"{"at":1795426279460,"pid":142,"parent":140,"command":"ssh","arguments":["10.77.0.2","true"],"refused":false}"#,
            "\n",
        );
        let calls = parse(log).unwrap();
        let names: Vec<String> = calls.iter().map(Call::name).collect();
        assert_eq!(names, ["zfs list", "ssh"]);
        assert_eq!(calls[0].arguments, ["list", "-H"]);
    }

    #[test]
    fn a_line_that_was_cut_short_is_an_error_and_not_a_smaller_count() {
        assert!(parse("{\"at\":17954").is_err());
    }
}
