// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Links in the global zone that lead into a zone.

use documents::verb::LinkSet;
use platform::LinkState;
use serde_json::Value;

use crate::step::{Context, Deed, Look, StepError, Undone};

impl Deed for LinkSet {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let host = context.world.host(context.step.host)?;
        Ok(match host.link_state(&self.path, &self.to)? {
            LinkState::Right => Look::done(),
            LinkState::Open => Look::Ready,
            LinkState::Taken => Look::Conflict(format!(
                "{} on {} is no link; move it aside, so that it can lead to {}",
                self.path,
                host.name(),
                self.to
            )),
        })
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let host = context.world.host(context.step.host)?;
        Ok(host.link(&self.path, &self.to)?)
    }

    fn undo(&self, _: &Context<'_>, _: &Value) -> Result<Undone, StepError> {
        Ok(Undone::Left(format!(
            "{} leads to {}; what it led to before was the lost zone's",
            self.path, self.to
        )))
    }
}
