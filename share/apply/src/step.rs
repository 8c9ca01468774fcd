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

impl From<platform::CommandError> for StepError {
    fn from(error: platform::CommandError) -> StepError {
        platform::Error::from(error).into()
    }
}

impl From<platform::PipeError> for StepError {
    fn from(error: platform::PipeError) -> StepError {
        StepError {
            retry: error.may_retry(),
            why: error.to_string(),
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

    /// For checks, whose act is to look: what holds is well, all else is a failure.
    pub fn must_be_done(self) -> Result<(), StepError> {
        match self {
            Look::Done(_) => Ok(()),
            Look::Ready => Err(StepError::firm("it is not so")),
            Look::NotYet(why) | Look::Conflict(why) => Err(StepError::firm(why)),
        }
    }

    /// There is nothing to do, for a reason that a person would want to read: it goes into the events.
    pub fn left_alone(why: impl std::fmt::Display) -> Look {
        let mut outputs = Map::new();
        outputs.insert("left_alone".to_owned(), Value::String(why.to_string()));
        Look::Done(outputs)
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

/// What came of taking a step back.
#[derive(Debug, Clone, PartialEq)]
pub enum Undone {
    /// Nothing of it is left in the way; says what was done.
    Back(String),
    /// It can only be destroyed, which is for a person; says what is left and what removes it.
    Left(String),
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

    /// Takes the effect back.
    fn undo(&self, context: &Context<'_>, _intent: &Value) -> Result<Undone, StepError> {
        Err(StepError::firm(format!(
            "{} can't be taken back",
            context.step.verb.name()
        )))
    }

    /// Whether a look before the run tells anything: not where it is waited for, or where the service that would be asked is
    /// itself being restored.
    fn tells_beforehand(&self) -> bool {
        true
    }
}
