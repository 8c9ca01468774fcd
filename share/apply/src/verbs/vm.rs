// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Retiring a lost zone in VMAPI. Its server is dead: nobody but us can tell VMAPI, and the server must not be asked.

use apis::vmapi::VmState;
use documents::verb::VmRetire;
use serde_json::Value;

use crate::step::{Context, Deed, Look, StepError};

impl Deed for VmRetire {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        match context.world.vmapi()?.get_vm(self.vm) {
            Err(error) if error.is_not_found() => Ok(Look::done()),
            Err(error) => Err(error.into()),
            Ok(vm) if vm.state == Some(VmState::Destroyed) => Ok(Look::done()),
            // It lives elsewhere, so it is not the one that was lost.
            Ok(vm) if vm.server_uuid != Some(self.server) => Ok(Look::left_alone(format!(
                "VMAPI has zone {} on another server than the lost one",
                self.vm
            ))),
            Ok(_) => Ok(Look::Ready),
        }
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let vmapi = context.world.vmapi()?;
        let vm = vmapi.get_vm(self.vm)?;
        let before = serde_json::to_value(&vm).map_err(StepError::firm)?;
        context.journal.keep(&context.step.id, &before)?;
        vmapi.mark_destroyed(&vm)?;
        Ok(())
    }

    fn tells_beforehand(&self) -> bool {
        false
    }
}
