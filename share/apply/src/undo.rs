// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `--undo`: steps are taken back in reverse order, as long as none of their service's zones was started.

use std::collections::BTreeSet;
use std::time::Instant;

use documents::event::Outcome;
use documents::plan::{Step, StepId};
use documents::{Event, Plan, Summary, Timestamp};

use crate::executor::{Refused, Sink, tell};
use crate::journal::Journal;
use crate::schedule::{in_order, needed_by};
use crate::step::{Context, Look, Outputs};
use crate::verbs::deed;
use crate::world::World;

/// Takes back what the journal says was begun, of the given steps. What a step that stays needs stays too.
pub fn undo(
    plan: &Plan,
    world: &World,
    journal: &Journal,
    steps: &[&Step],
    sink: Sink<'_>,
) -> Result<Summary, Refused> {
    let began = Instant::now();
    let outputs = Outputs::default();
    for step in &plan.steps {
        if let Some(known) = journal.past(step).outputs {
            outputs.set(&step.id, known);
        }
    }
    refuse_started(world, journal, steps, &outputs)?;
    let tell =
        |event: Event| tell(journal, sink, &event).map_err(|error| Refused::failed(error.why));
    journal
        .begin(plan)
        .map_err(|error| Refused::failed(error.why))?;
    let (mut changed, mut failed) = (0, 0);
    let mut stays: BTreeSet<StepId> = BTreeSet::new();
    let mut held = 0;
    for step in in_order(&plan.steps).into_iter().rev() {
        let chosen = steps.iter().any(|one| one.id == step.id);
        // Only what this run began itself: what was there before it is nothing to take back.
        let Some(intent) = journal.past(step).intent.filter(|_| chosen) else {
            continue;
        };
        let (at, id) = (Timestamp::now(), step.id.clone());
        if stays.contains(&id) {
            held += 1;
            tell(Event::StepHeld {
                at,
                step: id,
                because: "a step that needs it could not be taken back".to_owned(),
            })?;
            continue;
        }
        let context = Context {
            world,
            step,
            outputs: &outputs,
            journal,
        };
        match deed(&step.verb).undo(&context, &intent) {
            Ok(what) => {
                changed += 1;
                tell(Event::StepUndone { at, step: id, what })?;
            }
            Err(error) => {
                failed += 1;
                let needed = needed_by(&plan.steps, &[step]);
                stays.extend(needed.iter().map(|needed| needed.id.clone()));
                tell(Event::StepFailed {
                    at,
                    step: id,
                    error: error.why,
                    retry: error.retry,
                })?;
            }
        }
    }
    let summary = Summary {
        at: Timestamp::now(),
        run: plan.run,
        outcome: match failed {
            0 => Outcome::Undone,
            _ => Outcome::Partial,
        },
        changed,
        unchanged: 0,
        failed,
        held,
        seconds: began.elapsed().as_secs_f64(),
        next: match (failed, changed) {
            (0, 0) => {
                Some("this run has changed nothing that is left; nothing was taken back".to_owned())
            }
            (0, _) => None,
            _ => Some("mend what failed and say --undo again".to_owned()),
        },
    };
    tell(Event::Summary(summary.clone()))?;
    Ok(summary)
}

/// A service whose zone was started is past the commit point; so is one of which nobody can tell.
fn refuse_started(
    world: &World,
    journal: &Journal,
    steps: &[&Step],
    outputs: &Outputs,
) -> Result<(), Refused> {
    let mut started = BTreeSet::new();
    let mut unseen = Vec::new();
    for step in steps.iter().filter(|step| step.verb.commits()) {
        let context = Context {
            world,
            step,
            outputs,
            journal,
        };
        match deed(&step.verb).look(&context) {
            Ok(Look::Done(_)) => {
                started.insert(step.service.as_str());
            }
            _ if journal.past(step).intent.is_some() => {
                started.insert(step.service.as_str());
            }
            Err(error) => unseen.push(format!("{}: was it started? {error}", step.id)),
            Ok(_) => {}
        }
    }
    Refused::unless_empty(unseen)?;
    if started.is_empty() {
        return Ok(());
    }
    let list: Vec<&str> = started.into_iter().collect();
    Err(Refused::before(vec![format!(
        "{} was started: from there the way is forward. Apply the plan again to finish; to give the service up, stop its \
         zone by hand and say --skip {} for the others",
        list.join(", "),
        list.join(",")
    )]))
}
