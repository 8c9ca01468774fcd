// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `--undo`: steps are taken back in reverse order, as long as none of their service's zones was started.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use documents::event::Outcome;
use documents::plan::{Step, StepId};
use documents::{Event, Plan, Summary, Timestamp};

use crate::executor::{Refused, Sink, tell};
use crate::journal::Journal;
use crate::lock::RunLock;
use crate::schedule::{in_order, needed_by};
use crate::step::{Context, Look, Outputs, StepError, Undone};
use crate::verbs::deed;
use crate::world::World;

/// Takes back what the journal says was begun, of the given steps. What a step that stays needs stays too.
pub fn undo(
    plan: &Plan,
    world: &World,
    journal: &Journal,
    lock: &dyn RunLock,
    steps: &[&Step],
    sink: Sink<'_>,
) -> Result<Summary, Refused> {
    let began = Instant::now();
    let world = &world.to_change();
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
    let mut count = Count::default();
    let mut stays = needs_of_what_is_left_out(plan, journal, steps);
    for (id, file) in begun_by_another_plan(plan, journal, steps) {
        if let Some(step) = plan.step(&id) {
            stays.extend(needs(plan, step));
        }
        count.held += 1;
        let because = other_plan(file.as_deref());
        tell(held(&id, because))?;
    }
    for step in in_order(&plan.steps).into_iter().rev() {
        let chosen = steps.iter().any(|one| one.id == step.id);
        // Only what this run began itself: what was there before it is nothing to take back.
        let Some(intent) = journal.past(step).intent.filter(|_| chosen) else {
            continue;
        };
        if stays.contains(&step.id) {
            count.held += 1;
            tell(held(&step.id, "a step that needs it stays".to_owned()))?;
            continue;
        }
        let context = Context {
            world,
            step,
            outputs: &outputs,
            journal,
        };
        let at = Timestamp::now();
        match taken_back(&context, lock, &intent) {
            Ok(Undone::Back(what)) => {
                count.changed += 1;
                let step = step.id.clone();
                tell(Event::StepUndone { at, step, what })?;
            }
            Ok(Undone::Left(what)) => {
                count.left += 1;
                tell(held(&step.id, what))?;
            }
            Err(error) => {
                count.failed += 1;
                stays.extend(needs(plan, step));
                tell(Event::StepFailed {
                    at,
                    step: step.id.clone(),
                    error: error.why,
                    retry: error.retry,
                })?;
            }
        }
    }
    let summary = count.summary(plan, began);
    tell(Event::Summary(summary.clone()))?;
    Ok(summary)
}

#[derive(Default)]
struct Count {
    changed: usize,
    failed: usize,
    /// Could be taken back, once something else is.
    held: usize,
    /// For a person to remove.
    left: usize,
}

impl Count {
    fn summary(&self, plan: &Plan, began: Instant) -> Summary {
        let next = match (self.failed, self.held, self.left, self.changed) {
            (0, 0, 0, 0) => {
                Some("this run has changed nothing that is left; nothing was taken back".to_owned())
            }
            (0, 0, 0, _) => None,
            (0, 0, left, _) => Some(format!(
                "{left} effects are left, since only a person destroys: each step that is held names its own and what \
                 removes it"
            )),
            (0, ..) => Some("do what the steps that are held name and say --undo again".to_owned()),
            _ => Some("mend what failed and say --undo again".to_owned()),
        };
        Summary {
            at: Timestamp::now(),
            run: plan.run,
            outcome: match self.failed + self.held {
                0 => Outcome::Undone,
                _ => Outcome::Partial,
            },
            changed: self.changed,
            unchanged: 0,
            checked: 0,
            failed: self.failed,
            held: self.held + self.left,
            seconds: began.elapsed().as_secs_f64(),
            next,
        }
    }
}

fn held(step: &StepId, because: String) -> Event {
    Event::StepHeld {
        at: Timestamp::now(),
        step: step.clone(),
        because,
    }
}

fn taken_back(
    context: &Context<'_>,
    lock: &dyn RunLock,
    intent: &serde_json::Value,
) -> Result<Undone, StepError> {
    if context.world.canceller.is_cancelled() {
        return Err(StepError::passing("the run was interrupted"));
    }
    lock.still_ours().map_err(StepError::firm)?;
    deed(&context.step.verb).undo(context, intent)
}

fn needs<'a>(plan: &'a Plan, step: &Step) -> impl Iterator<Item = StepId> + use<'a> {
    let needed = needed_by(&plan.steps, &[step]).into_iter();
    needed.map(|needed| needed.id.clone())
}

/// A service that `--skip` leaves as it is keeps what it was built on.
fn needs_of_what_is_left_out(plan: &Plan, journal: &Journal, steps: &[&Step]) -> BTreeSet<StepId> {
    let left_out = |step: &&Step| steps.iter().all(|one| one.id != step.id);
    let begun = |step: &&Step| journal.past(step).intent.is_some();
    let stay = plan.steps.iter().filter(left_out).filter(begun);
    stay.flat_map(|step| needs(plan, step)).collect()
}

fn begun_by_another_plan(
    plan: &Plan,
    journal: &Journal,
    steps: &[&Step],
) -> Vec<(StepId, Option<PathBuf>)> {
    let mut others = journal.begun_otherwise(plan);
    others.retain(|(id, _)| plan.step(id).is_none() || steps.iter().any(|step| step.id == *id));
    others
}

fn other_plan(file: Option<&Path>) -> String {
    let of = "another plan of this run did it, in another way";
    match file {
        Some(file) => format!(
            "{of}; take that one back: triton-apply --undo < {}",
            file.display()
        ),
        None => {
            format!("{of}, and the journal has that plan no more; see its events for what it did")
        }
    }
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
    let others = steps
        .iter()
        .any(|step| step.verb.commits() && !started.contains(step.service.as_str()));
    let list: Vec<&str> = started.into_iter().collect();
    let mut text = format!(
        "already started: {}; from there the way is forward. Apply the plan again to finish",
        list.join(", ")
    );
    if others {
        text.push_str(&format!(
            "; --undo --skip {} takes back the others alone",
            list.join(",")
        ));
    }
    Err(Refused::before(vec![text]))
}
