// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The steps about a replacement's NICs: each gets an address before the zone is made, and what the lost zone had is given back.

use std::net::IpAddr;

use documents::inventory::Nic;
use documents::plan::StepId;
use documents::verb::{AddressAssign, AddressRegister, AddressRelease, AddressTake, Expects};
use documents::{Uuid, Verb};
use serde_json::{Map, Value};

use super::addresses::Addresses;
use super::headnodes;
use super::select::Replacement;
use super::steps::Builder;
use crate::derive;

/// The lost zone's NICs with the interface each gets: its old one, or the next.
pub fn nics<'a>(
    replacement: &'a Replacement<'_>,
) -> impl Iterator<Item = (String, &'a Nic)> + use<'a> {
    replacement
        .lost
        .nics
        .iter()
        .enumerate()
        .map(|(index, nic)| {
            (
                nic.interface
                    .clone()
                    .unwrap_or_else(|| format!("net{index}")),
                nic,
            )
        })
}

pub fn address_step(interface: &str) -> String {
    format!("address-{interface}")
}

fn release_step(nic: &Nic) -> String {
    format!("release-{}", nic.mac.replace(':', ""))
}

impl Builder<'_, '_> {
    /// One address per NIC. The steps are named after the NIC's interface. `napi` is after what NAPI answers, where it is restored.
    pub fn addresses(&mut self, owner: Uuid, addresses: &Addresses, napi: &[StepId]) {
        for (interface, nic) in nics(self.replacement) {
            let Some(network) = self.world.network_of(nic) else {
                continue;
            };
            let given = addresses.given(self.replacement.new, &interface);
            let mut needs = headnodes::first(self.world);
            if given.is_some() && given == nic.ip {
                // Nobody else may have had it in the meantime: first of all it is taken from its dead owner.
                let after = [needs.as_slice(), napi].concat();
                self.release(nic, after);
                if addresses.napi_lives {
                    needs.extend(self.ids(&[release_step(nic).as_str()]));
                }
            }
            let verb = match given {
                Some(ip) if !addresses.napi_lives => self.assigned(&interface, nic, network, ip),
                ip => Some(self.taken(&interface, nic, network, owner, ip)),
            };
            let why = self.why_this_address(nic, given);
            if let Some(verb) = verb {
                self.push(
                    &address_step(&interface),
                    verb,
                    Expects::default(),
                    needs,
                    why,
                );
            }
        }
    }

    fn why_this_address(&self, nic: &Nic, given: Option<IpAddr>) -> String {
        let alias = &self.replacement.alias;
        match given {
            Some(ip) if Some(ip) == nic.ip => {
                format!("{alias} gets {ip}, which {} had", self.old())
            }
            Some(ip) => format!("{alias} gets {ip}, which was reserved for this"),
            None => format!("take an address on {} for {alias}", nic.nic_tag),
        }
    }

    fn properties(&self, nic: &Nic) -> Map<String, Value> {
        let row_nic = self.row.nics.iter().find(|n| n.tag == nic.nic_tag);
        let mut properties = nic.properties.clone();
        properties.extend(row_nic.map(|n| n.properties.clone()).unwrap_or_default());
        properties
    }

    /// A NIC that NAPI makes.
    fn taken(
        &self,
        interface: &str,
        nic: &Nic,
        network: Uuid,
        owner: Uuid,
        ip: Option<IpAddr>,
    ) -> Verb {
        Verb::AddressTake(AddressTake {
            network,
            owner,
            vm: self.replacement.new,
            ip,
            interface: interface.to_owned(),
            primary: nic.primary,
            properties: self.properties(nic),
        })
    }

    /// A NIC that is made without NAPI; none where the network is not known well enough, which is refused elsewhere.
    fn assigned(&self, interface: &str, nic: &Nic, network: Uuid, ip: IpAddr) -> Option<Verb> {
        let network = self.world.network(network)?;
        let vm = self.replacement.new;
        Some(Verb::AddressAssign(AddressAssign {
            vm,
            network: network.uuid,
            ip,
            mac: derive::mac(self.world.run, vm, interface),
            netmask: network.netmask?,
            nic_tag: nic.nic_tag.clone(),
            vlan_id: network.vlan_id,
            gateway: network.gateway,
            mtu: network.mtu,
            interface: interface.to_owned(),
            primary: nic.primary,
            properties: self.properties(nic),
        }))
    }

    /// NAPI learns of the addresses that it did not give once it is back; net-agent may be faster.
    pub fn registered(&mut self, owner: Uuid, addresses: &Addresses, napi: &[StepId]) {
        if addresses.napi_lives {
            return;
        }
        let vm = self.replacement.new;
        for (interface, nic) in nics(self.replacement) {
            let network = self.world.network_of(nic);
            let given = addresses.given(vm, &interface);
            let (Some(network), Some(ip)) = (network, given) else {
                continue;
            };
            let verb = Verb::AddressRegister(AddressRegister {
                vm,
                owner,
                network,
                ip,
                mac: derive::mac(self.world.run, vm, &interface),
                primary: nic.primary,
            });
            let why = format!("NAPI must know that {ip} is {}'s", self.replacement.alias);
            let mut needs = self.ids(&["start", release_step(nic).as_str()]);
            needs.extend_from_slice(napi);
            self.push(
                &format!("register-{interface}"),
                verb,
                Expects::default(),
                needs,
                why,
            );
        }
    }

    /// The lost zone's NICs go with it, those that did not before.
    pub fn released(&mut self, napi: &[StepId]) {
        for nic in &self.replacement.lost.nics {
            if !self.has(&release_step(nic)) {
                let mut needs = self.ids(&["retire-vm"]);
                needs.extend_from_slice(napi);
                self.release(nic, needs);
            }
        }
    }

    fn release(&mut self, nic: &Nic, needs: Vec<StepId>) {
        let verb = Verb::AddressRelease(AddressRelease {
            mac: nic.mac.clone(),
            vm: self.replacement.lost.uuid,
        });
        let why = format!("{}'s NIC on {} goes with it", self.old(), nic.nic_tag);
        self.push(&release_step(nic), verb, Expects::default(), needs, why);
    }
}
