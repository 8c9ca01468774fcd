// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Applying a plan: gate, lock, preflight, then the steps in parallel as their needs allow.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Instant;

use documents::event::Outcome;
use documents::plan::{Step, StepId};
use documents::{Event, Plan, Summary, Timestamp};
use serde_json::Map;

use crate::journal::{Journal, content};
use crate::lock::{LocalLock, RunLock};
use crate::preflight;
use crate::schedule::Schedule;
use crate::selection;
use crate::step::{Context, Look, Outputs, StepError};
use crate::undo;
use crate::verbs::deed;
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
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}", .reasons.join("\n"))]
pub struct Refused {
    pub reasons: Vec<String>,
    /// True when a precondition does not hold; false when the executor itself could not work.
    pub precondition: bool,
}

impl Refused {
    pub(crate) fn before(reasons: Vec<String>) -> Refused {
        Refused {
            reasons,
            precondition: true,
        }
    }

    pub(crate) fn failed(reason: String) -> Refused {
        Refused {
            reasons: vec![reason],
            precondition: false,
        }
    }
}

/// Told of every event, after the journal has it.
pub type Sink<'a> = &'a (dyn Fn(&Event) + Sync);

/// Applies a plan. The error means that nothing was changed.
pub fn apply(
    plan: &Plan,
    world: &World,
    options: &Options,
    sink: Sink<'_>,
) -> Result<Summary, Refused> {
    let objections = preflight::objections(plan, world);
    if !objections.is_empty() {
        return Err(Refused::before(objections));
    }
    let steps = selection::select(plan, &options.only, &options.skip)
        .map_err(|why| Refused::before(vec![why]))?;
    let lock = LocalLock::acquire(
        &world.local,
        &format!("run {} of {}", plan.run, plan.made_by),
    )
    .map_err(|why| Refused::before(vec![why]))?;
    let journal = Journal::open(&world.local, plan).map_err(|error| Refused::failed(error.why))?;
    if options.undo {
        return undo::undo(plan, world, &journal, &steps, sink);
    }
    let conflicts = preflight::conflicts(world, &journal, &steps);
    if !conflicts.is_empty() {
        return Err(Refused::before(conflicts));
    }
    let run = Run {
        plan,
        world,
        journal: &journal,
        outputs: Outputs::default(),
        sink,
    };
    run.learn_needs_outside(&steps)?;
    run.all(&steps, options.jobs.max(1), lock.scope())
        .map_err(|error| Refused::failed(error.why))
}

/// Writes an event to the journal, then tells the sink.
pub fn tell(journal: &Journal, sink: Sink<'_>, event: &Event) -> Result<(), StepError> {
    journal.write(event)?;
    sink(event);
    Ok(())
}

struct Run<'a> {
    plan: &'a Plan,
    world: &'a World,
    journal: &'a Journal,
    outputs: Outputs,
    sink: Sink<'a>,
}

/// What the workers share.
struct Shared<'a> {
    schedule: Schedule<'a>,
    changed: usize,
    unchanged: usize,
    failed: usize,
    held: usize,
    /// The journal can't be written: nothing more may be changed.
    broken: Option<StepError>,
}

impl<'a> Run<'a> {
    /// With `--only`, what the chosen steps need was done before: look, and take its outputs.
    fn learn_needs_outside(&self, steps: &[&Step]) -> Result<(), Refused> {
        let mut missing = Vec::new();
        for step in steps {
            for need in &step.needs {
                let inside = steps.iter().any(|other| other.id == *need);
                let Some(needed) = self.plan.step(need).filter(|_| !inside) else {
                    continue;
                };
                if needed.verb.only_looks() {
                    continue;
                }
                match deed(&needed.verb).look(&self.context(needed)) {
                    Ok(Look::Done(outputs)) => self.outputs.set(need, outputs),
                    Ok(_) => missing.push(format!("{} needs {need}, which is not done", step.id)),
                    Err(error) => missing.push(format!("{} needs {need}: {}", step.id, error.why)),
                }
            }
        }
        if missing.is_empty() {
            Ok(())
        } else {
            Err(Refused::before(missing))
        }
    }

