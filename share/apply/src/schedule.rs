// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Which step may run next. Pure bookkeeping: needs, outcomes, and what is held because of them.

use std::collections::{BTreeMap, BTreeSet};

use documents::plan::{Step, StepId};

/// The steps in an order in which each comes after all that it needs; otherwise as they stand.
pub fn in_order(steps: &[Step]) -> Vec<&Step> {
    let mut placed: BTreeSet<&StepId> = BTreeSet::new();
    let mut order = Vec::with_capacity(steps.len());
    loop {
        let ready: Vec<&Step> = steps
            .iter()
            .filter(|step| !placed.contains(&step.id))
            .filter(|step| step.needs.iter().all(|need| placed.contains(need)))
            .collect();
        if ready.is_empty() {
            return order;
        }
        placed.extend(ready.iter().map(|step| &step.id));
        order.extend(ready);
    }
}

/// Everything that the steps need, however far, in order; the steps themselves are not in it.
pub fn needed_by<'a>(all: &'a [Step], steps: &[&Step]) -> Vec<&'a Step> {
    let mut wanted: BTreeSet<&StepId> = BTreeSet::new();
    for step in in_order(all).into_iter().rev() {
        if steps.iter().any(|one| one.id == step.id) || wanted.contains(&step.id) {
            wanted.extend(&step.needs);
        }
    }
    in_order(all)
        .into_iter()
        .filter(|step| wanted.contains(&step.id))
        .filter(|step| steps.iter().all(|one| one.id != step.id))
        .collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Done,
    Failed,
    Held,
}

pub struct Schedule<'a> {
    steps: Vec<&'a Step>,
    states: BTreeMap<&'a StepId, State>,
}

impl<'a> Schedule<'a> {
    /// Needs outside of `steps` count as met: the caller has looked at them.
    pub fn new(steps: &[&'a Step]) -> Schedule<'a> {
        let states = steps
            .iter()
            .map(|step| (&step.id, State::Waiting))
            .collect();
        Schedule {
            steps: steps.to_vec(),
            states,
        }
    }

    /// The first step of this kind whose needs are all met; it counts as running from now on.
    pub fn next(&mut self, kind: impl Fn(&Step) -> bool) -> Option<&'a Step> {
        let ready = |step: &&&Step| {
            kind(step)
                && self.states.get(&step.id) == Some(&State::Waiting)
                && step
                    .needs
                    .iter()
                    .all(|need| matches!(self.states.get(need), None | Some(State::Done)))
        };
        let step = *self.steps.iter().find(ready)?;
        self.states.insert(&step.id, State::Running);
        Some(step)
    }

    pub fn done(&mut self, step: &'a StepId) {
        self.states.insert(step, State::Done);
    }

    /// Everything that needs the failed step, however far, is held; returns it.
    pub fn failed(&mut self, step: &'a StepId) -> Vec<&'a StepId> {
        self.states.insert(step, State::Failed);
        let mut bad: BTreeSet<&StepId> = BTreeSet::from([step]);
        let mut held = Vec::new();
        loop {
            let next = self.steps.iter().find(|s| {
                self.states.get(&s.id) == Some(&State::Waiting)
                    && s.needs.iter().any(|n| bad.contains(n))
            });
            let Some(found) = next.map(|s| &s.id) else {
                return held;
            };
            self.states.insert(found, State::Held);
            bad.insert(found);
            held.push(found);
        }
    }

    /// Holds whatever has not begun; returns it.
    pub fn stop(&mut self) -> Vec<&'a StepId> {
        let waiting: Vec<&StepId> = self
            .steps
            .iter()
            .map(|step| &step.id)
            .filter(|id| self.states.get(id) == Some(&State::Waiting))
            .collect();
        for id in &waiting {
            self.states.insert(id, State::Held);
        }
        waiting
    }

    /// True when nothing runs and nothing can.
    pub fn is_over(&self) -> bool {
        !self
            .states
            .values()
            .any(|state| matches!(state, State::Waiting | State::Running))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{plan, step};

    #[test]
    fn a_step_runs_when_all_its_needs_are_done() {
        let plan = plan(vec![
            step("a/1", &[]),
            step("a/2", &["a/1"]),
            step("b/1", &[]),
        ]);
        let steps: Vec<&Step> = plan.steps.iter().collect();
        let mut schedule = Schedule::new(&steps);
        assert_eq!(
            schedule.next(|_| true).map(|s| s.id.0.as_str()),
            Some("a/1")
        );
        assert_eq!(
            schedule.next(|_| true).map(|s| s.id.0.as_str()),
            Some("b/1")
        );
        assert!(schedule.next(|_| true).is_none() && !schedule.is_over());
        schedule.done(&steps[0].id);
        assert_eq!(
            schedule.next(|_| true).map(|s| s.id.0.as_str()),
            Some("a/2")
        );
    }

    #[test]
    fn what_needs_a_failed_step_is_held_and_the_rest_goes_on() {
        let plan = plan(vec![
            step("a/1", &[]),
            step("a/2", &["a/1"]),
            step("a/3", &["a/2"]),
            step("b/1", &[]),
        ]);
        let steps: Vec<&Step> = plan.steps.iter().collect();
        let mut schedule = Schedule::new(&steps);
        schedule.next(|_| true);
        let held: Vec<&str> = schedule
            .failed(&steps[0].id)
            .iter()
            .map(|id| id.0.as_str())
            .collect();
        assert_eq!(held, ["a/2", "a/3"]);
        assert_eq!(
            schedule.next(|_| true).map(|s| s.id.0.as_str()),
            Some("b/1")
        );
        schedule.done(&steps[3].id);
        assert!(schedule.is_over());
    }

    #[test]
    fn only_a_step_of_the_kind_that_is_asked_for_is_given() {
        let plan = plan(vec![step("a/1", &[]), step("b/1", &[])]);
        let steps: Vec<&Step> = plan.steps.iter().collect();
        let mut schedule = Schedule::new(&steps);
        let of_b = |step: &Step| step.id.0.starts_with('b');
        assert_eq!(schedule.next(of_b).map(|s| s.id.0.as_str()), Some("b/1"));
        assert!(schedule.next(of_b).is_none() && !schedule.is_over());
    }

    #[test]
    fn order_follows_needs_and_not_the_place_in_the_plan() {
        let plan = plan(vec![
            step("a/3", &["a/2"]),
            step("a/2", &["a/1"]),
            step("a/1", &[]),
            step("b/1", &[]),
        ]);
        let names = |steps: Vec<&Step>| steps.iter().map(|s| s.id.0.clone()).collect::<Vec<_>>();
        assert_eq!(names(in_order(&plan.steps)), ["a/1", "b/1", "a/2", "a/3"]);
        let last = plan.step(&StepId::from("a/3")).unwrap();
        assert_eq!(names(needed_by(&plan.steps, &[last])), ["a/1", "a/2"]);
    }
}
