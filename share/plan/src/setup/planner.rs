// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The plan that makes compute nodes headnodes.

use contract::Row;
use documents::inventory::{Inventory, Server};
use documents::plan::{Goal, KIND, PlanDc, Refusal, SetupGoal};
use documents::{Digest, Plan, Uuid};

use super::steps::Conversion;
use super::{Accepted, Finding, Prospect, Verdict, check, named, notices, steps};
use crate::{Catalogue, PlanError, derive};

/// What the operator asked for.
#[derive(Debug, Clone, Default)]
pub struct SetupOptions {
    /// Hostnames or UUIDs of the compute nodes.
    pub servers: Vec<String>,
    pub accepted: Accepted,
    /// Ask no API: as far as that goes.
    pub offline: bool,
    /// Tool and version, for `made_by`.
    pub made_by: String,
}

/// The run that makes headnodes of these servers, whenever it is planned.
pub fn run_of(inventory: &Inventory, options: &SetupOptions) -> Result<Uuid, PlanError> {
    let servers = named(inventory, &options.servers).map_err(PlanError::Bad)?;
    let goal = Goal::Setup(goal(inventory, &servers, options));
    Ok(derive::run(&datacenter(inventory)?, 0, &goal))
}

pub fn plan_setup(
    inventory: &Inventory,
    catalogue: &Catalogue,
    prospects: &[Prospect],
    options: &SetupOptions,
) -> Result<Plan, PlanError> {
    let servers = named(inventory, &options.servers).map_err(PlanError::Bad)?;
    let goal = Goal::Setup(goal(inventory, &servers, options));
    let dc = datacenter(inventory)?;
    let mut plan = Plan {
        kind: KIND.to_owned(),
        run: derive::run(&dc, 0, &goal),
        dc,
        made_by: options.made_by.clone(),
        inventory: Digest::of(inventory),
        goal,
        steps: Vec::new(),
        notices: Vec::new(),
        refusals: check(inventory, &servers, prospects, options.accepted)
            .into_iter()
            .filter_map(refusal)
            .collect(),
    };
    let conversions: Vec<Conversion<'_>> = servers
        .iter()
        .filter_map(|server| Conversion::of(server, prospects))
        .collect();
    let binders = inventory.live_binders();
    if binders.is_empty() {
        plan.refusals.push(Refusal {
            service: "binder".to_owned(),
            text: "no binder is known to live: the new headnodes would resolve no name".to_owned(),
            accepted_by: None,
        });
    }
    if plan.refusals.is_empty() {
        let peers = peers(inventory, &servers);
        plan.steps = steps::all(inventory, &conversions, &peers, &binders, options.offline);
        notices::all(inventory, &servers, options.offline, &mut plan);
        let members: Vec<&Row> = catalogue.rows().collect();
        notices::clusters(inventory, &servers, &members, &mut plan);
    }
    plan.notices
        .sort_by(|a, b| (a.level, &a.service, &a.text).cmp(&(b.level, &b.service, &b.text)));
    plan.check_shape()
        .map_err(|fault| PlanError::Refused(fault.to_string()))?;
    Ok(plan)
}

fn goal(inventory: &Inventory, servers: &[&Server], options: &SetupOptions) -> SetupGoal {
    let mut servers: Vec<Uuid> = servers.iter().map(|server| server.uuid).collect();
    servers.sort();
    SetupGoal {
        servers,
        from: inventory.taken_on,
        offline: options.offline,
    }
}

fn datacenter(inventory: &Inventory) -> Result<PlanDc, PlanError> {
    let Some(sapi_app) = inventory.dc.sapi_app else {
        return Err(PlanError::Refused(
            "neither SAPI nor any restore data on this headnode says which datacenter this is (the UUID of SAPI's \
             application \"sdc\")"
                .to_owned(),
        ));
    };
    Ok(PlanDc {
        name: inventory.dc.name.clone(),
        sapi_app,
    })
}

/// Whatever is not fit, and not accepted by its flag.
fn refusal(finding: Finding) -> Option<Refusal> {
    let against = matches!(finding.verdict, Verdict::Refused | Verdict::Unknown);
    against.then(|| Refusal {
        service: finding.server,
        text: format!("{}: {}", finding.guard, finding.why),
        accepted_by: finding.accept.map(str::to_owned),
    })
}

/// The headnodes that there are, and that live.
fn peers(inventory: &Inventory, servers: &[&Server]) -> Vec<Uuid> {
    let new = |uuid: Uuid| servers.iter().any(|server| server.uuid == uuid);
    let headnodes = inventory.servers.iter().filter(|server| server.headnode);
    let live = headnodes.filter(|server| server.lives() || server.uuid == inventory.taken_on);
    let mut peers: Vec<Uuid> = live.map(|server| server.uuid).collect();
    peers.retain(|uuid| !new(*uuid));
    peers.sort();
    peers
}
