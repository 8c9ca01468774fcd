// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What holds addresses instead of names is told the new ones: metadata in SAPI, nameservers of NAPI's networks, the headnodes'
//! own configuration.

use documents::inventory::Server;
use documents::plan::{Step, StepId};
use documents::verb::{ConfigSet, Expects, MetadataSet, NetworkResolvers, SapiObject};
use documents::{Plan, Uuid, Verb};
use serde_json::{Map, Value, json};

use super::facts::{World, is_admin};
use super::headnodes::{self, name_of};
use super::nics::{address_step, nics};
use super::replace::answering_in;
use super::select::{Replacement, Selection};

pub fn all(world: &World<'_>, selection: &Selection<'_>, plan: &mut Plan) {
    let moved = Moved::of(world, selection);
    let mut steps = Vec::new();
    steps.extend(application(world, selection, &moved));
    for (service, set) in of_services(world, selection) {
        steps.extend(service_metadata(world, selection, service, set, &moved));
    }
    steps.extend(networks(world, selection));
    for server in world.headnodes() {
        steps.extend(config(world, server, &moved));
    }
    plan.steps.extend(steps);
}

/// Services whose one instance has another address now, with the step that says which.
struct Moved<'a>(Vec<(&'a Replacement<'a>, String)>);

impl<'a> Moved<'a> {
    fn of(world: &World<'_>, selection: &'a Selection<'a>) -> Moved<'a> {
        let alone = |one: &&Replacement<'_>| {
            selection.of_service(one.service).count() == 1
                && world.survivors(one.service).is_empty()
        };
        let moved = selection.replace.iter().filter(alone).filter_map(|one| {
            let (interface, _) = nics(one).find(|(_, nic)| is_admin(nic))?;
            Some((one, format!("{}/{}", one.prefix, address_step(&interface))))
        });
        Moved(moved.collect())
    }

    /// Every key that holds one of their addresses.
    fn keys(&self, world: &World<'_>) -> Map<String, Value> {
        let mut keys = Map::new();
        for (replacement, step) in &self.0 {
            let row = world.row(replacement.service);
            for key in row.map(|row| &row.address_keys).into_iter().flatten() {
                keys.insert(key.clone(), json!({ "from": format!("{step}.nic.ip") }));
            }
        }
        keys
    }

    /// After all of them work.
    fn healthy(&self, world: &World<'_>) -> Vec<StepId> {
        let with_keys = self.0.iter().filter(|(one, _)| {
            let row = world.row(one.service);
            row.is_some_and(|row| !row.address_keys.is_empty())
        });
        with_keys
            .map(|(one, _)| StepId(format!("{}/healthy", one.prefix)))
            .collect()
    }

    fn url(&self, service: &str) -> Option<Value> {
        let (_, step) = self.0.iter().find(|(one, _)| one.service == service)?;
        Some(json!({ "from": format!("{step}.url") }))
    }
}

fn step(
    world: &World<'_>,
    host: Uuid,
    id: String,
    verb: Verb,
    needs: Vec<StepId>,
    why: &str,
) -> Step {
    let mut needs = needs;
    needs.extend(headnodes::first(world));
    needs.sort();
    needs.dedup();
    Step {
        id: StepId(id),
        host,
        verb,
        expects: Expects::default(),
        needs,
        service: "dc".to_owned(),
        why: why.to_owned(),
    }
}

/// `ZK_SERVERS` without the lost members; none where it stays as it is.
fn zk_servers(world: &World<'_>) -> Option<Value> {
    let lost = world.lost_resolvers();
    let all = &world.inventory.zk_servers;
    let alive: Vec<_> = all.iter().filter(|one| !lost.contains(&one.host)).collect();
    if alive.is_empty() || alive.len() == all.len() {
        return None;
    }
    let mut list: Vec<Value> = alive
        .iter()
        .map(|one| json!({ "host": one.host, "port": one.port, "num": one.num }))
        .collect();
    if let Some(last) = list.last_mut() {
        last["last"] = json!(true);
    }
    Some(Value::Array(list))
}

