// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Planning a restore: a headnode is lost; which of its services come back, where, from what, in which order.

pub mod accept;
mod addresses;
mod facts;
mod fences;
mod gone;
mod guards;
mod headnodes;
mod members;
mod nics;
mod notices;
mod replace;
mod select;
mod steps;
mod target;
mod true_up;

use std::collections::BTreeSet;

use contract::Plugins;
use documents::inventory::Instance;
use documents::plan::{Goal, KIND, PlanDc, RestoreGoal};
use documents::{Digest, Inventory, Plan, PowerOff, Uuid};

use crate::{Catalogue, PlanError, derive};
use addresses::Addresses;
use facts::World;
use select::Selection;

/// What the operator asked for.
#[derive(Debug, Clone, Default)]
pub struct RestoreOptions {
    /// Hostnames or UUIDs of the servers given up as lost.
    pub lost: Vec<String>,
    /// Instead of a server: the zones that are gone from this headnode, which lives.
    pub local: bool,
    /// Where services come back; the headnode the inventory was taken on when absent.
    pub on: Option<String>,
    /// Only these; empty means all that can be restored.
    pub services: Vec<String>,
    /// All but these.
    pub except: Vec<String>,
    /// Oldest data that is restored without asking, in seconds.
    pub max_age: i64,
    /// New zones get the addresses of those they replace.
    pub reuse_addresses: bool,
    /// Whose word it is that the lost servers' power is off, where anybody gave it.
    pub power_off: Option<PowerOff>,
    /// Refusals that the operator accepts, by the name of the flag (`--accept-old-data`).
    pub accept: BTreeSet<String>,
    /// Tool and version, for `made_by`.
    pub made_by: String,
}

/// Plans the restore of everything in `options` that was on the lost servers.
pub fn plan_restore(
    inventory: &Inventory,
    catalogue: &Catalogue,
    plugins: &dyn Plugins,
    options: &RestoreOptions,
) -> Result<Plan, PlanError> {
    let catalogue = catalogue.refined(plugins);
    let dc = datacenter(inventory)?;
    let goal = goal(inventory, &catalogue, options)?;
    let epoch = fences::epoch(
        &inventory.fences,
        &dc,
        &Goal::Restore(goal.clone()),
        &goal.lost,
    );
    let run = derive::run(&dc, epoch, &Goal::Restore(goal.clone()));
    let world = World::new(inventory, &catalogue, &goal, run);

    let selection = Selection::of(&world, options);
    let mut plan = Plan {
        kind: KIND.to_owned(),
        dc,
        run,
        made_by: options.made_by.clone(),
        inventory: Digest::of(inventory),
        goal: Goal::Restore(goal.clone()),
        steps: Vec::new(),
        notices: Vec::new(),
        refusals: Vec::new(),
    };
    guards::datacenter(&world, &mut plan);
    guards::unplannable(&selection, &mut plan);
    notices::left_alone(&world, &selection, &mut plan);
    if !selection.replace.is_empty() {
        let addresses = Addresses::of(&world, &selection, options.reuse_addresses);
        guards::addresses(&world, &selection, &addresses, &mut plan);
        target::room(&world, &selection, &mut plan);
        target::vlans(&world, &selection, &mut plan);
        if selection.replaces("dhcpd") {
            target::platforms(&world, &mut plan);
        }
        guards::reuse(&selection, &addresses, options, &mut plan);
        plan.steps.extend(steps::silence(&world));
        plan.steps.extend(gone::steps(&world));
        plan.steps
            .extend(fences::declare(&world, &selection, options));
        plan.steps.extend(headnodes::resolvers(&world));
        plan.steps.extend(headnodes::zones_resolvers(&world));
        for replacement in selection.in_order(&world) {
            guards::service(&world, &selection, replacement, options, &mut plan);
            replace::one(
                &world,
                &selection,
                replacement,
                &addresses,
                plugins,
                &mut plan,
            );
        }
        if world.is_whole() {
            members::retire(&world, &selection, &mut plan);
        }
        true_up::all(&world, &selection, &mut plan);
        notices::zones_out_of_reach(&world, &mut plan);
        notices::dead_headnodes(&world, options.reuse_addresses, &mut plan);
    }
    plan.refusals.retain(|refusal| {
        refusal
            .accepted_by
            .as_ref()
            .is_none_or(|flag| !options.accept.contains(flag))
    });
    plan.notices
        .sort_by(|a, b| (a.level, &a.service, &a.text).cmp(&(b.level, &b.service, &b.text)));
    plan.check_shape().map_err(|fault| {
        PlanError::Refused(format!(
            "a plugin's steps do not fit into the plan: {fault}"
        ))
    })?;
    Ok(plan)
}

fn datacenter(inventory: &Inventory) -> Result<PlanDc, PlanError> {
    let Some(sapi_app) = inventory.dc.sapi_app else {
        return Err(PlanError::Refused(
            "neither SAPI nor any restore data on this headnode says which datacenter this is (the UUID of SAPI's \
             application \"sdc\"); was triton-sync-data ever run here?"
                .to_owned(),
        ));
    };
    Ok(PlanDc {
        name: inventory.dc.name.clone(),
        sapi_app,
    })
}

fn goal(
    inventory: &Inventory,
    catalogue: &Catalogue,
    options: &RestoreOptions,
) -> Result<RestoreGoal, PlanError> {
    let server = |name: &str| -> Result<Uuid, PlanError> {
        inventory
            .server(name)
            .map(|server| server.uuid)
            .ok_or_else(|| {
                let known: Vec<&str> = inventory
                    .servers
                    .iter()
                    .map(|s| s.hostname.as_str())
                    .collect();
                PlanError::Bad(format!(
                    "no server \"{name}\"; the inventory knows {}",
                    known.join(", ")
                ))
            })
    };
    if options.lost.is_empty() && !options.local {
        return Err(PlanError::Bad(
            "which server is lost? (--lost headnode0)".to_owned(),
        ));
    }
    let mut lost = options
        .lost
        .iter()
        .map(|name| server(name))
        .collect::<Result<Vec<_>, _>>()?;
    lost.sort();
    lost.dedup();
    let on = match &options.on {
        Some(name) => server(name)?,
        None => inventory.taken_on,
    };
    if lost.contains(&on) {
        return Err(PlanError::Bad(
            "the services can't come back on a server that is lost".to_owned(),
        ));
    }
    for name in options.services.iter().chain(&options.except) {
        if catalogue.row(name).is_none() {
            return Err(PlanError::Bad(format!(
                "no core service \"{name}\" (`triton-plugin ls` lists them)"
            )));
        }
    }
    for name in options.services.iter().filter(|_| !options.local) {
        let was_there =
            |i: &&Instance| i.service == *name && i.server.is_some_and(|s| lost.contains(&s));
        if inventory.instances.iter().find(was_there).is_none() {
            return Err(PlanError::Bad(format!(
                "no instance of {name} was on a lost server: there is nothing to restore of it"
            )));
        }
    }
    let zones = match options.local {
        true => gone::zones(inventory, on, &options.services)?,
        false => Vec::new(),
    };
    let mut services: Vec<String> = options.services.clone();
    services.sort();
    services.dedup();
    Ok(RestoreGoal {
        lost,
        zones,
        on,
        services,
    })
}
