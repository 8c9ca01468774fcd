// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Records in moray, through moray's own tools in a surviving moray zone: the way in while the APIs above it are down.

use documents::verb::{RecordDelete, RecordPut};
use platform::moray::Put;
use serde_json::{Map, Value, json};

use crate::compose::{Composition, compose, contains};
use crate::step::{Context, Deed, Look, StepError};

impl Deed for RecordPut {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let wanted = match compose(context.world, &self.object, context.outputs) {
            Ok(Composition::Whole(wanted)) => wanted,
            Ok(Composition::Lacks(step)) => {
                return Ok(Look::NotYet(format!("{step} has no output yet")));
            }
            Err(error) => return Ok(Look::Conflict(error.why)),
        };
        let found = context
            .world
            .moray(&self.through)?
            .get(&self.bucket, &self.key)?;
        Ok(match found {
            None => Look::Ready,
            // The service may have added to its record since; what the plan says of it must stand there.
            Some(object)
                if contains(&Value::Object(object.value.clone()), &said(self, &wanted)) =>
            {
                Look::done()
            }
            Some(_) => Look::Conflict(format!(
                "{} already holds another record {}",
                self.bucket, self.key
            )),
        })
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let Composition::Whole(wanted) = compose(context.world, &self.object, context.outputs)?
        else {
            return Err(StepError::firm(
                "an output that the record needs is missing",
            ));
        };
        let moray = context.world.moray(&self.through)?;
        match moray.put(&self.bucket, &self.key, &wanted, None)? {
            Put::Written => Ok(()),
            Put::Conflict { words } => Err(StepError::firm(words)),
        }
    }

    fn undo(&self, context: &Context<'_>, _: &Value) -> Result<String, StepError> {
        let gone = context
            .world
            .moray(&self.through)?
            .delete(&self.bucket, &self.key)?;
        let what = if gone {
            "removed"
        } else {
            "was not there any more:"
        };
        Ok(format!("{what} {} {}", self.bucket, self.key))
    }
}

/// Of the record, the parts that the plan itself sets.
fn said(with: &RecordPut, wanted: &Map<String, Value>) -> Value {
    let keys = with.object.set.keys();
    Value::Object(
        keys.filter_map(|key| Some((key.clone(), wanted.get(key)?.clone())))
            .collect(),
    )
}

impl Deed for RecordDelete {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let found = context
            .world
            .moray(&self.through)?
            .get(&self.bucket, &self.key)?;
        Ok(if found.is_some() {
            Look::Ready
        } else {
            Look::done()
        })
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let moray = context.world.moray(&self.through)?;
        if let Some(object) = moray.get(&self.bucket, &self.key)? {
            let content =
                json!({"bucket": object.bucket, "key": object.key, "value": object.value});
            context.journal.keep(&context.step.id, &content)?;
            moray.delete(&self.bucket, &self.key)?;
        }
        Ok(())
    }
}