fn application(world: &World<'_>, selection: &Selection<'_>, moved: &Moved<'_>) -> Option<Step> {
    let mut set = moved.keys(world);
    if let Some(servers) = zk_servers(world).filter(|_| world.is_whole()) {
        set.insert("ZK_SERVERS".to_owned(), servers);
    }
    let uuid = world.inventory.dc.sapi_app?;
    if set.is_empty() {
        return None;
    }
    let mut needs = answering_in(world, selection, "sapi");
    needs.extend(moved.healthy(world));
    let verb = Verb::MetadataSet(MetadataSet {
        of: SapiObject::Application,
        uuid,
        set,
        existing: true,
    });
    Some(step(
        world,
        world.goal.on,
        "dc/metadata".to_owned(),
        verb,
        needs,
        "SAPI's application must name the new addresses to those who find a service by address",
    ))
}

/// Services with metadata of their own that hold addresses.
fn of_services(world: &World<'_>, selection: &Selection<'_>) -> Vec<(&'static str, &'static str)> {
    let mut of = Vec::new();
    if selection.replaces("sapi") {
        of.push(("binder", "sapi-url"));
    }
    if zk_servers(world).is_some() && world.is_whole() {
        of.extend([("manatee", "ZK_SERVERS"), ("moray", "ZK_SERVERS")]);
    }
    of
}

fn service_metadata(
    world: &World<'_>,
    selection: &Selection<'_>,
    service: &str,
    key: &str,
    moved: &Moved<'_>,
) -> Option<Step> {
    let value = match key {
        "ZK_SERVERS" => zk_servers(world)?,
        _ => moved.url("sapi")?,
    };
    let verb = Verb::MetadataSet(MetadataSet {
        of: SapiObject::Service,
        uuid: world.sapi_service(service)?,
        set: Map::from_iter([(key.to_owned(), value)]),
        existing: true,
    });
    Some(step(
        world,
        world.goal.on,
        format!("dc/metadata-{service}"),
        verb,
        answering_in(world, selection, "sapi"),
        "new members and restarts of this cluster must find who lives",
    ))
}

/// Networks whose zones are told to ask a dead binder.
fn networks(world: &World<'_>, selection: &Selection<'_>) -> Vec<Step> {
    let gone = world.lost_resolvers();
    let resolvers = world.resolvers();
    let asks_the_dead = |network: &&documents::inventory::Network| {
        network.resolvers.iter().any(|one| gone.contains(one))
    };
    let networks = world.inventory.networks.iter().filter(asks_the_dead);
    let steps = networks.filter(|_| !resolvers.is_empty()).map(|network| {
        let verb = Verb::NetworkResolvers(NetworkResolvers {
            network: network.uuid,
            resolvers: resolvers.clone(),
            gone: gone.clone(),
        });
        step(
            world,
            world.goal.on,
            format!("dc/resolvers-{}", network.uuid),
            verb,
            answering_in(world, selection, "napi"),
            "compute nodes that boot and zones that are made must not be told to ask a dead binder",
        )
    });
    steps.collect()
}

fn config(world: &World<'_>, server: &Server, moved: &Moved<'_>) -> Option<Step> {
    let mut set = moved.keys(world);
    let resolvers: Vec<String> = world.resolvers().iter().map(ToString::to_string).collect();
    if !resolvers.is_empty() && !world.lost_resolvers().is_empty() {
        set.insert("binder_admin_ips".to_owned(), json!(resolvers.join(",")));
    }
    // SAPI's alone: with a dash it is no variable of a shell.
    set.remove("assets-ip");
    if set.is_empty() {
        return None;
    }
    Some(step(
        world,
        server.uuid,
        format!("{}/config", name_of(world, server.uuid)),
        Verb::ConfigSet(ConfigSet { set }),
        moved.healthy(world),
        "after its next boot this headnode must find binders that live and the new addresses",
    ))
}
