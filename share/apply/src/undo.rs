// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `--undo`: steps are taken back in reverse order, as long as none of their service's zones was started.

use std::collections::BTreeSet;
use std::time::Instant;

use documents::event::Outcome;
use documents::plan::Step;
use documents::{Event, Plan, Summary, Timestamp};

use crate::executor::{Refused, Sink, tell};
use crate::journal::Journal;
use crate::step::{Context, Look, Outputs};
use crate::verbs::deed;
use crate::world::World;

/// Takes back what the journal says was done, of the given steps.
pub fn undo(
    plan: &Plan,
    world: &World,
    journal: &Journal,
    steps: &[&Step],
    sink: Sink<'_>,
) -> Result<Summary, Refused> {
    let began = Instant::now();
    refuse_started(world, journal, steps)?;
    let outputs = Outputs::default();
    let (mut changed, mut failed) = (0, 0);
    for step in steps.iter().rev() {
        let past = journal.past(step);
        if step.verb.only_looks() || past == crate::journal::Past::default() {
            continue;
        }
        let context = Context {
            world,
            step,
            outputs: &outputs,
            journal,
        };
        let at = Timestamp::now();
        let event = match deed(&step.verb).undo(&context, &past.intent.unwrap_or_default()) {
            Ok(what) => {
                changed += 1;
                Event::StepUndone {
                    at,
                    step: step.id.clone(),
                    what,
                }
            }
            Err(error) => {
                failed += 1;
                Event::StepFailed {
                    at,
                    step: step.id.clone(),
                    error: error.why,
                    retry: error.retry,
                }
            }
        };
        tell(journal, sink, &event).map_err(|error| Refused::failed(error.why))?;
    }
    let summary = Summary {
        at: Timestamp::now(),
        run: plan.run,
        outcome: if failed == 0 {
            Outcome::Undone
        } else {
            Outcome::Partial
        },
        changed,
        unchanged: 0,
        failed,
        held: 0,
        seconds: began.elapsed().as_secs_f64(),
        next: None,
    };
    tell(journal, sink, &Event::Summary(summary.clone()))
        .map_err(|error| Refused::failed(error.why))?;
    Ok(summary)
}

/// A service whose zone was started is past the commit point.
fn refuse_started(world: &World, journal: &Journal, steps: &[&Step]) -> Result<(), Refused> {
    let outputs = Outputs::default();
    let mut started = BTreeSet::new();
    for step in steps.iter().filter(|step| step.verb.commits()) {
        let context = Context {
            world,
            step,
            outputs: &outputs,
            journal,
        };
        let runs = matches!(deed(&step.verb).look(&context), Ok(Look::Done(_)));
        if runs || journal.past(step).intent.is_some() {
            started.insert(step.service.as_str());
        }
    }
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
