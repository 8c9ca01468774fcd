// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Before the first change: is this the right plan, on the right machine, for a world as it is now? Every step that can be
//! judged beforehand is; one conflict refuses all, with nothing changed.

use std::sync::Mutex;
use std::thread;

use documents::plan::{Goal, Step};
use documents::{Plan, read};

use crate::journal::Journal;
use crate::step::{Context, Look, Outputs};
use crate::verbs::deed;
use crate::world::World;

/// What stands against the plan as a whole.
pub fn objections(plan: &Plan, world: &World) -> Vec<String> {
    let mut found: Vec<String> = plan
        .refusals
        .iter()
        .map(|refusal| match &refusal.accepted_by {
            Some(flag) => format!(
                "the plan refuses {}: {} (plan again with {flag} to accept this)",
                refusal.service, refusal.text
            ),
            None => format!("the plan refuses {}: {}", refusal.service, refusal.text),
        })
        .collect();
    if plan.dc.name != world.datacenter {
        found.push(format!(
            "the plan is for the datacenter \"{}\", this headnode belongs to \"{}\"",
            plan.dc.name, world.datacenter
        ));
    }
    let Goal::Restore(goal) = &plan.goal;
    if goal.on != world.here {
        found.push(format!(
            "the plan brings services back on server {}, this is {}; apply it there",
            goal.on, world.here
        ));
    }
    if let Some(other) = other_application(plan, world) {
        found.push(other);
    }
    found
}

/// Restore data of another SAPI application means another datacenter of the same name.
fn other_application(plan: &Plan, world: &World) -> Option<String> {
    let servers = world.local.list(world.restore_data()).ok()?;
    for server in servers {
        let folder = world.restore_data().join(&server);
        let mut generations = world.local.list(&folder).ok()?;
        generations.sort();
        let newest = generations.iter().rev().find_map(|name| {
            let bytes = world
                .local
                .read(folder.join(name).join("generation.json"))
                .ok()?;
            read::generation(&bytes).ok()
        });
        if let Some(app) = newest.and_then(|generation| generation.dc.sapi_app)
            && app != plan.dc.sapi_app
        {
            return Some(format!(
                "the plan is for the SAPI application {}, restore data here is of {app}: two datacenters of one name?",
                plan.dc.sapi_app
            ));
        }
    }
    None
}

/// Looks at every step that can be judged before the run; returns the conflicts.
pub fn conflicts(world: &World, journal: &Journal, steps: &[&Step]) -> Vec<String> {
    let outputs = Outputs::default();
    for step in steps {
        if let Some(known) = journal.past(step).outputs {
            outputs.set(&step.id, known);
        }
    }
    let queue = Mutex::new(steps.iter().filter(|step| !step.verb.only_looks()));
    let found = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(|p| p.into_inner()).next();
                    let Some(step) = next else { return };
                    let deed = deed(&step.verb);
                    if !deed.tells_beforehand() {
                        continue;
                    }
                    let context = Context {
                        world,
                        step,
                        outputs: &outputs,
                        journal,
                    };
                    // What can't be seen yet will be seen right before the step acts.
                    if let Ok(Look::Conflict(why)) = deed.look(&context) {
                        let mut found = found.lock().unwrap_or_else(|p| p.into_inner());
                        found.push(format!("{}: {why}", step.id));
                    }
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_else(|p| p.into_inner());
    found.sort();
    found
}
