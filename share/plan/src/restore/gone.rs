// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Zones that are gone from a headnode that lives: destroyed by mistake, while SAPI still has them as instances.

use documents::inventory::Instance;
use documents::plan::{Step, StepId};
use documents::verb::{CheckGone, Expects};
use documents::{Inventory, Uuid, Verb};

use super::facts::World;
use crate::PlanError;

/// The zones of these services, or of any, that are gone from a server.
pub fn zones(
    inventory: &Inventory,
    from: Uuid,
    services: &[String],
) -> Result<Vec<Uuid>, PlanError> {
    let is_gone = |one: &&Instance| one.server == Some(from) && one.is_destroyed();
    let gone: Vec<&Instance> = inventory.instances.iter().filter(is_gone).collect();
    let has = |service: &String| gone.iter().any(|one| one.service == *service);
    let hostname = inventory
        .server_by_uuid(from)
        .map_or_else(|| from.to_string(), |server| server.hostname.clone());
    if let Some(service) = services.iter().find(|service| !has(service)) {
        return Err(PlanError::Bad(format!(
            "no zone of {service} that SAPI has on {hostname} is gone from there: there is nothing to restore of it"
        )));
    }
    if gone.is_empty() {
        return Err(PlanError::Bad(format!(
            "no core zone that SAPI has on {hostname} is gone from there: there is nothing to restore"
        )));
    }
    let asked = gone
        .iter()
        .filter(|one| services.is_empty() || services.contains(&one.service));
    let mut zones: Vec<Uuid> = asked.map(|one| one.uuid).collect();
    zones.sort();
    Ok(zones)
}

/// Each is looked for once more before anything is made in its place.
pub fn steps(world: &World<'_>) -> Vec<Step> {
    let step = |zone: &Uuid| Step {
        id: id(world, *zone),
        host: world.goal.on,
        verb: Verb::CheckGone(CheckGone { vm: *zone }),
        expects: Expects::default(),
        needs: Vec::new(),
        service: "dc".to_owned(),
        why: format!(
            "{} is replaced, so it may not be there any more",
            name(world, *zone)
        ),
    };
    world.goal.zones.iter().map(step).collect()
}

pub fn ids(world: &World<'_>) -> Vec<StepId> {
    let zones = world.goal.zones.iter();
    zones.map(|zone| id(world, *zone)).collect()
}

fn id(world: &World<'_>, zone: Uuid) -> StepId {
    StepId(format!("{}/gone", name(world, zone)))
}

/// Its alias, where that is its own; records may say anything.
fn name(world: &World<'_>, zone: Uuid) -> String {
    let alias = |one: &&Instance| one.uuid == zone;
    let of = world
        .lost_instances()
        .find(alias)
        .and_then(|one| one.alias.as_deref());
    let same = |one: &Instance| of.is_some() && one.alias.as_deref() == of;
    match of {
        Some(alias) if world.lost_instances().filter(|one| same(one)).count() == 1 => {
            alias.to_owned()
        }
        _ => zone.to_string(),
    }
}
