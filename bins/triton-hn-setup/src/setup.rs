// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The story of a setup: gather, look, plan, show, ask, apply. A run that was begun is gone on with, as it was planned.

use std::collections::BTreeMap;
use std::net::IpAddr;

use apply::{RefusalKind, Scope, World, WorldOptions};
use cli::events::{self, EventPrinter};
use cli::{Common, Exit, Failure, confirm, install, notices, output, show, signals};
use documents::event::Outcome;
use documents::{Inventory, Plan, Uuid};
use plan::setup::{named, run_of};
use plan::{PlanError, SetupOptions, plan_setup};
use platform::{Canceller, Host};

use crate::arguments::Setup;
use crate::look::{self, PRODUCT};

pub fn run(common: &Common, setup: &Setup) -> Result<Exit, Failure> {
    let canceller = Canceller::new();
    let cancelled = canceller.clone();
    let interrupted = signals::watch(move || cancelled.cancel(), platform::end_all_children)?;
    let inventory = look::inventory(common, &setup.whom)?;
    if let Some(signal) = interrupted.by() {
        return Ok(Exit::Signal(signal));
    }
    let plan = begun_or_new(common, setup, &inventory)?;
    if setup.plan {
        output::json_line(&plan)?;
        return refused(&plan).map_or(Ok(Exit::Done), Err);
    }
    if let Some(refused) = refused(&plan) {
        return Err(refused);
    }
    let question = match setup.undo {
        true => "take back what was done of this plan?",
        false => "apply this plan?",
    };
    confirm::confirm(&format!("{}{question}", show::plan(&plan)), setup.yes)?;
    let options = WorldOptions {
        root: common.root.clone(),
        product: PRODUCT.to_owned(),
        urls: setup.whom.urls.clone(),
        canceller,
        known: known(&inventory),
    };
    let world = World::here(options, plan.run).map_err(Failure::failed)?;
    let printer = EventPrinter::new(setup.json, plan.steps.len());
    let options = apply::Options {
        jobs: setup.jobs,
        undo: setup.undo,
        scope: match setup.accept_no_majority {
            true => Scope::Reached,
            false => Scope::Datacenter,
        },
        ..apply::Options::default()
    };
    let summary = apply::apply(&plan, &world, &options, &|event| printer.print(event)).map_err(
        |refused| Failure {
            exit: match refused.kind {
                RefusalKind::Input => Exit::Bad,
                RefusalKind::Precondition => Exit::Refused,
                RefusalKind::Failure => Exit::Failed,
            },
            message: refused.to_string(),
        },
    )?;
    if summary.outcome == Outcome::Done && !setup.undo {
        notices::remind(&plan.notices, &[]);
    }
    Ok(events::exit(&summary, interrupted.by()))
}

/// Offline nobody else tells where the servers are.
fn known(inventory: &Inventory) -> BTreeMap<Uuid, (String, IpAddr)> {
    let servers = inventory.servers.iter();
    let known = servers.filter_map(|server| {
        let address = server.admin_ip?;
        Some((server.uuid, (server.hostname.clone(), address)))
    });
    known.collect()
}

/// A server that is a headnode half-way fits no guard: what was begun is finished by the plan it was begun with.
fn begun_or_new(common: &Common, setup: &Setup, inventory: &Inventory) -> Result<Plan, Failure> {
    let options = SetupOptions {
        servers: setup.whom.servers.clone(),
        accepted: setup.whom.accepted(),
        offline: setup.offline,
        made_by: PRODUCT.replace('/', " "),
    };
    let run = run_of(inventory, &options).map_err(failure)?;
    let begun = apply::unfinished(&Host::local(&common.root), run);
    if let Some(begun) = begun.map_err(Failure::failed)? {
        eprintln!("this was begun before, and is gone on with as it was planned then");
        return Ok(begun);
    }
    if setup.undo {
        return Err(Failure::refused(
            "no unfinished run of this headnode makes headnodes of just these servers: there is nothing to take back",
        ));
    }
    let servers = named(inventory, &setup.whom.servers).map_err(Failure::bad)?;
    let prospects = look::at_all(&servers, &setup.whom);
    let catalogue = install::catalogue(common)?;
    plan_setup(inventory, &catalogue, &prospects, &options).map_err(failure)
}

fn failure(error: PlanError) -> Failure {
    match error {
        PlanError::Bad(why) => Failure::bad(why),
        PlanError::Refused(why) => Failure::refused(why),
    }
}

fn refused(plan: &Plan) -> Option<Failure> {
    (!plan.refusals.is_empty()).then(|| Failure::refused(show::refusals(plan).trim_end()))
}
