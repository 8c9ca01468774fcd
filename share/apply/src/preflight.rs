// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Before the first change: is this the right plan, on the right machine, for a world as it is now? Every step that can be
//! judged beforehand is; one conflict refuses all, with nothing changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::thread;

use documents::plan::{Goal, Step, StepId};
use documents::{Plan, Uuid, Verb};
use platform::Command;

use crate::journal::Journal;
use crate::restore_data;
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
    let on = plan.goal.applied_on();
    if on != world.here {
        let what = match plan.goal {
            Goal::Restore(_) => "brings services back on",
            Goal::Setup(_) => "makes headnodes from",
        };
        found.push(format!(
            "the plan {what} server {on}, this is {}; apply it there",
            world.here
        ));
    }
    if let Some(other) = other_application(plan, world) {
        found.push(other);
    }
    found
}

/// Restore data of another SAPI application means another datacenter of the same name.
fn other_application(plan: &Plan, world: &World) -> Option<String> {
    let generations = restore_data::newest(&world.local, world.restore_data());
    let mut apps = generations
        .iter()
        .filter_map(|generation| generation.dc.sapi_app);
    let app = apps.find(|app| *app != plan.dc.sapi_app)?;
    Some(format!(
        "the plan is for the SAPI application {}, restore data here is of {app}: two datacenters of one name?",
        plan.dc.sapi_app
    ))
}

/// Servers other than this one that steps act on, and that can't be entered: without authority there nothing is begun.
pub fn closed_doors(world: &World, steps: &[&Step]) -> Vec<String> {
    let mut servers: BTreeMap<Uuid, Vec<&str>> = BTreeMap::new();
    for step in steps {
        for server in acts_on(step)
            .into_iter()
            .filter(|server| *server != world.here)
        {
            servers.entry(server).or_default().push(&step.id.0);
        }
    }
    let closed = |(server, steps): (Uuid, Vec<&str>)| {
        let error = match world.host(server) {
            Err(error) => error.why,
            Ok(host) => host.run_ok(&Command::new("true")).err()?.to_string(),
        };
        Some(format!(
            "{} act{} on server {server}, and root can't work there: {error}. Bring your ssh agent along (ssh -A)",
            steps.join(", "),
            if steps.len() == 1 { "s" } else { "" },
        ))
    };
    servers.into_iter().filter_map(closed).collect()
}

fn acts_on(step: &Step) -> Vec<Uuid> {
    match &step.verb {
        Verb::FenceDeclare(with) => with.copies.clone(),
        Verb::TrustJoin(with) => [&[step.host], &with.with[..]].concat(),
        Verb::RecordPut(with) => vec![with.through.server],
        Verb::RecordDelete(with) => vec![with.through.server],
        // These ask APIs or the network from here, whatever host they are about.
        Verb::CheckSilent(_)
        | Verb::AddressTake(_)
        | Verb::AddressRegister(_)
        | Verb::AddressRelease(_)
        | Verb::WaitName(_)
        | Verb::WaitListed(_)
        | Verb::WaitServer(_)
        | Verb::VmRetire(_)
        | Verb::NetworkResolvers(_)
        | Verb::MetadataSet(_) => Vec::new(),
        _ => vec![step.host],
    }
}

/// Steps that come after a wait: what they would look at may not be there yet.
fn behind_waits<'a>(steps: &[&'a Step]) -> BTreeSet<&'a StepId> {
    let mut behind: BTreeSet<&StepId> = BTreeSet::new();
    loop {
        let waits = |id: &StepId| {
            let step = steps.iter().find(|step| step.id == *id);
            behind.contains(id) || step.is_some_and(|step| step.verb.name().starts_with("wait."))
        };
        let more: Vec<&StepId> = steps
            .iter()
            .filter(|step| !behind.contains(&step.id) && step.needs.iter().any(waits))
            .map(|step| &step.id)
            .collect();
        if more.is_empty() {
            return behind;
        }
        behind.extend(more);
    }
}

/// Looks at every step that can be judged before the run; returns the conflicts, in the order of their ids.
pub fn conflicts(world: &World, journal: &Journal, steps: &[&Step], jobs: usize) -> Vec<String> {
    let outputs = Outputs::default();
    for step in steps {
        if let Some(known) = journal.past(step).outputs {
            outputs.set(&step.id, known);
        }
    }
    let waiting = behind_waits(steps);
    let tells = |step: &&&Step| deed(&step.verb).tells_beforehand() && !waiting.contains(&step.id);
    let queue = Mutex::new(steps.iter().filter(tells));
    let found = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..jobs.min(steps.len()) {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(|p| p.into_inner()).next();
                    let Some(step) = next else { return };
                    let context = Context {
                        world,
                        step,
                        outputs: &outputs,
                        journal,
                    };
                    match deed(&step.verb).look(&context) {
                        Ok(Look::Conflict(why)) => {
                            let mut found = found.lock().unwrap_or_else(|p| p.into_inner());
                            found.push(format!("{}: {why}", step.id));
                        }
                        // What can't be seen yet is seen right before the step acts.
                        Err(error) => tracing::info!(step = %step.id, "not seen yet: {error}"),
                        Ok(_) => {}
                    }
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_else(|p| p.into_inner());
    found.sort();
    found
}
