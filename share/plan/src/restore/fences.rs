// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Fences: each lost server is declared dead before anything takes the place of what it had.

use documents::inventory::{Fence, Replaced};
use documents::plan::{Goal, PlanDc, Step, StepId};
use documents::verb::{Expects, FenceDeclare};
use documents::{Uuid, Verb};

use super::RestoreOptions;
use super::facts::World;
use super::select::Selection;
use super::steps::{silence, silence_id};
use crate::derive;

/// Declares the lost servers dead, once they were found silent.
pub fn declare(
    world: &World<'_>,
    selection: &Selection<'_>,
    options: &RestoreOptions,
) -> Vec<Step> {
    let silent: Vec<StepId> = silence(world).into_iter().map(|step| step.id).collect();
    let copies: Vec<Uuid> = world.headnodes().iter().map(|server| server.uuid).collect();
    let step = |server: &Uuid| {
        let hostname = world.hostname(*server);
        let own = silence_id(&hostname);
        Step {
            id: id(&hostname),
            host: world.goal.on,
            verb: Verb::FenceDeclare(FenceDeclare {
                server: *server,
                hostname: hostname.clone(),
                replaced: replaced(selection, *server),
                power_off: options.power_off.clone(),
                addresses_reused: options.reuse_addresses,
                copies: copies.clone(),
            }),
            expects: Expects::default(),
            needs: silent
                .iter()
                .filter(|step| **step == own)
                .cloned()
                .collect(),
            service: "dc".to_owned(),
            why: format!(
                "{hostname} is declared dead, so that it can't come back beside what takes its place"
            ),
        }
    };
    world.goal.lost.iter().map(step).collect()
}

fn replaced(selection: &Selection<'_>, server: Uuid) -> Vec<Replaced> {
    let of_server = selection
        .replace
        .iter()
        .filter(|one| one.lost.server == Some(server));
    of_server
        .map(|one| Replaced {
            old: one.lost.uuid,
            new: one.new,
            service: one.service.to_owned(),
            alias: one.lost.alias.clone().unwrap_or_default(),
        })
        .collect()
}

fn id(hostname: &str) -> StepId {
    StepId(format!("{hostname}/fence"))
}

/// What every change waits for.
pub fn ids(world: &World<'_>) -> Vec<StepId> {
    let lost = world.goal.lost.iter();
    lost.map(|server| id(&world.hostname(*server))).collect()
}

/// The epoch that a run is named by: how often its servers had been declared dead before it. A run that has declared its fences
/// is found again by what these say it makes, so planning again gives it the same name.
pub fn epoch(fences: &[Fence], dc: &PlanDc, goal: &Goal, lost: &[Uuid]) -> u64 {
    let fences: Vec<&Fence> = fences
        .iter()
        .filter(|fence| lost.contains(&fence.server))
        .collect();
    let newest = fences.iter().map(|fence| fence.epoch).max().unwrap_or(0);
    let makes = |epoch: &u64| {
        let run = derive::run(dc, *epoch, goal);
        let standing = fences.iter().filter(|fence| !fence.lifted);
        standing
            .flat_map(|fence| &fence.replaced)
            .any(|vm| derive::new_instance(run, vm.old) == vm.new)
    };
    (0..newest).rev().find(makes).unwrap_or(newest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use documents::plan::RestoreGoal;
    use documents::{Timestamp, inventory::Learnt};

    const LOST: Uuid = Uuid::from_u128(1);
    const OLD: Uuid = Uuid::from_u128(10);

    fn dc() -> PlanDc {
        PlanDc {
            name: "east-1".to_owned(),
            sapi_app: Uuid::from_u128(9),
        }
    }

    fn goal(service: &str) -> Goal {
        Goal::Restore(RestoreGoal {
            lost: vec![LOST],
            zones: Vec::new(),
            on: Uuid::from_u128(2),
            services: vec![service.to_owned()],
        })
    }

    /// A fence as the run of this goal leaves it.
    fn fence(epoch: u64, made_by: &Goal, lifted: bool) -> Fence {
        let run = derive::run(&dc(), epoch - 1, made_by);
        Fence {
            server: LOST,
            epoch,
            replaced: vec![Replaced {
                old: OLD,
                new: derive::new_instance(run, OLD),
                service: "imgapi".to_owned(),
                alias: "imgapi0".to_owned(),
            }],
            lifted,
            learnt: Learnt::new("fences@headnode1", Timestamp::from_millis(0)),
        }
    }

    fn epoch_with(fences: Vec<Fence>, goal: &Goal) -> u64 {
        epoch(&fences, &dc(), goal, &[LOST])
    }

    #[test]
    fn the_first_run_has_no_fence_before_it_and_keeps_its_name_after_it_declared_one() {
        let goal = goal("imgapi");
        assert_eq!(epoch_with(Vec::new(), &goal), 0);
        assert_eq!(epoch_with(vec![fence(1, &goal, false)], &goal), 0);
    }

    #[test]
    fn another_goal_and_a_server_that_came_back_and_died_again_are_other_runs() {
        let first = goal("imgapi");
        assert_eq!(epoch_with(vec![fence(1, &first, false)], &goal("sapi")), 1);
        assert_eq!(epoch_with(vec![fence(1, &first, true)], &first), 1);
    }
}
