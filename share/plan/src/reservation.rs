// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! How many addresses must be set aside, so that the services of any one headnode can be restored while no NAPI lives to give any.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use contract::row::Restore;
use documents::inventory::{Instance, Nic};
use documents::{Inventory, Uuid};
use serde::Serialize;

use crate::Catalogue;

/// What one network needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Need {
    pub network: Uuid,
    pub name: String,
    /// NICs on it of all that the worst headnode to lose has.
    pub needed: usize,
    /// Addresses that are set aside already.
    pub reserved: usize,
}

impl Need {
    pub fn missing(&self) -> usize {
        self.needed.saturating_sub(self.reserved)
    }
}

/// Every network that a restorable zone has a NIC on, by name.
pub fn needs(inventory: &Inventory, catalogue: &Catalogue) -> Vec<Need> {
    let mut of_headnodes: BTreeMap<(Uuid, Uuid), usize> = BTreeMap::new();
    for instance in inventory
        .instances
        .iter()
        .filter(|one| restorable(catalogue, one))
    {
        for nic in &instance.nics {
            let (Some(network), Some(server)) = (network_of(inventory, nic), instance.server)
            else {
                continue;
            };
            *of_headnodes.entry((network, server)).or_default() += 1;
        }
    }
    let mut worst: BTreeMap<Uuid, usize> = BTreeMap::new();
    for ((network, _), count) in of_headnodes {
        let known = worst.entry(network).or_default();
        *known = count.max(*known);
    }
    let mut needs: Vec<Need> = worst
        .into_iter()
        .map(|(network, needed)| Need {
            network,
            name: name_of(inventory, network),
            needed,
            reserved: reserved(inventory, network),
        })
        .collect();
    needs.sort_by(|a, b| (&a.name, a.network).cmp(&(&b.name, b.network)));
    needs
}

fn restorable(catalogue: &Catalogue, instance: &Instance) -> bool {
    let row = catalogue.row(&instance.service);
    row.is_some_and(|row| matches!(row.restore, Restore::Replace {}))
}

/// Its own word, else the only network on its tag.
fn network_of(inventory: &Inventory, nic: &Nic) -> Option<Uuid> {
    let on_tag = |network: &&documents::inventory::Network| network.nic_tag == nic.nic_tag;
    let mut networks = inventory.networks.iter().filter(on_tag);
    nic.network
        .or_else(|| match (networks.next(), networks.next()) {
            (Some(only), None) => Some(only.uuid),
            _ => None,
        })
}

fn name_of(inventory: &Inventory, network: Uuid) -> String {
    let known = inventory.networks.iter().find(|one| one.uuid == network);
    known.map_or_else(|| network.to_string(), |network| network.name.clone())
}

fn reserved(inventory: &Inventory, network: Uuid) -> usize {
    let all = inventory.reserved.iter();
    all.filter(|one| one.network == network).count()
}

/// Free addresses from the upper end, where NAPI, which begins at the lower one, comes last.
pub fn choose(
    first: Ipv4Addr,
    last: Ipv4Addr,
    used: &BTreeSet<Ipv4Addr>,
    count: usize,
) -> Vec<Ipv4Addr> {
    (first.to_bits()..=last.to_bits())
        .rev()
        .map(Ipv4Addr::from_bits)
        .filter(|ip| !used.contains(ip))
        .take(count)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_chosen_from_above_and_none_that_is_used() {
        let ip = |last| Ipv4Addr::new(10, 99, 99, last);
        let used = BTreeSet::from([ip(199), ip(197)]);
        assert_eq!(
            choose(ip(190), ip(199), &used, 3),
            [ip(198), ip(196), ip(195)]
        );
        assert_eq!(choose(ip(198), ip(199), &used, 3), [ip(198)]);
        assert!(choose(ip(199), ip(198), &used, 3).is_empty());
    }
}
