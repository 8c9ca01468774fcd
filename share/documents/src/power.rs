// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Whose word it is that a server's power is off.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Program that asks a server's BMC, where an operator put one: `<program> status <hostname> <uuid>` exits 0 and ends with the word
/// `off`, as what `ipmitool chassis power status` prints does.
pub const PROGRAM: &str = "/var/sdcadm/power-status";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PowerOff {
    /// The operator's, who has seen it.
    Person(String),
    /// Its BMC's, asked by [`PROGRAM`] right before the server is declared dead.
    Bmc,
}

impl fmt::Display for PowerOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PowerOff::Person(who) => write!(f, "{who} has seen that its power is off"),
            PowerOff::Bmc => write!(f, "its BMC says that its power is off"),
        }
    }
}
