// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Which address each new NIC gets. While a NAPI lives, NAPI chooses; while none does, the addresses that were reserved for this
//! are given out here, each once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use documents::Uuid;

use super::facts::World;
use super::select::Selection;
use super::steps::nics;

pub enum Addresses {
    /// NAPI gives them.
    Napi,
    Reserved {
        /// By new zone and interface.
        given: BTreeMap<(Uuid, String), IpAddr>,
        /// By network: how many are needed, and how many are there.
        short: BTreeMap<Uuid, (usize, usize)>,
    },
}

impl Addresses {
    pub fn of(world: &World<'_>, selection: &Selection<'_>) -> Addresses {
        if !world.survivors("napi").is_empty() {
            return Addresses::Napi;
        }
        let mut given = BTreeMap::new();
        let mut needed: BTreeMap<Uuid, usize> = BTreeMap::new();
        let mut open = Vec::new();
        for replacement in &selection.replace {
            for (interface, nic) in nics(replacement) {
                let Some(network) = world.network_of(nic) else {
                    continue;
                };
                *needed.entry(network).or_default() += 1;
                match world.address_of(replacement.new, network) {
                    // An earlier try made the zone: it keeps what it has.
                    Some(ip) => drop(given.insert((replacement.new, interface), ip)),
                    None => open.push((replacement.new, interface, network)),
                }
            }
        }
        let mut left = free(world);
        let mut short = BTreeMap::new();
        for (vm, interface, network) in open {
            match left.get_mut(&network).and_then(|free| free.pop_first()) {
                Some(ip) => drop(given.insert((vm, interface), ip)),
                None => {
                    let there = free(world).get(&network).map_or(0, BTreeSet::len);
                    let needed = needed.get(&network).copied().unwrap_or_default();
                    short.insert(network, (needed, there));
                }
            }
        }
        Addresses::Reserved { given, short }
    }

    /// The address that is given here; none where NAPI gives it.
    pub fn given(&self, vm: Uuid, interface: &str) -> Option<IpAddr> {
        match self {
            Addresses::Napi => None,
            Addresses::Reserved { given, .. } => given.get(&(vm, interface.to_owned())).copied(),
        }
    }
}

/// Reserved addresses that no zone has, by network.
fn free(world: &World<'_>) -> BTreeMap<Uuid, BTreeSet<IpAddr>> {
    let nics = world.inventory.instances.iter().flat_map(|one| &one.nics);
    let taken: BTreeSet<IpAddr> = nics.filter_map(|nic| nic.ip).collect();
    let mut free: BTreeMap<Uuid, BTreeSet<IpAddr>> = BTreeMap::new();
    for one in &world.inventory.reserved {
        if !taken.contains(&one.ip) {
            free.entry(one.network).or_default().insert(one.ip);
        }
    }
    free
}
