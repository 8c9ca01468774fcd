// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Questions and answers. They cross the edge as JSON, so a plugin and a tool of different builds understand each other.

use documents::inventory::{Instance, RestorePoint};
use documents::plan::{Level, Notice, Refusal};
use documents::verb::{Expects, MorayZone};
use documents::{Timestamp, Uuid, Verb};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::row::{Refinement, Row};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "question", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Question {
    /// What is this service? Answered with a [`Refinement`].
    Describe {},
    /// What is special about restoring this instance? Answered with a [`RestoreAdvice`].
    Restore { facts: Box<RestoreFacts> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Answer {
    Describe {
        service: String,
        refinement: Box<Refinement>,
    },
    Restore(Box<RestoreAdvice>),
    /// The plugin understood the question and can't say yes to it.
    Error(String),
}

/// All that a plugin is told about one lost instance. No secret is in it: payloads and records are references.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RestoreFacts {
    pub dc: String,
    pub dns_domain: String,
    /// The row, refined by this plugin.
    pub row: Row,
    pub lost: Instance,
    pub new: NewInstance,
    /// Instances of the same service on servers that live.
    pub survivors: Vec<Instance>,
    pub restore_point: Option<RestorePoint>,
    /// A surviving moray zone, where there is one.
    pub moray: Option<MorayZone>,
    /// When the facts were taken: "now", for ages.
    pub taken_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NewInstance {
    pub uuid: Uuid,
    pub alias: String,
    pub server: Uuid,
}

/// What the planner adds to its usual steps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RestoreAdvice {
    /// Merged into the zone's payload last (RFC 7396).
    pub payload_set: Map<String, Value>,
    /// Top-level keys of the old payload that must not come along.
    pub payload_drop: Vec<String>,
    pub steps: Vec<ExtraStep>,
    pub notices: Vec<Notice>,
    pub refusals: Vec<Refusal>,
}

impl RestoreAdvice {
    /// Tells the operator something about this restore.
    pub fn tell(&mut self, facts: &RestoreFacts, level: Level, text: impl Into<String>) {
        self.notices.push(Notice {
            level,
            service: facts.row.service.clone(),
            text: text.into(),
        });
    }

    /// Refuses this restore; no flag accepts it.
    pub fn refuse(&mut self, facts: &RestoreFacts, text: impl Into<String>) {
        self.refusals.push(Refusal {
            service: facts.row.service.clone(),
            text: text.into(),
            accepted_by: None,
        });
    }
}

/// A step that only this service has. Its host is the new instance's server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExtraStep {
    /// Without the service: `check-files` becomes `imgapi/check-files`.
    pub id: String,
    #[serde(flatten)]
    pub verb: Verb,
    #[serde(default)]
    pub expects: Expects,
    /// Steps of this service that come before it, by their id without the service: `healthy`.
    pub after: Vec<String>,
    /// Steps of this service that wait for it: `start`.
    #[serde(default)]
    pub before: Vec<String>,
    pub why: String,
}
