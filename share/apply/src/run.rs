// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The run itself: workers take the steps as their needs allow. Each step is looked at, its chosen values are journalled, it
//! acts, and it is looked at again.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Instant;

use documents::event::Outcome;
use documents::plan::{Step, StepId};
use documents::{Event, Plan, Summary, Timestamp};
use serde_json::{Map, Value};
use tracing::warn;

use crate::executor::{Sink, tell};
use crate::journal::{Journal, content};
use crate::lock::RunLock;
use crate::schedule::{Schedule, needed_by};
use crate::step::{Context, Look, Outputs, StepError};
use crate::verbs::deed;
use crate::world::World;

pub struct Run<'a> {
    plan: &'a Plan,
    world: &'a World,
    journal: &'a Journal,
    lock: &'a dyn RunLock,
    sink: Sink<'a>,
    outputs: Outputs,
}

/// Waits at once: each is a thread that asks now and then.
const MOST_WAITS: usize = 128;

/// What the workers share.
struct Shared<'a> {
    schedule: Schedule<'a>,
    changed: usize,
    unchanged: usize,
    checked: usize,
    failed: usize,
    held: usize,
    /// The journal can't be written: nothing more may be changed.
    broken: Option<StepError>,
}

impl<'a> Run<'a> {
    pub fn new(
        plan: &'a Plan,
        world: &'a World,
        journal: &'a Journal,
        lock: &'a dyn RunLock,
        sink: Sink<'a>,
    ) -> Run<'a> {
        Run {
            plan,
            world,
            journal,
            lock,
            sink,
            outputs: Outputs::default(),
        }
    }

    /// What the chosen steps need, however far, and is not chosen itself must be so already: looked at, in order, and its
    /// outputs taken. Checks are made too: `--only` is no way around them. Returns what is missing.
    pub fn learn_needs_outside(&self, steps: &[&Step]) -> Vec<String> {
        let mut missing = Vec::new();
        for needed in needed_by(&self.plan.steps, steps) {
            match deed(&needed.verb).look(&self.context(needed)) {
                Ok(Look::Done(outputs)) => self.outputs.set(&needed.id, outputs),
                Ok(Look::Ready) => missing.push(format!("{} is needed, and not done", needed.id)),
                Ok(Look::NotYet(why) | Look::Conflict(why)) => {
                    missing.push(format!("{} is needed, and not done: {why}", needed.id));
                }
                Err(error) => missing.push(format!("{} is needed: {error}", needed.id)),
            }
        }
        missing
    }

    /// Takes all the steps. The error means that none was begun.
    pub fn all(&self, steps: &[&'a Step], jobs: usize) -> Result<Summary, StepError> {
        let began = Instant::now();
        self.tell(&Event::RunStarted {
            at: Timestamp::now(),
            run: self.plan.run,
            plan: self.plan.digest(),
            resumed: self.journal.resumed,
            steps: steps.len(),
            scope: self.lock.scope().to_owned(),
        })?;
        let shared = Mutex::new(Shared {
            schedule: Schedule::new(steps),
            changed: 0,
            unchanged: 0,
            checked: 0,
            failed: 0,
            held: 0,
            broken: None,
        });
        let news = Condvar::new();
        let waits = steps.iter().filter(|step| step.verb.waits()).count();
        thread::scope(|threads| {
            for _ in 0..jobs.min(steps.len().max(1)) {
                threads.spawn(|| self.work(&shared, &news, |step| !step.verb.waits()));
            }
            // Waiting is no work: it keeps nobody from it.
            for _ in 0..waits.min(MOST_WAITS) {
                threads.spawn(|| self.work(&shared, &news, |step| step.verb.waits()));
            }
        });
        let shared = shared
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        Ok(self.conclude(shared, began))
    }

    fn conclude(&self, shared: Shared<'_>, began: Instant) -> Summary {
        let left = shared.failed + shared.held;
        let next = match (&shared.broken, left, shared.changed) {
            (Some(error), ..) => Some(format!(
                "{error}; make room for it, then apply the same plan again"
            )),
            (None, 0, 0) => Some("everything was there already; nothing was changed".to_owned()),
            (None, 0, _) => None,
            // A wait that was broken off has failed, too; what else has will do so again.
            _ if self.world.canceller.is_cancelled() => Some(format!(
                "the run was interrupted; apply the same plan again: it goes on from here (journal: {})",
                self.journal.folder().display()
            )),
            _ => Some(format!(
                "mend what failed and apply the same plan again: it goes on from here (journal: {})",
                self.journal.folder().display()
            )),
        };
        let summary = Summary {
            at: Timestamp::now(),
            run: self.plan.run,
            outcome: match left {
                0 => Outcome::Done,
                _ => Outcome::Partial,
            },
            changed: shared.changed,
            unchanged: shared.unchanged,
            checked: shared.checked,
            failed: shared.failed,
            held: shared.held,
            seconds: began.elapsed().as_secs_f64(),
            next,
        };
        let event = Event::Summary(summary.clone());
        if self.tell(&event).is_err() {
            // The journal stays without its end, which says that this run has none; the reader is told all the same.
            (self.sink)(&event);
        }
        summary
    }

    /// One worker: takes steps of its kind until none is left.
    fn work(&self, shared: &Mutex<Shared<'a>>, news: &Condvar, kind: fn(&Step) -> bool) {
        let lock = || -> MutexGuard<'_, Shared<'a>> {
            shared
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner())
        };
        loop {
            let step = {
                let mut guard = lock();
                loop {
                    let stopped = match &guard.broken {
                        Some(_) => Some("the journal can't be written"),
                        None if self.world.canceller.is_cancelled() => {
                            Some("the run was interrupted")
                        }
                        None => None,
                    };
                    if let Some(because) = stopped {
                        let held = guard.schedule.stop();
                        guard.held += held.len();
                        self.hold(&held, because);
                    }
                    if guard.schedule.is_over() {
                        news.notify_all();
                        return;
                    }
                    match guard.schedule.next(kind) {
                        Some(step) => break step,
                        None => {
                            guard = news
                                .wait(guard)
                                .unwrap_or_else(|poisoned| poisoned.into_inner());
                        }
                    }
                }
            };
            let outcome = self.one(step);
            let mut guard = lock();
            match outcome {
                Ok(changed) => {
                    guard.schedule.done(&step.id);
                    match changed {
                        true => guard.changed += 1,
                        // A check that passed is no effect that was there before.
                        false if step.verb.only_looks() => guard.checked += 1,
                        false => guard.unchanged += 1,
                    }
                }
                Err(error) if self.world.canceller.is_cancelled() => {
                    guard.held += 1;
                    self.hold(&[&step.id], &format!("interrupted: {}", error.why));
                    let held = guard.schedule.failed(&step.id);
                    guard.held += held.len();
                    self.hold(&held, "the run was interrupted");
                }
                Err(error) => {
                    let event = Event::StepFailed {
                        at: Timestamp::now(),
                        step: step.id.clone(),
                        error: error.why,
                        retry: error.retry,
                    };
                    guard.failed += 1;
                    if let Err(broken) = self.tell(&event) {
                        (self.sink)(&event);
                        guard.broken.get_or_insert(broken);
                    }
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
            if self.tell(&event).is_err() {
                (self.sink)(&event);
            }
        }
    }

    /// look, intend, act, verify. True when something was changed.
    fn one(&self, step: &'a Step) -> Result<bool, StepError> {
        let began = Instant::now();
        let deed = deed(&step.verb);
        let context = self.context(step);
        (self.sink)(&Event::StepStarted {
            at: Timestamp::now(),
            step: step.id.clone(),
            why: step.why.clone(),
        });
        self.lock.still_ours().map_err(StepError::firm)?;
        let (changed, outputs) = if step.verb.only_looks() {
            deed.act(&context, &Value::Null)?;
            (false, Map::new())
        } else {
            match deed.look(&context)? {
                Look::Done(outputs) => (false, outputs),
                Look::NotYet(why) | Look::Conflict(why) => return Err(StepError::firm(why)),
                Look::Ready => (true, self.change(step)?),
            }
        };
        self.outputs.set(&step.id, outputs.clone());
        self.tell(&Event::StepDone {
            at: Timestamp::now(),
            step: step.id.clone(),
            content: content(step),
            changed,
            outputs,
            millis: began.elapsed().as_millis() as u64,
        })?;
        Ok(changed)
    }

    fn change(&self, step: &Step) -> Result<Map<String, Value>, StepError> {
        let deed = deed(&step.verb);
        let world = self.world.to_change();
        let context = &Context {
            world: &world,
            ..self.context(step)
        };
        let past = self.journal.past(step);
        let intent = match past.unfinished() {
            // An earlier run chose, and may have done half of it: it is finished with the same values.
            Some(intent) => intent.clone(),
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
        // Whoever broke off an answer may have done what was asked: the world says, not the error.
        match (deed.act(context, &intent), deed.look(context)) {
            (Ok(()), Ok(Look::Done(outputs))) => Ok(outputs),
            (Err(error), Ok(Look::Done(outputs))) => {
                warn!(step = %step.id, "it failed, and yet its effect is there: {error}");
                Ok(outputs)
            }
            (Err(error), _) | (Ok(()), Err(error)) => Err(error),
            (Ok(()), Ok(Look::Ready)) => Err(StepError::firm(
                "it was done, and yet its effect is not there",
            )),
            (Ok(()), Ok(Look::NotYet(why) | Look::Conflict(why))) => {
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
