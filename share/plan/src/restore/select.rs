// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Which lost instances are replaced, and which are left alone and why.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use contract::row::{Count, Restore};
use documents::Uuid;
use documents::inventory::Instance;

use super::RestoreOptions;
use super::facts::{World, is_admin};
use crate::derive;

/// One lost instance and the one that takes its place.
pub struct Replacement<'a> {
    pub lost: &'a Instance,
    pub service: &'a str,
    pub new: Uuid,
    pub alias: String,
    /// Prefix of its step ids: the service, or the new alias where several of a service are replaced.
    pub prefix: String,
}

/// A lost instance that gets no replacement.
pub struct LeftAlone<'a> {
    pub lost: &'a Instance,
    pub why: String,
    /// It should be replaced and can't be planned: a refusal, not a choice.
    pub refused: bool,
}

pub struct Selection<'a> {
    pub replace: Vec<Replacement<'a>>,
    pub left: Vec<LeftAlone<'a>>,
}

impl<'a> Selection<'a> {
    pub fn of(world: &World<'a>, options: &RestoreOptions) -> Selection<'a> {
        let mut selection = Selection {
            replace: Vec::new(),
            left: Vec::new(),
        };
        let mut lost: Vec<&Instance> = world.lost_instances().collect();
        lost.sort_by_key(|i| (&i.service, &i.alias, i.uuid));
        let mut taken: BTreeMap<&str, u64> = BTreeMap::new();
        for instance in &lost {
            let instance = *instance;
            let left = why_left_alone(world, options, instance)
                .or_else(|| why_not_this_one(world, &lost, instance));
            if let Some(why) = left {
                selection.left.push(LeftAlone {
                    lost: instance,
                    why,
                    refused: false,
                });
                continue;
            }
            if let Some(why) = why_unplannable(world, instance) {
                selection.left.push(LeftAlone {
                    lost: instance,
                    why,
                    refused: true,
                });
                continue;
            }
            let next = taken
                .entry(&instance.service)
                .or_insert(world.next_ordinal(&instance.service));
            let alias = format!("{}{next}", instance.service);
            *next += 1;
            selection.replace.push(Replacement {
                lost: instance,
                service: &instance.service,
                new: derive::new_instance(world.run, instance.uuid),
                prefix: alias.clone(),
                alias,
            });
        }
        selection.name_single_ones_by_their_service();
        selection
    }

    fn name_single_ones_by_their_service(&mut self) {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for replacement in &self.replace {
            *counts.entry(replacement.service).or_default() += 1;
        }
        for replacement in &mut self.replace {
            if counts.get(replacement.service) == Some(&1) {
                replacement.prefix = replacement.service.to_owned();
            }
        }
    }

    pub fn replaces(&self, service: &str) -> bool {
        self.replace
            .iter()
            .any(|replacement| replacement.service == service)
    }

    /// Replacements of a service.
    pub fn of_service(&self, service: &str) -> impl Iterator<Item = &Replacement<'a>> {
        self.replace
            .iter()
            .filter(move |replacement| replacement.service == service)
    }

    /// Those that others need come first; otherwise by name.
    pub fn in_order(&self, world: &World<'_>) -> Vec<&Replacement<'a>> {
        let mut ordered: Vec<&Replacement> = Vec::new();
        let mut waiting: Vec<&Replacement> = self.replace.iter().collect();
        while !waiting.is_empty() {
            let open: BTreeSet<&str> = waiting.iter().map(|r| r.service).collect();
            let (ready, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|replacement| {
                let needs = world
                    .row(replacement.service)
                    .map(|row| row.needs.as_slice());
                !needs
                    .unwrap_or_default()
                    .iter()
                    .any(|need| need != replacement.service && open.contains(need.as_str()))
            });
            if ready.is_empty() {
                // A circle in the catalogue: the shape check of the plan will name it.
                ordered.extend(rest);
                break;
            }
            ordered.extend(ready);
            waiting = rest;
        }
        ordered
    }
}

/// Steps need an admin address to ask for the service's health, and a network for every NIC.
fn why_unplannable(world: &World<'_>, instance: &Instance) -> Option<String> {
    if !instance.nics.iter().any(is_admin) {
        return Some("nothing says which NIC it had on the admin network".to_owned());
    }
    let lost = instance
        .nics
        .iter()
        .find(|nic| world.network_of(nic).is_none())?;
    Some(format!(
        "no network is known for its NIC {} on the tag \"{}\"",
        lost.mac, lost.nic_tag
    ))
}

/// Of a service that there may be only one of, the lost one with the youngest data comes back, whatever the records hold besides.
fn why_not_this_one(world: &World<'_>, lost: &[&Instance], instance: &Instance) -> Option<String> {
    let count = world.row(&instance.service)?.count;
    if !matches!(count, Count::Singleton | Count::PerHeadnode) {
        return None;
    }
    let worth = |one: &&Instance| {
        let data = world.inventory.newest_restore_point(one.uuid);
        (
            why_unplannable(world, one).is_none(),
            one.payload.is_some(),
            data.map(|point| point.as_of),
            one.state.as_deref() == Some("running"),
            Reverse((one.alias.clone(), one.uuid)),
        )
    };
    let same = lost.iter().filter(|one| one.service == instance.service);
    let best = same.max_by_key(|one| worth(one))?;
    (best.uuid != instance.uuid).then(|| {
        let name = best.alias.as_deref().unwrap_or(&best.service);
        format!("one of the lost ones comes back here, and that is {name} ({}), whose data is younger or better known", best.uuid)
    })
}

fn why_left_alone(
    world: &World<'_>,
    options: &RestoreOptions,
    instance: &Instance,
) -> Option<String> {
    let service = instance.service.as_str();
    let asked = options.services.iter().any(|name| name == service);
    if (!options.services.is_empty() && !asked) || options.except.iter().any(|name| name == service)
    {
        return Some("not asked for".to_owned());
    }
    let Some(row) = world.row(service) else {
        return Some(
            "the catalogue has no row for it, so nothing is known about bringing it back"
                .to_owned(),
        );
    };
    match &row.restore {
        Restore::Rejoin { why } | Restore::Leave { why } => return Some(why.clone()),
        Restore::Replace {} => {}
    }
    let survivors = world.survivors(service);
    let elsewhere = || {
        let names: Vec<String> = survivors
            .iter()
            .map(|s| {
                let on = s
                    .server
                    .map(|server| world.hostname(server))
                    .unwrap_or_default();
                format!("{} on {on}", s.alias.as_deref().unwrap_or(service))
            })
            .collect();
        names.join(", ")
    };
    match row.count {
        _ if survivors.is_empty() => None,
        Count::Singleton => Some(format!(
            "there must be only one, and one lives: {}",
            elsewhere()
        )),
        Count::PerHeadnode => Some(format!(
            "each headnode has its own, and one lives: {}",
            elsewhere()
        )),
        Count::Any | Count::Members if asked => None,
        Count::Any | Count::Members => Some(format!(
            "the service lives on ({}); name it to have this one replaced too",
            elsewhere()
        )),
    }
}
