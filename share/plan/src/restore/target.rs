// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What the server lacks on which services are to come back: reach, room, NIC tags, images and the images those were made from,
//! platforms.

use documents::inventory::{Image, Server};
use documents::plan::Level;
use documents::{Plan, Uuid};

use super::accept;
use super::facts::World;
use super::guards::refuse;
use super::notices::notice;
use super::select::{Replacement, Selection};

/// What is known of the target was learnt from it, so it must have answered; and its tags must be known to be compared.
pub fn in_reach(world: &World<'_>, target: &Server, plan: &mut Plan) {
    let on = &target.hostname;
    if target.uuid != world.inventory.taken_on {
        match target.answers {
            Some(true) => {}
            Some(false) => {
                let text = format!(
                    "{on} did not answer by ssh when the inventory was taken: what it has and lacks is not known; run this on \
                     {on} itself"
                );
                refuse(plan, "dc", text, None);
            }
            None => {
                let text = format!(
                    "unknown what {on} has: nothing asked it when the inventory was taken; take one on {on} itself"
                );
                notice(plan, Level::Warn, "dc", text);
            }
        }
    }
    if target.nic_tags.is_none() {
        let text = format!(
            "unknown which NIC tags {on} has: vmadm refuses a zone whose tag is missing (nictagadm list, there)"
        );
        notice(plan, Level::Warn, "dc", text);
    }
}

/// What one service's new zone would miss there.
pub fn lacks(world: &World<'_>, replacement: &Replacement<'_>, plan: &mut Plan) {
    nic_tags(world, replacement, plan);
    firewall_rules(world, replacement, plan);
    images(world, replacement, plan);
}

fn nic_tags(world: &World<'_>, replacement: &Replacement<'_>, plan: &mut Plan) {
    let on = world.hostname(world.goal.on);
    let Some(tags) = world.target().and_then(|target| target.nic_tags.as_ref()) else {
        return;
    };
    for nic in &replacement.lost.nics {
        if !tags.contains(&nic.nic_tag) {
            let text = format!(
                "{on} has no NIC with the tag \"{}\", and vmadm refuses a zone that needs one (nictagadm add)",
                nic.nic_tag
            );
            refuse(plan, replacement.service, text, None);
        }
    }
}

/// A zone whose firewall is on hears only what a rule allows, and the rule for the admin network is one of the server's own.
fn firewall_rules(world: &World<'_>, replacement: &Replacement<'_>, plan: &mut Plan) {
    let known = world.target().and_then(|target| target.firewall_rules);
    if !replacement.lost.firewall || known == Some(true) {
        return;
    }
    let on = world.hostname(world.goal.on);
    let service = replacement.service;
    match known {
        Some(_) => {
            let text = format!(
                "its firewall is on, and {on} was never given the rules by which the admin network reaches core zones: nobody \
                 could ask it anything. headnode.sh adds them at a boot as a headnode; `fwadm list` there shows what it has"
            );
            refuse(plan, service, text, Some(accept::NO_FIREWALL_RULES));
        }
        None => {
            let text = format!(
                "unknown whether {on} has the firewall rules by which the admin network reaches it (`fwadm list` there)"
            );
            notice(plan, Level::Warn, service, text);
        }
    }
}

/// A VLAN ends where the switch says, which nobody here can ask; a zone that uses it already shows that it gets through.
pub fn vlans(world: &World<'_>, selection: &Selection<'_>, plan: &mut Plan) {
    let on = world.goal.on;
    let uses = |network: Uuid| {
        let zones = world.inventory.instances.iter();
        let mut here = zones.filter(|one| one.server == Some(on) && !one.is_destroyed());
        here.any(|one| one.nics.iter().any(|nic| nic.network == Some(network)))
    };
    let needed = |network: Uuid| {
        let nics = selection.replace.iter().flat_map(|one| &one.lost.nics);
        nics.filter(|nic| world.network_of(nic) == Some(network))
            .count()
            > 0
    };
    for network in &world.inventory.networks {
        let vlan = network.vlan_id;
        if vlan != 0 && needed(network.uuid) && !uses(network.uuid) {
            let text = format!(
                "no zone of {} uses VLAN {vlan} of the network {} yet: see that the switch passes it on to the NIC tagged \"{}\" \
                 there",
                world.hostname(on),
                network.name,
                network.nic_tag
            );
            notice(plan, Level::Warn, "dc", text);
        }
    }
}

