// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The inventory, asked the questions that a restore has: who is lost, who lives, what was where.

use std::net::IpAddr;

use contract::Row;
use documents::inventory::{Instance, Network, Nic, Server};
use documents::plan::RestoreGoal;
use documents::verb::MorayZone;
use documents::{Inventory, Uuid};

use crate::{Catalogue, derive};

pub struct World<'a> {
    pub inventory: &'a Inventory,
    pub catalogue: &'a Catalogue,
    pub goal: &'a RestoreGoal,
    pub run: Uuid,
    /// UUIDs that this run gives to its own new zones: found again, they are no survivors.
    ours: Vec<Uuid>,
}

impl<'a> World<'a> {
    pub fn new(
        inventory: &'a Inventory,
        catalogue: &'a Catalogue,
        goal: &'a RestoreGoal,
        run: Uuid,
    ) -> World<'a> {
        let mut world = World {
            inventory,
            catalogue,
            goal,
            run,
            ours: Vec::new(),
        };
        world.ours = world
            .lost_instances()
            .map(|lost| derive::new_instance(run, lost.uuid))
            .collect();
        world
    }

    pub fn is_lost(&self, server: Option<Uuid>) -> bool {
        server.is_some_and(|server| self.goal.lost.contains(&server))
    }

    /// Core zones that were on the lost servers, or are gone from one that lives, in the inventory's order.
    pub fn lost_instances(&self) -> impl Iterator<Item = &'a Instance> + use<'a> {
        let goal = self.goal;
        self.inventory.instances.iter().filter(move |instance| {
            goal.zones.contains(&instance.uuid)
                || instance.server.is_some_and(|s| goal.lost.contains(&s))
        })
    }

    /// Only a restore of everything that a server had takes members out of their clusters.
    pub fn is_whole(&self) -> bool {
        self.goal.services.is_empty() && self.goal.zones.is_empty()
    }

    /// Instances of a service that run on a server that is not lost, and that this run did not make.
    pub fn survivors(&self, service: &str) -> Vec<&'a Instance> {
        self.inventory
            .instances
            .iter()
            .filter(|instance| instance.service == service)
            .filter(|instance| !self.ours.contains(&instance.uuid))
            .filter(|instance| instance.server.is_some() && !self.is_lost(instance.server))
            .filter(|instance| self.lives(instance))
            .collect()
    }

    /// Running as far as is known, on a server that nothing speaks against.
    fn lives(&self, instance: &Instance) -> bool {
        let server = instance
            .server
            .and_then(|uuid| self.inventory.server_by_uuid(uuid));
        let server_lives = server.is_some_and(|server| {
            server.answers == Some(true)
                || (server.answers.is_none() && server.status.as_deref() == Some("running"))
                || server.uuid == self.inventory.taken_on
        });
        server_lives && instance.state.as_deref() == Some("running")
    }

    pub fn row(&self, service: &str) -> Option<&'a Row> {
        self.catalogue.row(service)
    }

    /// The service that an instance's record belongs to, in SAPI.
    pub fn sapi_service(&self, name: &str) -> Option<Uuid> {
        self.inventory
            .services
            .iter()
            .find(|service| service.name == name)
            .map(|s| s.uuid)
    }

    /// A surviving moray zone: one on the target if there is one, as it needs no authority elsewhere.
    pub fn moray(&self) -> Option<MorayZone> {
        let mut zones: Vec<MorayZone> = self
            .survivors("moray")
            .into_iter()
            .filter_map(|instance| {
                instance.server.map(|server| MorayZone {
                    server,
                    zone: instance.uuid,
                })
            })
            .collect();
        zones.sort_by_key(|moray| (moray.server != self.goal.on, moray.server, moray.zone));
        zones.into_iter().next()
    }

    /// Addresses of the binders that live, those on the target first.
    pub fn resolvers(&self) -> Vec<IpAddr> {
        let mut binders = self.survivors("binder");
        binders.sort_by_key(|b| (b.server != Some(self.goal.on), b.alias.clone(), b.uuid));
        binders
            .into_iter()
            .filter_map(|binder| self.admin_ip(binder))
            .collect()
    }

    pub fn admin_ip(&self, instance: &Instance) -> Option<IpAddr> {
        instance
            .nics
            .iter()
            .find(|nic| is_admin(nic))
            .and_then(|nic| nic.ip)
    }

    /// The address that a zone which is there already has on a network.
    pub fn address_of(&self, vm: Uuid, network: Uuid) -> Option<IpAddr> {
        let zone = self.inventory.instances.iter().find(|one| one.uuid == vm)?;
        let mut nics = zone.nics.iter();
        nics.find(|nic| self.network_of(nic) == Some(network))?.ip
    }

    /// Headnodes that live and can be worked on: the target, and those that answered by ssh.
    pub fn headnodes(&self) -> Vec<&'a Server> {
        let servers = self.inventory.servers.iter();
        let lives = |server: &&Server| {
            server.headnode
                && !self.is_lost(Some(server.uuid))
                && (server.uuid == self.goal.on || server.answers == Some(true))
        };
        let mut all: Vec<&Server> = servers.filter(lives).collect();
        all.sort_by_key(|server| (server.uuid != self.goal.on, &server.hostname));
        all
    }

    /// Addresses of binders that are lost.
    pub fn lost_resolvers(&self) -> Vec<IpAddr> {
        let lost = self.lost_instances().filter(|one| one.service == "binder");
        let mut addresses: Vec<IpAddr> = lost.filter_map(|one| self.admin_ip(one)).collect();
        addresses.sort();
        addresses
    }

    pub fn network(&self, uuid: Uuid) -> Option<&'a Network> {
        self.inventory.networks.iter().find(|one| one.uuid == uuid)
    }

    /// The network of a NIC: its own word, else the only network on its tag.
    pub fn network_of(&self, nic: &Nic) -> Option<Uuid> {
        if nic.network.is_some() {
            return nic.network;
        }
        let mut on_tag = self
            .inventory
            .networks
            .iter()
            .filter(|n| n.nic_tag == nic.nic_tag);
        match (on_tag.next(), on_tag.next()) {
            (Some(Network { uuid, .. }), None) => Some(*uuid),
            _ => None,
        }
    }

    pub fn target(&self) -> Option<&'a Server> {
        self.inventory.server_by_uuid(self.goal.on)
    }

    pub fn hostname(&self, server: Uuid) -> String {
        match self.inventory.server_by_uuid(server) {
            Some(server) => server.hostname.clone(),
            None => server.to_string(),
        }
    }

    /// `<service>.<dc>.<domain>`
    pub fn name_of(&self, service: &str) -> String {
        format!(
            "{service}.{}.{}",
            self.inventory.dc.name, self.inventory.dc.dns_domain
        )
    }

    /// The alias after the highest one in use, as sdcadm counts them; this run's own zones are not counted.
    pub fn next_ordinal(&self, service: &str) -> u64 {
        self.inventory
            .instances
            .iter()
            .filter(|i| i.service == service && !self.ours.contains(&i.uuid))
            .map(|instance| {
                let number = instance
                    .alias
                    .as_deref()
                    .and_then(|a| a.strip_prefix(service));
                number.and_then(|n| n.parse::<u64>().ok()).unwrap_or(0)
            })
            .max()
            .map_or(0, |highest| highest + 1)
    }
}

/// The admin network is tagged `admin`, or `admin_rack_NN` where racks have their own.
pub fn is_admin(nic: &Nic) -> bool {
    nic.nic_tag == "admin" || nic.nic_tag.starts_with("admin_")
}
