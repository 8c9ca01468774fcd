// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Lost instances that nothing takes the place of, because others live: members of clusters, a headnode's own dhcpd. They are not
//! copied: those that live carry on, and the records stop naming the dead ones.
//! Their NICs stay theirs, so that nobody else is given their addresses should the server come back.

use contract::row::{Count, Restore};
use documents::inventory::Instance;
use documents::plan::{Level, Step, StepId};
use documents::verb::{Expects, RecordDelete, VmRetire};
use documents::{Plan, Verb};

use super::facts::World;
use super::guards::refuse;
use super::headnodes;
use super::notices::notice;
use super::replace::answering_in;
use super::select::Selection;
use super::steps::INSTANCES;

pub fn retire(world: &World<'_>, selection: &Selection<'_>, plan: &mut Plan) {
    let mut lost: Vec<&Instance> = world
        .lost_instances()
        .filter(|one| {
            let Some(row) = world.row(&one.service) else {
                return false;
            };
            let replaced = || {
                selection
                    .replace
                    .iter()
                    .any(|new| new.lost.uuid == one.uuid)
            };
            let several = matches!(row.count, Count::Any | Count::PerHeadnode);
            match row.restore {
                Restore::Rejoin { .. } => true,
                Restore::Replace {} if several => {
                    !world.survivors(&one.service).is_empty() && !replaced()
                }
                _ => false,
            }
        })
        .collect();
    lost.sort_by_key(|one| (&one.service, &one.alias, one.uuid));
    majority(world, &lost, plan);
    for member in &lost {
        let name = name_of(member, &lost);
        plan.steps.extend(steps(world, selection, member, &name));
    }
    let mut services: Vec<&str> = lost.iter().map(|one| one.service.as_str()).collect();
    services.dedup();
    let rejoins = |service: &&str| {
        let row = world.row(service);
        row.is_some_and(|row| matches!(row.restore, Restore::Rejoin { .. }))
    };
    for service in services.into_iter().filter(rejoins) {
        back_to_three(world, service, plan);
    }
}

/// ZooKeeper without a majority serves nobody: no names, no lock, no manatee.
fn majority(world: &World<'_>, lost: &[&Instance], plan: &mut Plan) {
    let lost = lost.iter().filter(|one| one.service == "binder").count();
    let alive = world.survivors("binder").len();
    if lost > 0 && alive * 2 <= alive + lost {
        let text = format!(
            "{alive} of {} members live, which is no majority: ZooKeeper serves nobody, and no name resolves. Bring one \
             of the lost members back first",
            alive + lost
        );
        refuse(plan, "binder", text, None);
    }
}

/// Its alias, where that is one and its own; records may say anything.
fn name_of(member: &Instance, all: &[&Instance]) -> String {
    let alias = member.alias.as_deref().unwrap_or_default();
    let is_plain =
        !alias.is_empty() && alias.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let same = all.iter().filter(|one| one.alias.as_deref() == Some(alias));
    match is_plain && same.count() == 1 {
        true => alias.to_owned(),
        false => format!("{}-{}", member.service, member.uuid),
    }
}

fn steps(world: &World<'_>, selection: &Selection<'_>, member: &Instance, name: &str) -> Vec<Step> {
    let (Some(server), Some(through)) = (member.server, world.moray()) else {
        return Vec::new();
    };
    let step = |what: &str, verb: Verb, needs: Vec<StepId>, why: String| Step {
        id: StepId(format!("{name}/{what}")),
        host: world.goal.on,
        verb,
        expects: Expects::default(),
        needs,
        service: member.service.clone(),
        why,
    };
    let record = RecordDelete {
        bucket: INSTANCES.to_owned(),
        key: member.uuid.to_string(),
        through,
    };
    let vm = VmRetire {
        vm: member.uuid,
        server,
    };
    let mut vmapi = headnodes::first(world);
    vmapi.extend(answering_in(world, selection, "vmapi"));
    vec![
        step(
            "retire-record",
            Verb::RecordDelete(record),
            headnodes::first(world),
            format!("{name} is lost: SAPI must not name it to those who look for a member"),
        ),
        step(
            "retire-vm",
            Verb::VmRetire(vm),
            vmapi,
            format!("{name} is gone with its server; VMAPI must not list it as active"),
        ),
    ]
}

/// The commands that make the cluster whole again, once the datacenter works.
fn back_to_three(world: &World<'_>, service: &str, plan: &mut Plan) {
    let alive: Vec<String> = world
        .survivors(service)
        .iter()
        .filter_map(|one| Some(world.hostname(one.server?)))
        .collect();
    let command = match service {
        "binder" => format!("sdcadm post-setup ha-binder {} SERVER", alive.join(" ")),
        "manatee" => "sdcadm post-setup ha-manatee -s SERVER".to_owned(),
        _ => format!("sdcadm create {service} -s SERVER"),
    };
    let text = format!(
        "it goes on with the members on {}; when a third headnode is there, bring it back to three: {command}",
        alive.join(" and "),
    );
    notice(plan, Level::Must, service, text);
}
