// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The global zones of the headnodes that live. They must resolve before anything else: without names their agents report
//! nothing, and nothing that is restored is ever known to VMAPI.

use documents::inventory::Server;
use documents::plan::{Step, StepId};
use documents::verb::{Expects, ResolversSet, ZonesResolvers};
use documents::{Uuid, Verb};

use super::facts::World;
use super::{fences, gone};

/// The step that makes a headnode resolve; none where there is no live binder to ask.
pub fn resolvers_id(world: &World<'_>, server: Uuid) -> Option<StepId> {
    let known = world.headnodes().into_iter().any(|one| one.uuid == server);
    (known && !world.resolvers().is_empty())
        .then(|| StepId(format!("{}/resolvers", name_of(world, server))))
}

/// What every other change waits for: the lost servers are fenced, or the zones are gone, and the target's global zone resolves, as services are asked
/// by their names.
pub fn first(world: &World<'_>) -> Vec<StepId> {
    let mut first = fences::ids(world);
    first.extend(gone::ids(world));
    first.extend(resolvers_id(world, world.goal.on));
    first
}

/// Its hostname, where that is its own; records may say anything.
pub fn name_of(world: &World<'_>, server: Uuid) -> String {
    let hostname = world.hostname(server);
    let same = world
        .inventory
        .servers
        .iter()
        .filter(|one| one.hostname == hostname);
    match same.count() {
        1 => hostname,
        _ => server.to_string(),
    }
}

/// Live binders into `resolv.conf` of every headnode that lives.
pub fn resolvers(world: &World<'_>) -> Vec<Step> {
    let resolvers = world.resolvers();
    if resolvers.is_empty() {
        // There is nobody to ask; that none lives is refused where it matters.
        return Vec::new();
    }
    let step = |server: &Server| Step {
        id: StepId(format!("{}/resolvers", name_of(world, server.uuid))),
        host: server.uuid,
        verb: Verb::ResolversSet(ResolversSet {
            resolvers: resolvers.clone(),
            gone: world.lost_resolvers(),
        }),
        expects: Expects::default(),
        needs: fences::ids(world),
        service: "dc".to_owned(),
        why: format!(
            "{} must ask binders that live, or its agents report nothing",
            server.hostname
        ),
    };
    world.headnodes().into_iter().map(step).collect()
}

/// The core zones that run on, on every headnode that lives: each asks the binder that is gone first, or after a while.
pub fn zones_resolvers(world: &World<'_>) -> Vec<Step> {
    let (resolvers, gone) = (world.resolvers(), world.lost_resolvers());
    let Some(owner) = world.inventory.dc.admin_owner else {
        return Vec::new();
    };
    if resolvers.is_empty() || gone.is_empty() {
        return Vec::new();
    }
    let step = |server: &Server| Step {
        id: StepId(format!("{}/zones-resolvers", name_of(world, server.uuid))),
        host: server.uuid,
        verb: Verb::ZonesResolvers(ZonesResolvers {
            owner,
            resolvers: resolvers.clone(),
            gone: gone.clone(),
        }),
        expects: Expects::default(),
        needs: first(world),
        service: "dc".to_owned(),
        why: format!(
            "core zones of {} must not wait for a binder that is gone, name by name",
            server.hostname
        ),
    };
    world.headnodes().into_iter().map(step).collect()
}
