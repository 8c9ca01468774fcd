// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Records in moray, through moray's own tools in a surviving moray zone: the way in while the APIs above it are down.

use documents::verb::{RecordDelete, RecordPut};
use platform::moray::{Object, Put};
use serde_json::{Value, json};

use crate::compose::{Composition, compose, contains, filled};
use crate::step::{Context, Deed, Look, StepError, Undone};

fn found(with: &RecordPut, context: &Context<'_>) -> Result<Option<Object>, StepError> {
    let moray = context.world.moray(&with.through)?;
    Ok(moray.get(&with.bucket, &with.key)?)
}

impl Deed for RecordPut {
    /// A record that is there is held against what the plan itself says of it, not against restore data: the service may have
    /// added to it since, and the restore data may be gone by the time the plan is applied again.
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let set = filled(&Value::Object(self.object.set.clone()), context.outputs);
        match (found(self, context)?, set) {
            (_, Err(step)) => Ok(Look::NotYet(format!("{step} has no output yet"))),
            (Some(object), Ok(set)) if contains(&Value::Object(object.value.clone()), &set) => {
                Ok(Look::done())
            }
            (Some(_), _) => Ok(Look::Conflict(format!(
                "{} already holds another record {}; see with `getobject {} {}` in moray zone {} whose it is",
                self.bucket, self.key, self.bucket, self.key, self.through.zone
            ))),
            (None, _) => Ok(Composition::look(compose(
                context.world,
                &self.object,
                context.outputs,
            ))),
        }
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let wanted = compose(context.world, &self.object, context.outputs)?.whole()?;
        let moray = context.world.moray(&self.through)?;
        match moray.put(&self.bucket, &self.key, &wanted, None)? {
            Put::Written => Ok(()),
            Put::Conflict { words } => Err(StepError::firm(words)),
        }
    }

    /// Only what still is as the plan has it.
    fn undo(&self, context: &Context<'_>, _: &Value) -> Result<Undone, StepError> {
        let (bucket, key) = (&self.bucket, &self.key);
        let Some(object) = found(self, context)? else {
            return Ok(Undone::Back(format!(
                "{bucket} {key} was not there any more"
            )));
        };
        if !matches!(self.look(context)?, Look::Done(_)) {
            return Err(StepError::firm(format!(
                "{bucket} {key} is not what the plan put there; it was left alone"
            )));
        }
        keep(context, &object)?;
        let moray = context.world.moray(&self.through)?;
        moray.delete(bucket, key)?;
        Ok(Undone::Back(format!(
            "removed {bucket} {key}; the journal keeps its content"
        )))
    }
}

fn keep(context: &Context<'_>, object: &Object) -> Result<(), StepError> {
    let content = json!({"bucket": object.bucket, "key": object.key, "value": object.value});
    context.journal.keep(&context.step.id, &content)
}

impl Deed for RecordDelete {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let moray = context.world.moray(&self.through)?;
        Ok(match moray.get(&self.bucket, &self.key)? {
            Some(_) => Look::Ready,
            None => Look::done(),
        })
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let moray = context.world.moray(&self.through)?;
        if let Some(object) = moray.get(&self.bucket, &self.key)? {
            keep(context, &object)?;
            moray.delete(&self.bucket, &self.key)?;
        }
        Ok(())
    }
}
