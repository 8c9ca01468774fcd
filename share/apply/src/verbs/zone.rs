// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Zones: made without booting, and started.

use documents::verb::{ZoneCreate, ZoneStart};
use platform::vmadm::{self, VmState};
use serde_json::{Value, json};

use crate::compose::{Composition, compose};
use crate::step::{Context, Deed, Look, StepError};

impl Deed for ZoneCreate {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let host = context.world.host(context.step.host)?;
        if let Some(vm) = vmadm::get(&host, self.vm)? {
            let alias = self.payload.set.get("alias").and_then(Value::as_str);
            return Ok(match vm.state {
                _ if vm.alias.as_deref() != alias => Look::Conflict(format!(
                    "{} has a zone {} already, called {}",
                    host.name(),
                    self.vm,
                    vm.alias.as_deref().unwrap_or("nothing")
                )),
                VmState::Running | VmState::Stopped | VmState::Stopping => Look::done(),
                state => Look::Conflict(format!(
                    "zone {} on {} is {state}: an earlier create did not finish. It never ran and holds nothing; \
                     `vmadm delete {}` there, then apply again",
                    self.vm,
                    host.name(),
                    self.vm
                )),
            });
        }
        Ok(
            match compose(context.world, &self.payload, context.outputs) {
                Ok(Composition::Whole(_)) => Look::Ready,
                Ok(Composition::Lacks(step)) => Look::NotYet(format!("{step} has no output yet")),
                Err(error) => Look::Conflict(error.why),
            },
        )
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let Composition::Whole(mut payload) =
            compose(context.world, &self.payload, context.outputs)?
        else {
            return Err(StepError::firm(
                "an output that the payload needs is missing",
            ));
        };
        payload.insert("uuid".to_owned(), json!(self.vm));
        payload.insert("autoboot".to_owned(), json!(false));
        let created = vmadm::create(&context.world.host(context.step.host)?, &payload)?;
        for warning in created.warnings {
            tracing::info!(step = %context.step.id, "vmadm: {warning}");
        }
        Ok(())
    }

    fn undo(&self, context: &Context<'_>, _: &Value) -> Result<String, StepError> {
        let host = context.world.host(context.step.host)?;
        Ok(format!(
            "zone {} stays on {}, stopped: nothing is destroyed here. `vmadm delete {}` removes it",
            self.vm,
            host.name(),
            self.vm
        ))
    }
}

impl Deed for ZoneStart {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let host = context.world.host(context.step.host)?;
        let Some(vm) = vmadm::get(&host, self.vm)? else {
            return Ok(Look::NotYet(format!(
                "{} has no zone {}",
                host.name(),
                self.vm
            )));
        };
        if vm.state == VmState::Running {
            return Ok(Look::done());
        }
        let state = vm.state.to_string();
        Ok(match &context.step.expects.state {
            Some(expected) if *expected != state => Look::Conflict(format!(
                "zone {} is {state}, the plan expects {expected}",
                self.vm
            )),
            _ => Look::Ready,
        })
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        Ok(vmadm::start(
            &context.world.host(context.step.host)?,
            self.vm,
        )?)
    }
}
