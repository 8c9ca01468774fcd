// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The event stream: one line per change of a step; a summary ends it. Without the summary the stream is incomplete.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::canonical::Digest;
use crate::plan::StepId;
use crate::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A run began, or was taken up again.
    RunStarted {
        at: Timestamp,
        run: Uuid,
        plan: Digest,
        resumed: bool,
        steps: usize,
        scope: String,
    },
    /// The baseline was seen and every value chosen; nothing is changed yet.
    StepIntended {
        at: Timestamp,
        step: StepId,
        content: Digest,
        intent: Value,
    },
    StepStarted {
        at: Timestamp,
        step: StepId,
        why: String,
    },
    /// The step's effect is there. `changed` is false when it was there before.
    StepDone {
        at: Timestamp,
        step: StepId,
        content: Digest,
        changed: bool,
        outputs: Map<String, Value>,
        millis: u64,
    },
    StepFailed {
        at: Timestamp,
        step: StepId,
        error: String,
        retry: bool,
    },
    /// Not tried, because something it needs failed or was left out.
    StepHeld {
        at: Timestamp,
        step: StepId,
        because: String,
    },
    /// Taken back by `--undo`.
    StepUndone {
        at: Timestamp,
        step: StepId,
        what: String,
    },
    Summary(Summary),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    pub at: Timestamp,
    pub run: Uuid,
    pub outcome: Outcome,
    pub changed: usize,
    /// Effects that were there before.
    pub unchanged: usize,
    /// Checks and waits that went well.
    #[serde(default)]
    pub checked: usize,
    pub failed: usize,
    pub held: usize,
    pub seconds: f64,
    /// What to do next, for a person.
    pub next: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Done,
    /// Some steps are left; run again to go on.
    Partial,
    Undone,
}

impl Event {
    pub fn step(&self) -> Option<&StepId> {
        match self {
            Event::StepIntended { step, .. }
            | Event::StepStarted { step, .. }
            | Event::StepDone { step, .. }
            | Event::StepFailed { step, .. }
            | Event::StepHeld { step, .. }
            | Event::StepUndone { step, .. } => Some(step),
            Event::RunStarted { .. } | Event::Summary(_) => None,
        }
    }
}
