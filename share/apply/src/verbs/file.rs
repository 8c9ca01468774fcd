// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Files that are in the way, and the datasets that a boot looks for.

use documents::Timestamp;
use documents::verb::{DatasetCreate, FilePark};
use platform::{Command, zfs};
use serde_json::{Value, json};

use crate::step::{Context, Deed, Look, StepError, Undone};

impl Deed for FilePark {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let host = context.world.host(context.step.host)?;
        match host.exists(&self.path)? {
            true => Ok(Look::Ready),
            false => Ok(Look::done()),
        }
    }

    /// When and why stand in the name.
    fn intend(&self, context: &Context<'_>) -> Result<Value, StepError> {
        let at = Timestamp::now().compact();
        let why = context.step.verb.name();
        Ok(json!({ "as": format!("{}-parked-{at}-by-{why}", self.path) }))
    }

    fn act(&self, context: &Context<'_>, intent: &Value) -> Result<(), StepError> {
        rename(context, &self.path, name(intent)?)
    }

    fn undo(&self, context: &Context<'_>, intent: &Value) -> Result<Undone, StepError> {
        rename(context, name(intent)?, &self.path)?;
        Ok(Undone::Back(format!("{} is in its place", self.path)))
    }
}

fn name(intent: &Value) -> Result<&str, StepError> {
    let none = || StepError::firm("the journal does not say under which name it is parked");
    intent["as"].as_str().ok_or_else(none)
}

fn rename(context: &Context<'_>, from: &str, to: &str) -> Result<(), StepError> {
    let host = context.world.host(context.step.host)?;
    let rename = Command::new("mv").args(["-f", "--"]);
    let rename = rename.arg(host.path(from)).arg(host.path(to));
    host.run_ok(&rename)?;
    Ok(())
}

impl Deed for DatasetCreate {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let host = context.world.host(context.step.host)?;
        match zfs::dataset(&host, &self.dataset)? {
            Some(_) => Ok(Look::done()),
            None => Ok(Look::Ready),
        }
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let host = context.world.host(context.step.host)?;
        let properties = self.properties.iter();
        let properties: Vec<(&str, &str)> = properties
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        Ok(zfs::create(&host, &self.dataset, &properties, false)?)
    }

    fn undo(&self, _: &Context<'_>, _: &Value) -> Result<Undone, StepError> {
        Ok(Undone::Left(format!(
            "{name} stays, empty, and nobody looks at it on a compute node; zfs destroy {name} removes it",
            name = self.dataset
        )))
    }
}
