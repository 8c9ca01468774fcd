// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Applying a plan: objections, lock, preflight, then the steps.

use documents::plan::StepId;
use documents::{Event, Plan, Summary};

use crate::journal::Journal;
use crate::lock::{RunLock, Scope};
use crate::locks::Locks;
use crate::preflight;
use crate::run::Run;
use crate::selection;
use crate::step::StepError;
use crate::undo;
use crate::world::World;

#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Steps at once; at least one.
    pub jobs: usize,
    /// Just these; what they need must be done already.
    pub only: Vec<StepId>,
    /// Not these services.
    pub skip: Vec<String>,
    /// Take steps back instead.
    pub undo: bool,
    /// How far the run lock reaches.
    pub scope: Scope,
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}", .reasons.join("\n"))]
pub struct Refused {
    pub reasons: Vec<String>,
    pub kind: RefusalKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// What was asked for makes no sense with this plan.
    Input,
    /// A precondition does not hold.
    Precondition,
    /// The executor itself could not work.
    Failure,
}

impl Refused {
    pub(crate) fn before(reasons: Vec<String>) -> Refused {
        Refused {
            reasons,
            kind: RefusalKind::Precondition,
        }
    }

    pub(crate) fn failed(reason: String) -> Refused {
        Refused {
            reasons: vec![reason],
            kind: RefusalKind::Failure,
        }
    }

    pub(crate) fn input(reason: String) -> Refused {
        Refused {
            reasons: vec![reason],
            kind: RefusalKind::Input,
        }
    }

    /// Fine when there is no reason against it.
    pub(crate) fn unless_empty(reasons: Vec<String>) -> Result<(), Refused> {
        match reasons.is_empty() {
            true => Ok(()),
            false => Err(Refused::before(reasons)),
        }
    }
}

/// Told of every event, after the journal has it.
pub type Sink<'a> = &'a (dyn Fn(&Event) + Sync);

/// Applies a plan. The error means that nothing was changed, not even the journal.
pub fn apply(
    plan: &Plan,
    world: &World,
    options: &Options,
    sink: Sink<'_>,
) -> Result<Summary, Refused> {
    Refused::unless_empty(preflight::objections(plan, world))?;
    let selected = match options.undo {
        true => selection::select_to_undo(plan, &options.skip),
        false => selection::select(plan, &options.only, &options.skip),
    };
    let steps = selected?;
    not_interrupted(world)?;
    let locks =
        Locks::acquire(plan, world, options.scope).map_err(|why| Refused::before(vec![why]))?;
    apply_locked(plan, world, options, &steps, &locks, sink)
}

fn apply_locked(
    plan: &Plan,
    world: &World,
    options: &Options,
    steps: &[&documents::Step],
    lock: &dyn RunLock,
    sink: Sink<'_>,
) -> Result<Summary, Refused> {
    let jobs = options.jobs.max(1);
    let journal =
        Journal::open(&world.local, plan.run).map_err(|error| Refused::failed(error.why))?;
    Refused::unless_empty(preflight::closed_doors(world, steps))?;
    if options.undo {
        return undo::undo(plan, world, &journal, lock, steps, sink);
    }
    Refused::unless_empty(preflight::conflicts(world, &journal, steps, jobs))?;
    let run = Run::new(plan, world, &journal, lock, sink);
    Refused::unless_empty(run.learn_needs_outside(steps))?;
    not_interrupted(world)?;
    journal
        .begin(plan)
        .map_err(|error| Refused::failed(error.why))?;
    run.all(steps, jobs)
        .map_err(|error| Refused::failed(error.why))
}

fn not_interrupted(world: &World) -> Result<(), Refused> {
    match world.canceller.is_cancelled() {
        false => Ok(()),
        true => Err(Refused::failed(
            "interrupted before the first step; nothing was changed".to_owned(),
        )),
    }
}

/// Writes an event to the journal, then tells the sink.
pub fn tell(journal: &Journal, sink: Sink<'_>, event: &Event) -> Result<(), StepError> {
    journal.write(event)?;
    sink(event);
    Ok(())
}

#[cfg(test)]
mod tests;
