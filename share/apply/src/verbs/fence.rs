// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Declaring a server dead. Nothing else of a restore is done before it stands: should the server come back, its guard asks the
//! other headnodes for it.

use documents::verb::FenceDeclare;
use documents::{PowerOff, Timestamp};
use platform::Host;
use quorum::{Fence, QuorumError, copies, fence};
use serde_json::Value;

use super::power;
use crate::step::{Context, Deed, Look, StepError, Undone};

impl From<QuorumError> for StepError {
    fn from(error: QuorumError) -> StepError {
        StepError {
            retry: error.may_retry(),
            why: error.to_string(),
        }
    }
}

impl Deed for FenceDeclare {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let declared = match context.world.majority.lock() {
            Some(lock) => fence::of(lock.session(), self.server)?,
            None => copies::of(&context.world.local, self.server)?,
        };
        let Some(fence) = declared.filter(|fence| is_met(self, fence, context)) else {
            return Ok(Look::Ready);
        };
        for host in keepers(self, context)? {
            let copy = copies::of(&host, self.server)?;
            if !copy.is_some_and(|copy| is_met(self, &copy, context) && copy.is_same(&fence)) {
                return Ok(Look::Ready);
            }
        }
        context.world.majority.rely_on(&fence);
        Ok(Look::done())
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        if self.power_off == Some(PowerOff::Bmc) {
            power::ask_bmc(&context.world.local, self)?;
        }
        let wanted = fence_of(self, context);
        let keepers = keepers(self, context)?;
        let fence = match context.world.majority.lock() {
            Some(lock) => fence::declare(&lock, &wanted)?,
            None => after_all_copies(&keepers, wanted)?,
        };
        for host in &keepers {
            copies::keep(host, &fence)?;
            let kept = copies::of(host, self.server)?;
            if !kept.as_ref().is_some_and(|kept| kept.is_same(&fence)) {
                let kept = kept.map_or("none".to_owned(), |kept| kept.to_string());
                return Err(StepError::firm(format!(
                    "{} was to keep {fence}, and has {kept}; see which run declared that one",
                    host.name()
                )));
            }
        }
        Ok(())
    }

    fn undo(&self, _: &Context<'_>, _: &Value) -> Result<Undone, StepError> {
        Ok(Undone::Left(format!(
            "{} stays declared dead; should it live after all, triton-hn-guard lift {} lets it run what it has",
            self.hostname, self.hostname
        )))
    }
}

fn fence_of(with: &FenceDeclare, context: &Context<'_>) -> Fence {
    Fence {
        kind: fence::KIND.to_owned(),
        server: with.server,
        hostname: with.hostname.clone(),
        epoch: 0,
        run: context.journal.run,
        declared_by: context.world.here,
        declared_at: Timestamp::now(),
        replaced: with.replaced.clone(),
        power_off: with.power_off.clone(),
        addresses_reused: with.addresses_reused,
        lifted: None,
    }
}

/// It is this run's, and keeps down all that is replaced.
fn is_met(with: &FenceDeclare, fence: &Fence, context: &Context<'_>) -> bool {
    fence.stands()
        && fence.run == context.journal.run
        && with.replaced.iter().all(|vm| fence.replaced.contains(vm))
        && (fence.addresses_reused || !with.addresses_reused)
        && (fence.power_off.is_some() || with.power_off.is_none())
}

/// This headnode and the others that live.
fn keepers(with: &FenceDeclare, context: &Context<'_>) -> Result<Vec<Host>, StepError> {
    let here = context.world.here;
    let others = with.copies.iter().filter(|server| **server != here);
    let mut keepers = vec![context.world.local.clone()];
    for server in others {
        keepers.push(context.world.host(*server)?);
    }
    Ok(keepers)
}

/// Without a majority, the copies that can be reached are all there is: it comes after each of them.
fn after_all_copies(keepers: &[Host], wanted: Fence) -> Result<Fence, StepError> {
    let mut known: Option<Fence> = None;
    for host in keepers {
        let copy = copies::of(host, wanted.server)?;
        known = known.into_iter().chain(copy).max_by_key(|one| one.epoch);
    }
    Ok(fence::after(known.as_ref(), wanted))
}
