// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a verb is to the executor: something that can be looked at, intended, done, and (before the commit point) taken back.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use documents::plan::{Step, StepId};
use serde_json::{Map, Value};

use crate::journal::Journal;
use crate::world::World;

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{why}")]
pub struct StepError {
    pub why: String,
    /// Trying again may help.
    pub retry: bool,
}

impl StepError {
    /// Trying the same again would end the same way.
    pub fn firm(why: impl std::fmt::Display) -> StepError {
        StepError {
            why: why.to_string(),
            retry: false,
        }
    }

    /// Something was away that may come back.
    pub fn passing(why: impl std::fmt::Display) -> StepError {
        StepError {
            why: why.to_string(),
            retry: true,
        }
    }
}

impl From<platform::Error> for StepError {
    fn from(error: platform::Error) -> StepError {
        StepError {
            retry: error.may_retry(),
            why: chain(&error),
        }
    }
}

impl From<platform::FileError> for StepError {
    fn from(error: platform::FileError) -> StepError {
        StepError::firm(chain(&error))
    }
}

impl From<apis::ApiError> for StepError {
    fn from(error: apis::ApiError) -> StepError {
        StepError {
            retry: error.may_retry(),
            why: format!("{error}; {}", error.advice()),
        }
    }
}

/// An error with its causes, each once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = inner.source();
    }
    text
}

/// What there is now.
#[derive(Debug, Clone, PartialEq)]
pub enum Look {
    /// The effect is there, with these outputs.
    Done(Map<String, Value>),
    /// It can be done.
    Ready,
    /// An earlier step must bring something first.
    NotYet(String),
    /// The world is not what the plan expects: acting would do harm.
    Conflict(String),
}

impl Look {
    pub fn done() -> Look {
        Look::Done(Map::new())
    }
}

/// Outputs of the steps that are done, for those that refer to them.
#[derive(Debug, Default)]
pub struct Outputs(Mutex<BTreeMap<StepId, Map<String, Value>>>);

impl Outputs {
    pub fn set(&self, step: &StepId, outputs: Map<String, Value>) {
        self.locked().insert(step.clone(), outputs);
    }

    /// `nic.ip` of a step: dots lead into objects.
    pub fn get(&self, step: &StepId, output: &str) -> Option<Value> {
        let outputs = self.locked();
        let mut parts = output.split('.');
        let first = outputs.get(step)?.get(parts.next()?)?;
        parts
            .try_fold(first, |value, part| value.get(part))
            .cloned()
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<StepId, Map<String, Value>>> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// All that a verb may use.
pub struct Context<'a> {
    pub world: &'a World,
    pub step: &'a Step,
    pub outputs: &'a Outputs,
    pub journal: &'a Journal,
}

/// One verb with its parameters.
pub trait Deed {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError>;

    /// Chooses every value that the act depends on. It is written to the journal before the act, and used again by a resumed
    /// run: never a secret.
    fn intend(&self, _context: &Context<'_>) -> Result<Value, StepError> {
        Ok(Value::Null)
    }

    fn act(&self, context: &Context<'_>, intent: &Value) -> Result<(), StepError>;

    /// Takes the effect back; says what was done.
    fn undo(&self, _context: &Context<'_>, _intent: &Value) -> Result<String, StepError> {
        Ok("nothing to take back".to_owned())
    }

    /// Whether a look before the run tells anything: not where the service that would be asked is itself being restored.
    fn tells_beforehand(&self) -> bool {
        true
    }
}
