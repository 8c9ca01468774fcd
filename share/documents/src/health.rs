// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! How to tell that a service works. A status of 200 proves little (CNAPI, NAPI and PAPI answer 200 when their backend is
//! gone), so a health check always reads the body.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "by", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Health {
    /// `GET http://<admin address>:<port><path>` answers 200 with a JSON body that meets every expectation.
    Http {
        port: u16,
        path: String,
        expect: Vec<Expectation>,
    },
    /// A command in the zone exits 0; where expectations are given its output is JSON that meets them.
    ZoneCommand {
        argv: Vec<String>,
        #[serde(default)]
        expect: Vec<Expectation>,
    },
    /// The zone finished its setup and `svcs -xvz` finds nothing wrong: all that can be asked of a service without a ping.
    Smf {},
}

/// One thing that a JSON body must say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// JSON pointer (RFC 6901), `""` for the whole body.
    pub at: String,
    /// The value that must stand there.
    pub is: Value,
}

impl Expectation {
    pub fn new(at: impl Into<String>, is: impl Into<Value>) -> Expectation {
        Expectation {
            at: at.into(),
            is: is.into(),
        }
    }

    /// `None` when met, else what stands there instead.
    pub fn unmet_by(&self, body: &Value) -> Option<String> {
        match body.pointer(&self.at) {
            Some(found) if *found == self.is => None,
            Some(found) => Some(format!("{} is {found}, not {}", self.place(), self.is)),
            None => Some(format!(
                "{} is missing, it should be {}",
                self.place(),
                self.is
            )),
        }
    }

    fn place(&self) -> &str {
        if self.at.is_empty() {
            "the body"
        } else {
            &self.at
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_body_that_says_not_ready_is_not_healthy() {
        let ready = Expectation::new("/ready", true);
        assert_eq!(ready.unmet_by(&json!({"ready": true})), None);
        assert_eq!(
            ready.unmet_by(&json!({"ready": false})).unwrap(),
            "/ready is false, not true"
        );
        assert_eq!(
            ready.unmet_by(&json!({})).unwrap(),
            "/ready is missing, it should be true"
        );
    }
}
