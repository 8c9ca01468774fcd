// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The story of a restore: gather, plan, show, ask, apply.

use std::collections::BTreeSet;

use apply::{RefusalKind, Scope, World, WorldOptions};
use cli::events::{self, EventPrinter};
use cli::{Exit, Failure, confirm, input, install, notices, output, show, signals};
use documents::event::Outcome;
use documents::{Inventory, Plan, PowerOff, power};
use plan::restore::accept;
use plan::{PlanError, RestoreOptions};
use platform::{Canceller, Host};
use sync::headnodes::Login;

use crate::arguments::{Arguments, Ips};

pub const PRODUCT: &str = concat!("triton-svc-restore/", env!("CARGO_PKG_VERSION"));

pub fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let canceller = Canceller::new();
    let cancelled = canceller.clone();
    let interrupted = signals::watch(move || cancelled.cancel(), platform::end_all_children)?;
    let inventory = inventory(&arguments, &canceller)?;
    if let Some(signal) = interrupted.by() {
        return Ok(Exit::Signal(signal));
    }
    let plan = plan_of(&arguments, &inventory)?;
    if arguments.plan {
        output::json_line(&plan)?;
        return refused(&plan).map_or(Ok(Exit::Done), Err);
    }
    if let Some(refused) = refused(&plan) {
        return Err(refused);
    }
    if plan.steps.is_empty() {
        eprint!("{}", show::plan(&plan));
        return Ok(Exit::Done);
    }
    confirm::confirm(
        &format!("{}apply this plan?", show::plan(&plan)),
        arguments.yes,
    )?;
    let options = WorldOptions {
        root: arguments.common.root.clone(),
        product: PRODUCT.to_owned(),
        urls: arguments.urls.clone(),
        canceller,
        known: Default::default(),
    };
    let world = World::here(options, plan.run).map_err(Failure::failed)?;
    let printer = EventPrinter::new(arguments.json, plan.steps.len());
    let options = apply::Options {
        jobs: arguments.jobs,
        scope: match arguments.accept_no_majority {
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
    if summary.outcome == Outcome::Done {
        notices::remind(&plan.notices, &[]);
    }
    Ok(events::exit(&summary, interrupted.by()))
}

/// The one given, or one taken now.
fn inventory(arguments: &Arguments, canceller: &Canceller) -> Result<Inventory, Failure> {
    if let Some(from) = &arguments.inventory {
        return input::inventory(from);
    }
    let options = gather::Options {
        host: Host::local(&arguments.common.root).with_canceller(canceller.clone()),
        urls: arguments.urls.iter().cloned().collect(),
        login: Login {
            identity: arguments.identity.clone(),
            known_hosts: arguments.known_hosts.clone(),
            canceller: Some(canceller.clone()),
        },
        product: PRODUCT.to_owned(),
    };
    gather::inventory(&options).map_err(Failure::failed)
}

fn plan_of(arguments: &Arguments, inventory: &Inventory) -> Result<Plan, Failure> {
    let catalogue = install::catalogue(&arguments.common)?;
    let plugins = install::plugins(&arguments.common)?;
    let options = RestoreOptions {
        lost: arguments.lost.clone(),
        local: arguments.local,
        on: arguments.on.clone(),
        services: arguments.services.clone(),
        except: arguments.except.clone(),
        max_age: arguments.max_age,
        reuse_addresses: arguments.ips == Ips::Reuse,
        power_off: power_off(arguments),
        accept: accepted(arguments),
        made_by: PRODUCT.replace('/', " "),
    };
    plan::plan_restore(inventory, &catalogue, &plugins, &options).map_err(|error| match error {
        PlanError::Bad(why) => Failure::bad(why),
        PlanError::Refused(why) => Failure::refused(why),
    })
}

/// The refusals that the operator accepts, each by its flag.
fn accepted(arguments: &Arguments) -> BTreeSet<String> {
    let flags = [
        (arguments.accept_old_data, accept::OLD_DATA),
        (arguments.accept_unreached, accept::UNREACHED),
        (arguments.accept_little_room, accept::LITTLE_ROOM),
        (arguments.accept_old_platform, accept::OLD_PLATFORM),
        (
            arguments.accept_no_firewall_rules,
            accept::NO_FIREWALL_RULES,
        ),
        (
            arguments.accept_missing_platforms,
            accept::MISSING_PLATFORMS,
        ),
    ];
    let given = flags.into_iter().filter(|(given, _)| *given);
    given.map(|(_, flag)| flag.to_owned()).collect()
}

/// Whose word on the lost servers' power there is. A person's goes before a machine's.
fn power_off(arguments: &Arguments) -> Option<PowerOff> {
    if arguments.powered_off {
        let user = std::env::var("LOGNAME").or_else(|_| std::env::var("USER"));
        return Some(PowerOff::Person(user.unwrap_or_else(|_| "root".to_owned())));
    }
    let program = Host::local(&arguments.common.root).path(power::PROGRAM);
    (arguments.ips == Ips::Reuse && program.exists()).then_some(PowerOff::Bmc)
}

fn refused(plan: &Plan) -> Option<Failure> {
    (!plan.refusals.is_empty()).then(|| Failure::refused(show::refusals(plan).trim_end()))
}
