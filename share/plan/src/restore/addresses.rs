// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Which address each new NIC gets. Where the dead zones' own are reused, those; else NAPI chooses while one lives, and while none
//! does, the addresses that were reserved for this are given out here. Each is given once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use documents::Uuid;
use documents::inventory::Nic;

use super::facts::World;
use super::nics::nics;
use super::select::{Replacement, Selection};

pub struct Addresses {
    /// NAPI makes each NIC, and chooses the addresses that are not given here.
    pub napi_lives: bool,
    /// By new zone and interface.
    given: BTreeMap<(Uuid, String), IpAddr>,
    /// By network, where reserved ones do not suffice: how many are needed, and how many are there.
    pub short: BTreeMap<Uuid, (usize, usize)>,
    /// Own addresses that can't be reused: of which new zone, and who has it.
    pub taken: Vec<(Uuid, IpAddr, String)>,
}

/// A NIC that nothing was found for yet.
struct Open {
    vm: Uuid,
    interface: String,
    network: Uuid,
}

impl Addresses {
    pub fn of(world: &World<'_>, selection: &Selection<'_>, reuse: bool) -> Addresses {
        let mut addresses = Addresses {
            napi_lives: !world.survivors("napi").is_empty(),
            given: BTreeMap::new(),
            short: BTreeMap::new(),
            taken: Vec::new(),
        };
        let mut open = Vec::new();
        for replacement in &selection.replace {
            for (interface, nic) in nics(replacement) {
                let Some(network) = world.network_of(nic) else {
                    continue;
                };
                let vm = replacement.new;
                // An earlier try made the zone: it keeps what it has.
                let kept = world.address_of(vm, network);
                let kept = kept.filter(|_| reuse || !addresses.napi_lives);
                let own = nic.ip.filter(|_| reuse && kept.is_none());
                let own = own.and_then(|ip| addresses.own(world, selection, replacement, ip));
                match kept.or(own) {
                    Some(ip) => drop(addresses.given.insert((vm, interface), ip)),
                    None => open.push(Open {
                        vm,
                        interface,
                        network,
                    }),
                }
            }
        }
        if !addresses.napi_lives {
            addresses.give_reserved(world, selection, open);
        }
        addresses
    }

    /// The address that is given here; none where NAPI chooses it.
    pub fn given(&self, vm: Uuid, interface: &str) -> Option<IpAddr> {
        self.given.get(&(vm, interface.to_owned())).copied()
    }

    /// Whether the new zone has this one.
    pub fn gives(&self, vm: Uuid, ip: IpAddr) -> bool {
        let mut given = self.given.iter();
        given.any(|((of, _), given)| *of == vm && *given == ip)
    }

    /// The dead zone's own address, where nobody else has it by now.
    fn own(
        &mut self,
        world: &World<'_>,
        selection: &Selection<'_>,
        replacement: &Replacement<'_>,
        ip: IpAddr,
    ) -> Option<IpAddr> {
        match self.owner(world, selection, replacement, ip) {
            None => Some(ip),
            Some(owner) => {
                self.taken.push((replacement.new, ip, owner));
                None
            }
        }
    }

    fn owner(
        &self,
        world: &World<'_>,
        selection: &Selection<'_>,
        replacement: &Replacement<'_>,
        ip: IpAddr,
    ) -> Option<String> {
        let given = self.given.iter().find(|(_, given)| **given == ip);
        if let Some(((vm, _), _)) = given {
            let mut others = selection.replace.iter();
            return others
                .find(|one| one.new == *vm)
                .map(|one| one.alias.clone());
        }
        let has = |nic: &Nic| nic.ip == Some(ip);
        let mut zones = world.inventory.instances.iter();
        let zone = zones.find(|one| {
            one.uuid != replacement.lost.uuid
                && !world.is_lost(one.server)
                && one.nics.iter().any(has)
        })?;
        Some(zone.alias.clone().unwrap_or_else(|| zone.uuid.to_string()))
    }

    fn give_reserved(&mut self, world: &World<'_>, selection: &Selection<'_>, open: Vec<Open>) {
        let mut left = free(world);
        for Open {
            vm,
            interface,
            network,
        } in open
        {
            match left.get_mut(&network).and_then(BTreeSet::pop_first) {
                Some(ip) => drop(self.given.insert((vm, interface), ip)),
                None => {
                    let there = free(world).get(&network).map_or(0, BTreeSet::len);
                    let needed = needed(world, selection, network);
                    self.short.insert(network, (needed, there));
                }
            }
        }
    }
}

/// NICs on a network, of all that is replaced.
pub fn needed(world: &World<'_>, selection: &Selection<'_>, network: Uuid) -> usize {
    let all = selection.replace.iter().flat_map(nics);
    all.filter(|(_, nic)| world.network_of(nic) == Some(network))
        .count()
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