fn images(world: &World<'_>, replacement: &Replacement<'_>, plan: &mut Plan) {
    let service = replacement.service;
    let on = world.hostname(world.goal.on);
    let Some(image) = replacement.lost.image else {
        let text = "nothing says which image it was made from".to_owned();
        refuse(plan, service, text, None);
        return;
    };
    let installed = |wanted: Uuid| {
        let mut images = world.inventory.images.iter();
        images.find(|one| one.server == world.goal.on && one.uuid == wanted)
    };
    match installed(image) {
        None => {
            let text =
                format!("image {image} is not installed on {on}; `imgadm import {image}` there");
            refuse(plan, service, text, None);
        }
        Some(here) => {
            let missing = here.origin.filter(|origin| installed(*origin).is_none());
            if let Some(oldest) = too_old_for(world, here) {
                let text = format!(
                    "image {image} wants the platform {oldest} or a newer one, and {on} runs {}",
                    world
                        .target()
                        .and_then(|target| target.platform.as_deref())
                        .unwrap_or("another")
                );
                refuse(plan, service, text, Some(accept::OLD_PLATFORM));
            }
            if let Some(origin) = missing {
                let text = format!(
                    "image {image} is installed on {on}, and its origin {origin} is not; `imgadm import {origin}` there"
                );
                refuse(plan, service, text, None);
            }
        }
    }
}

fn too_old_for(world: &World<'_>, image: &Image) -> Option<String> {
    let oldest = image.min_platform.clone()?;
    let runs = world.target()?.platform.as_ref()?;
    // Platforms are named by their build time, so the older one comes first.
    (*runs < oldest).then_some(oldest)
}

/// Bytes that a pool needs to work well: below it every write is slow, and none may be possible at the next failure.
const POOL_RESERVE: u64 = 10 << 30;

/// Memory and disk for all that comes back.
pub fn room(world: &World<'_>, selection: &Selection<'_>, plan: &mut Plan) {
    let on = world.hostname(world.goal.on);
    let Some(room) = world.target().and_then(|target| target.room.as_ref()) else {
        let text = format!(
            "unknown how much memory and disk {on} has for what comes back: nothing looked"
        );
        notice(plan, Level::Warn, "dc", text);
        return;
    };
    let open = selection.replace.iter().filter(|one| !is_made(world, one));
    let wanted: u64 = open.filter_map(|one| one.lost.memory).sum();
    let left = room.memory.saturating_sub(room.promised);
    if wanted > left {
        let text = format!(
            "what comes back may use {wanted} MiB of memory; {on} has {} MiB, of which {} MiB are promised to its VMs",
            room.memory, room.promised
        );
        refuse(plan, "dc", text, Some(accept::LITTLE_ROOM));
    }
    if let Some(free) = room.pool_free.filter(|free| *free < POOL_RESERVE) {
        let text = format!(
            "{on}'s pool has {} MiB free; what comes back writes there, and {} MiB are the least for it",
            free >> 20,
            POOL_RESERVE >> 20
        );
        refuse(plan, "dc", text, Some(accept::LITTLE_ROOM));
    }
}

/// An earlier try made its zone, so its memory is promised already.
fn is_made(world: &World<'_>, replacement: &Replacement<'_>) -> bool {
    let mut instances = world.inventory.instances.iter();
    instances.any(|one| one.uuid == replacement.new)
}

/// Compute nodes that boot by the network get their platform from the headnode that dhcpd is on.
pub fn platforms(world: &World<'_>, plan: &mut Plan) {
    let on = world.hostname(world.goal.on);
    let servers = world.inventory.servers.iter();
    let booted = servers.filter(|server| {
        !server.headnode && server.boot_platform.is_some() && !world.is_lost(Some(server.uuid))
    });
    let booted: Vec<&Server> = booted.collect();
    let Some(bootable) = world.target().and_then(|target| target.bootable.as_ref()) else {
        if !booted.is_empty() {
            let text = format!(
                "unknown which platforms {on} can boot compute nodes from: nothing read its /usbkey/os"
            );
            notice(plan, Level::Warn, "dhcpd", text);
        }
        return;
    };
    for server in booted {
        let boots = server.boot_platform.as_deref().unwrap_or_default();
        if !bootable.iter().any(|name| name.eq_ignore_ascii_case(boots)) {
            let text = format!(
                "{} boots the platform {boots}, which is not in {on}'s /usbkey/os: it would not come up again",
                server.hostname
            );
            refuse(plan, "dhcpd", text, Some(accept::MISSING_PLATFORMS));
        }
    }
}
