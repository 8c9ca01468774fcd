// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a headnode and the others do for each other: they let each other pull, and keep addresses for the day when one is lost.

use documents::Uuid;
use documents::verb::{AddressesReserve, TrustJoin};
use platform::{Command, Host};
use serde_json::Value;

use super::toolkit::tool;
use crate::step::{Context, Deed, Look, StepError};

impl Deed for TrustJoin {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let new = context.world.host(context.step.host)?;
        if !known(&new, &self.with)? {
            return Ok(Look::Ready);
        }
        for other in &self.with {
            let other = context.world.host(*other)?;
            if !known(&other, &[context.step.host])? {
                return Ok(Look::Ready);
            }
        }
        Ok(Look::done())
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let new = context.world.host(context.step.host)?;
        let offered = trust(&new, &["show"], "")?;
        let mut others = String::new();
        for other in &self.with {
            let other = context.world.host(*other)?;
            others.push_str(&trust(&other, &["show"], "")?);
            trust(&other, &["add", "-i", "-"], &offered)?;
        }
        trust(&new, &["add", "-i", "-"], &others).map(drop)
    }
}

fn trust(host: &Host, words: &[&str], input: &str) -> Result<String, StepError> {
    let command = Command::new(tool("triton-sync-data")).arg("trust");
    let command = command.args(words).stdin(input.as_bytes());
    Ok(host.run_ok(&command)?)
}

/// Whether a headnode has set up trust with all of these.
fn known(host: &Host, servers: &[Uuid]) -> Result<bool, StepError> {
    let listed = trust(host, &["ls", "--json"], "")?;
    Ok(servers
        .iter()
        .all(|server| listed.contains(&server.to_string())))
}

impl Deed for AddressesReserve {
    /// It says with its exit code whether there are enough.
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let host = context.world.host(context.step.host)?;
        let preview = reserve().arg("--plan");
        let output = host.run(&preview)?;
        match output.status.code() {
            Some(0) => Ok(Look::done()),
            Some(1) => Ok(Look::Ready),
            _ => Err(StepError::firm(output.complaint())),
        }
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let host = context.world.host(context.step.host)?;
        host.run_ok(&reserve().arg("--yes"))?;
        Ok(())
    }

    /// NAPI would be asked, of which the plan knows already that it answers.
    fn tells_beforehand(&self) -> bool {
        false
    }
}

fn reserve() -> Command {
    Command::new(tool("triton-svc-restore")).arg("reserve")
}
