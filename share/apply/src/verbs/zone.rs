// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Zones: made without booting, and started.

use documents::Uuid;
use documents::verb::{ZoneCreate, ZoneStart};
use platform::Host;
use platform::vmadm::{self, Vm, VmState};
use serde_json::{Value, json};

use super::wait::wait;
use crate::compose::{Composition, compose};
use crate::step::{Context, Deed, Look, StepError, Undone};

/// Seconds for a create that an earlier run began, and that goes on without it.
const BEING_MADE: u64 = 120;

/// How far a zone has come.
enum Life {
    BeingMade,
    Made,
    /// Its creation or its first boot went wrong.
    Failed,
}

impl Life {
    fn of(vm: &Vm) -> Life {
        match vm.state {
            VmState::Failed => Life::Failed,
            // A zone in its first boot is `provisioning` too, but it runs.
            _ if runs(vm) => Life::Made,
            VmState::Provisioning
            | VmState::Configured
            | VmState::Incomplete
            | VmState::Receiving
            | VmState::Unknown(_) => Life::BeingMade,
            _ => Life::Made,
        }
    }
}

fn runs(vm: &Vm) -> bool {
    vm.state == VmState::Running || vm.zone_state.as_deref() == Some("running")
}

fn failed(host: &Host, vm: Uuid) -> String {
    format!(
        "zone {vm} on {} has failed: see /zones/{vm}/root/var/svc/setup.log there. Its data is a clone, the restore point is \
         untouched; to begin anew remove the zone with `vmadm delete {vm}`, then apply again",
        host.name()
    )
}

impl Deed for ZoneCreate {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let host = context.world.host(context.step.host)?;
        let Some(vm) = vmadm::get(&host, self.vm)? else {
            return Ok(Composition::look(compose(
                context.world,
                &self.payload,
                context.outputs,
            )));
        };
        let alias = self.payload.set.get("alias").and_then(Value::as_str);
        let other = alias.is_some() && alias != vm.alias.as_deref();
        Ok(match Life::of(&vm) {
            // What is still being made may not have its alias yet.
            Life::BeingMade => Look::Ready,
            _ if other => Look::Conflict(format!(
                "{} has a zone {} already, called {}",
                host.name(),
                self.vm,
                vm.alias.as_deref().unwrap_or("nothing")
            )),
            Life::Made => Look::done(),
            Life::Failed => Look::Conflict(failed(&host, self.vm)),
        })
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let host = context.world.host(context.step.host)?;
        if vmadm::get(&host, self.vm)?.is_some() {
            return wait_until_made(self, context, &host);
        }
        let mut payload = compose(context.world, &self.payload, context.outputs)?.whole()?;
        payload.insert("uuid".to_owned(), json!(self.vm));
        payload.insert("autoboot".to_owned(), json!(false));
        let created = vmadm::create(&host, &payload)?;
        for warning in created.warnings {
            tracing::info!(step = %context.step.id, "vmadm: {warning}");
        }
        Ok(())
    }

    fn undo(&self, context: &Context<'_>, _: &Value) -> Result<Undone, StepError> {
        let host = context.world.host(context.step.host)?;
        Ok(match vmadm::get(&host, self.vm)? {
            None => Undone::Back(format!("{} has no zone {} any more", host.name(), self.vm)),
            Some(_) => Undone::Left(format!(
                "zone {} stays on {}, stopped: nothing is destroyed here. `vmadm delete {}` removes it",
                self.vm,
                host.name(),
                self.vm
            )),
        })
    }
}

/// `vmadm create` outlives the run that was killed.
fn wait_until_made(with: &ZoneCreate, context: &Context<'_>, host: &Host) -> Result<(), StepError> {
    let what = format!("vmadm to finish making zone {}", with.vm);
    let made = wait(context, BEING_MADE, &what, || {
        Ok(match vmadm::get(host, with.vm)? {
            None => Err("it is gone".to_owned()),
            Some(vm) => match Life::of(&vm) {
                Life::Made => Ok(()),
                Life::BeingMade => Err(format!("it is {}", vm.state)),
                Life::Failed => return Err(StepError::firm(failed(host, with.vm))),
            },
        })
    });
    made.map_err(|error| StepError {
        why: format!(
            "{error}. If no vmadm is at work on it, an earlier create was broken off: the zone never ran and holds \
             nothing; `vmadm delete {}` on {}, then apply again",
            with.vm,
            host.name()
        ),
        ..error
    })
}

impl Deed for ZoneStart {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let host = context.world.host(context.step.host)?;
        let Some(vm) = vmadm::get(&host, self.vm)? else {
            let why = format!("{} has no zone {}", host.name(), self.vm);
            return Ok(Look::NotYet(why));
        };
        if runs(&vm) {
            return Ok(Look::done());
        }
        let state = vm.state.to_string();
        Ok(match &context.step.expects.state {
            _ if vm.state == VmState::Failed => Look::Conflict(failed(&host, self.vm)),
            // The step that makes it waits for that.
            Some(_) if matches!(Life::of(&vm), Life::BeingMade) => {
                Look::NotYet(format!("zone {} is {state}", self.vm))
            }
            Some(expected) if *expected != state => Look::Conflict(format!(
                "zone {} is {state}, the plan expects {expected}",
                self.vm
            )),
            _ => Look::Ready,
        })
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let host = context.world.host(context.step.host)?;
        Ok(vmadm::start(&host, self.vm)?)
    }
}
