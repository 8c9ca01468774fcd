// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The plan for one replacement, in the order an operator would do it by hand.

use contract::{ExtraStep, NewInstance, Plugins, RestoreAdvice, RestoreFacts};
use documents::Plan;
use documents::plan::{Refusal, StepId};

use super::addresses::Addresses;
use super::facts::World;
use super::notices;
use super::select::{Replacement, Selection};
use super::steps::Builder;

pub fn one(
    world: &World<'_>,
    selection: &Selection<'_>,
    replacement: &Replacement<'_>,
    addresses: &Addresses,
    plugins: &dyn Plugins,
    plan: &mut Plan,
) {
    let Some(row) = world.row(replacement.service) else {
        return;
    };
    let Some(server) = replacement.lost.server else {
        return;
    };
    let advice = advice(world, replacement, plugins, plan);
    let moray = world.moray();
    let mut builder = Builder {
        world,
        replacement,
        row,
        steps: Vec::new(),
    };

    if let Some(image) = replacement.lost.image {
        builder.image(image);
    }
    let napi = answering_service(selection, "napi", replacement);
    if let Some(owner) = world.inventory.dc.admin_owner {
        builder.addresses(owner, addresses, &napi);
    }
    if let (Some(moray), Some(service), true) = (
        &moray,
        world.sapi_service(replacement.service),
        row.first_boot_fetches_config,
    ) {
        builder.record(moray.clone(), service);
    }
    builder.create(&advice.payload_set, &advice.payload_drop);
    if replacement.lost.delegate_dataset {
        builder.attach();
    }
    builder.start(answering(world, selection, replacement));
    builder.setup();
    builder.healthy();
    builder.named(addresses);
    let vmapi = answering_service(selection, "vmapi", replacement);
    builder.listed(vmapi);
    if let Some(owner) = world.inventory.dc.admin_owner {
        builder.registered(owner, addresses, &napi);
    }
    builder.retire(moray.filter(|_| row.first_boot_fetches_config), server);
    builder.released(&napi);
    place_extra_steps(&mut builder, advice.steps, plan);

    notices::service(world, replacement, row, addresses, plan);
    plan.notices.extend(advice.notices);
    plan.refusals.extend(advice.refusals);
    plan.steps.extend(builder.steps);
}

/// Steps after which the services answer that this one's first boot needs, as far as this plan restores them.
fn answering(
    world: &World<'_>,
    selection: &Selection<'_>,
    replacement: &Replacement<'_>,
) -> Vec<StepId> {
    let needs = world
        .row(replacement.service)
        .map(|row| row.needs.as_slice())
        .unwrap_or_default();
    let mut steps: Vec<StepId> = needs
        .iter()
        .filter(|need| *need != replacement.service)
        .flat_map(|need| answering_in(world, selection, need))
        .collect();
    steps.sort();
    steps
}

pub fn answering_in(world: &World<'_>, selection: &Selection<'_>, service: &str) -> Vec<StepId> {
    let last = match world.row(service) {
        Some(row) if row.registered => "named",
        _ => "healthy",
    };
    selection
        .of_service(service)
        .map(|r| StepId(format!("{}/{last}", r.prefix)))
        .collect()
}

fn answering_service(
    selection: &Selection<'_>,
    service: &str,
    replacement: &Replacement<'_>,
) -> Vec<StepId> {
    // VMAPI itself is listed by itself, once it works.
    let last = if replacement.service == service {
        "healthy"
    } else {
        "named"
    };
    selection
        .of_service(service)
        .map(|r| StepId(format!("{}/{last}", r.prefix)))
        .collect()
}

fn advice(
    world: &World<'_>,
    replacement: &Replacement<'_>,
    plugins: &dyn Plugins,
    plan: &mut Plan,
) -> RestoreAdvice {
    let service = replacement.service;
    let Some(row) = world.row(service) else {
        return RestoreAdvice::default();
    };
    if row.plugin == contract::row::PluginUse::None || world.catalogue.fault(service).is_some() {
        return RestoreAdvice::default();
    }
    let facts = RestoreFacts {
        dc: world.inventory.dc.name.clone(),
        dns_domain: world.inventory.dc.dns_domain.clone(),
        row: row.clone(),
        lost: replacement.lost.clone(),
        new: NewInstance {
            uuid: replacement.new,
            alias: replacement.alias.clone(),
            server: world.goal.on,
        },
        survivors: world.survivors(service).into_iter().cloned().collect(),
        restore_point: world
            .inventory
            .newest_restore_point(replacement.lost.uuid)
            .cloned(),
        moray: world.moray(),
        taken_at: world.inventory.taken_at,
    };
    match plugins.restore(service, facts) {
        Ok(advice) => advice.unwrap_or_default(),
        Err(fault) => {
            plan.refusals.push(Refusal {
                service: service.to_owned(),
                text: format!("its plugin gave no advice ({})", fault.why),
                accepted_by: None,
            });
            RestoreAdvice::default()
        }
    }
}

fn place_extra_steps(builder: &mut Builder<'_, '_>, extra: Vec<ExtraStep>, plan: &mut Plan) {
    for step in extra {
        if let Some(unknown) = step
            .after
            .iter()
            .chain(&step.before)
            .find(|name| !builder.has(name))
        {
            let text = format!(
                "its plugin places the step {} by a step \"{unknown}\" that is not there",
                step.id
            );
            let service = builder.replacement.service.to_owned();
            plan.refusals.push(Refusal {
                service,
                text,
                accepted_by: None,
            });
            continue;
        }
        let id = builder.id(&step.id);
        let needs = step.after.iter().map(|name| builder.id(name)).collect();
        builder.push(&step.id, step.verb, step.expects, needs, step.why);
        for name in &step.before {
            let waiting = builder.id(name);
            for other in builder.steps.iter_mut().filter(|other| other.id == waiting) {
                other.needs.push(id.clone());
            }
        }
    }
}