    fn all(&self, steps: &[&'a Step], jobs: usize, scope: &str) -> Result<Summary, StepError> {
        let began = Instant::now();
        self.tell(&Event::RunStarted {
            at: Timestamp::now(),
            run: self.plan.run,
            plan: self.plan.digest(),
            resumed: self.journal.resumed,
            steps: steps.len(),
            scope: scope.to_owned(),
        })?;
        let shared = Mutex::new(Shared {
            schedule: Schedule::new(steps),
            changed: 0,
            unchanged: 0,
            failed: 0,
            held: 0,
            broken: None,
        });
        let news = Condvar::new();
        thread::scope(|threads| {
            for _ in 0..jobs.min(steps.len().max(1)) {
                threads.spawn(|| self.work(&shared, &news));
            }
        });
        let shared = shared
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(error) = shared.broken {
            return Err(error);
        }
        let left = shared.failed + shared.held;
        let summary = Summary {
            at: Timestamp::now(),
            run: self.plan.run,
            outcome: if left == 0 {
                Outcome::Done
            } else {
                Outcome::Partial
            },
            changed: shared.changed,
            unchanged: shared.unchanged,
            failed: shared.failed,
            held: shared.held,
            seconds: began.elapsed().as_secs_f64(),
            next: next(left, shared.changed, self.journal),
        };
        self.tell(&Event::Summary(summary.clone()))?;
        Ok(summary)
    }

    /// One worker: takes steps until none is left.
    fn work(&self, shared: &Mutex<Shared<'a>>, news: &Condvar) {
        let lock =
            || -> MutexGuard<'_, Shared<'a>> { shared.lock().unwrap_or_else(|p| p.into_inner()) };
        loop {
            let step = {
                let mut guard = lock();
                loop {
                    if self.world.canceller.is_cancelled() || guard.broken.is_some() {
                        let held = guard.schedule.stop();
                        guard.held += held.len();
                        self.hold(&held, "the run was interrupted");
                    }
                    if guard.schedule.is_over() {
                        news.notify_all();
                        return;
                    }
                    match guard.schedule.next() {
                        Some(step) => break step,
                        None => guard = news.wait(guard).unwrap_or_else(|p| p.into_inner()),
                    }
                }
            };
            let outcome = self.one(step);
            let mut guard = lock();
            match outcome {
                Ok(changed) => {
                    guard.schedule.done(&step.id);
                    if changed {
                        guard.changed += 1
                    } else {
                        guard.unchanged += 1
                    }
                }
                Err(error) => {
                    let event = Event::StepFailed {
                        at: Timestamp::now(),
                        step: step.id.clone(),
                        error: error.why,
                        retry: error.retry,
                    };
                    guard.failed += 1;
                    guard.broken = guard.broken.take().or(self.tell(&event).err());
                    let held = guard.schedule.failed(&step.id);
                    guard.held += held.len();
                    self.hold(&held, &format!("{} failed", step.id));
                }
            }
            news.notify_all();
        }
    }

    fn hold(&self, steps: &[&StepId], because: &str) {
        for step in steps {
            let event = Event::StepHeld {
                at: Timestamp::now(),
                step: (*step).clone(),
                because: because.to_owned(),
            };
            // A journal that can't be written has been noticed by whoever acts.
            let _ = self.tell(&event);
        }
    }

    /// look, intend, act, verify. True when something was changed.
    fn one(&self, step: &'a Step) -> Result<bool, StepError> {
        let began = Instant::now();
        let deed = deed(&step.verb);
        let context = self.context(step);
        let id = step.id.clone();
        (self.sink)(&Event::StepStarted {
            at: Timestamp::now(),
            step: id.clone(),
            why: step.why.clone(),
        });
        let (changed, outputs) = if step.verb.only_looks() {
            deed.act(&context, &serde_json::Value::Null)?;
            (false, Map::new())
        } else {
            match deed.look(&context)? {
                Look::Done(outputs) => (false, outputs),
                Look::NotYet(why) | Look::Conflict(why) => return Err(StepError::firm(why)),
                Look::Ready => (true, self.change(step, &context)?),
            }
        };
        self.outputs.set(&step.id, outputs.clone());
        self.tell(&Event::StepDone {
            at: Timestamp::now(),
            step: id,
            content: content(step),
            changed,
            outputs,
            millis: began.elapsed().as_millis() as u64,
        })?;
        Ok(changed)
    }

    fn change(
        &self,
        step: &Step,
        context: &Context<'_>,
    ) -> Result<Map<String, serde_json::Value>, StepError> {
        let deed = deed(&step.verb);
        let intent = match self.journal.past(step).intent {
            // An earlier run chose, and may have done half of it: it is finished with the same values.
            Some(intent) => intent,
            None => {
                let intent = deed.intend(context)?;
                self.tell(&Event::StepIntended {
                    at: Timestamp::now(),
                    step: step.id.clone(),
                    content: content(step),
                    intent: intent.clone(),
                })?;
                intent
            }
        };
        deed.act(context, &intent)?;
        match deed.look(context)? {
            Look::Done(outputs) => Ok(outputs),
            Look::Ready => Err(StepError::firm(
                "it was done, and yet its effect is not there",
            )),
            Look::NotYet(why) | Look::Conflict(why) => {
                Err(StepError::firm(format!("it was done, and then: {why}")))
            }
        }
    }

    fn context<'b>(&'b self, step: &'b Step) -> Context<'b> {
        Context {
            world: self.world,
            step,
            outputs: &self.outputs,
            journal: self.journal,
        }
    }

    fn tell(&self, event: &Event) -> Result<(), StepError> {
        tell(self.journal, self.sink, event)
    }
}

fn next(left: usize, changed: usize, journal: &Journal) -> Option<String> {
    match (left, changed) {
        (0, 0) => Some("everything was there already; nothing was changed".to_owned()),
        (0, _) => None,
        _ => Some(format!(
            "mend what failed and apply the same plan again: it goes on from here (journal: {})",
            journal.folder().display()
        )),
    }
}

#[cfg(test)]
pub mod testing {
    //! Plans for the tests of this crate.

    use documents::plan::{Goal, KIND, PlanDc, RestoreGoal, Step, StepId};
    use documents::verb::{Expects, ZoneStart};
    use documents::{Digest, Plan, Uuid, Verb};

    pub fn step(id: &str, needs: &[&str]) -> Step {
        Step {
            id: StepId::from(id),
            host: Uuid::nil(),
            verb: Verb::ZoneStart(ZoneStart { vm: Uuid::nil() }),
            expects: Expects::default(),
            needs: needs.iter().map(|need| StepId::from(*need)).collect(),
            service: id.split('/').next().unwrap_or_default().to_owned(),
            why: "so".to_owned(),
        }
    }

    pub fn plan(steps: Vec<Step>) -> Plan {
        Plan {
            kind: KIND.to_owned(),
            dc: PlanDc {
                name: "east-1".to_owned(),
                sapi_app: Uuid::nil(),
            },
            run: Uuid::from_u128(7),
            made_by: "test".to_owned(),
            inventory: Digest::of_bytes(b""),
            goal: Goal::Restore(RestoreGoal {
                lost: Vec::new(),
                on: Uuid::nil(),
                services: Vec::new(),
            }),
            steps,
            notices: Vec::new(),
            refusals: Vec::new(),
        }
    }
}
