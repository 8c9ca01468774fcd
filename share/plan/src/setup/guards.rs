// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The guards, one function each. The limits are those of `sdcadm server headnode-setup` on sdcadm's branch rfd67, and of the
//! changes that its comments name.

use std::collections::BTreeSet;

use documents::inventory::{Instance, Inventory, Learnt, Server};

use super::case::{Case, Word, finding, taken};
use super::{Accepted, Finding, Medium, Prospect, Shard};

/// OS-6160: `/usbkey` may be missing at a headnode's first boot.
const OLDEST_PLATFORM: &str = "20170830";

/// NET-376: booter tells a server's networking by its name.
const OLDEST_BOOTER: &str = "20170907T183323Z";

/// While one of them reboots a primary and a sync are left, without which nothing is written.
const FEWEST_PEERS: usize = 3;

/// More headnodes than these have no known use.
const MOST_HEADNODES: usize = 4;

type Guard = fn(&Case<'_>) -> Word;

/// All of them, in the order in which an operator would ask.
pub const GUARDS: [(&str, &str); 10] = [
    ("compute-node", "it is no headnode yet"),
    ("set-up", "it is a compute node that was set up"),
    ("headnodes", "there are not too many headnodes"),
    ("other-vms", "no VMs of customers run on it"),
    ("platform", "its platform copes with becoming a headnode"),
    ("booter", "every dhcpd can tell a new headnode's networking"),
    ("nic-tags", "it provides the NIC tags that core zones need"),
    ("memory", "it could run what a lost headnode had"),
    ("manatee", "the database outlives its reboots"),
    ("medium", "it has a medium to boot from"),
];

const CHECKS: [Guard; GUARDS.len()] = [
    compute_node,
    set_up,
    headnodes,
    other_vms,
    platform,
    booter,
    nic_tags,
    memory,
    manatee,
    medium,
];

/// Every guard's word on every server.
pub fn check(
    inventory: &Inventory,
    servers: &[&Server],
    prospects: &[Prospect],
    accepted: Accepted,
) -> Vec<Finding> {
    let already = inventory.servers.iter().filter(|server| server.headnode);
    let new = servers.iter().filter(|server| !server.headnode).count();
    let headnodes = already.count() + new;
    let mut findings = Vec::new();
    for server in servers {
        let of_it = |prospect: &&Prospect| prospect.server == server.uuid;
        let Some(prospect) = prospects.iter().find(of_it) else {
            continue;
        };
        let case = Case {
            inventory,
            server,
            prospect,
            headnodes,
            accepted,
        };
        for ((name, _), guard) in GUARDS.iter().zip(CHECKS) {
            findings.push(finding(server, name, guard(&case)));
        }
    }
    findings
}

fn compute_node(case: &Case<'_>) -> Word {
    if case.server.headnode {
        return Word::refused(
            "CNAPI says that it is a headnode already",
            &case.server.learnt,
        );
    }
    case.seen(|seen, learnt| match seen.headnode {
        true => Word::refused(
            "it was booted as a headnode, though CNAPI does not say so yet",
            learnt,
        ),
        false => Word::fit("it was booted as a compute node", learnt),
    })
}

fn set_up(case: &Case<'_>) -> Word {
    if !case.server.setup {
        return Word::refused(
            "it is not set up: sdc-server setup it first",
            &case.server.learnt,
        );
    }
    case.seen(|seen, learnt| match (seen.setup, seen.whole) {
        (true, true) => Word::fit("its sysinfo and setup.json say so, too", learnt),
        (false, _) => Word::refused(
            "CNAPI says that it is set up, and its sysinfo does not: sysinfo -u there, and see again",
            learnt,
        ),
        (true, false) => Word::refused(
            "its /var/lib/setup.json does not say that its setup was finished, and headnode.sh makes core zones where it was not",
            learnt,
        ),
    })
}

fn headnodes(case: &Case<'_>) -> Word {
    let learnt = &case.server.learnt;
    let count = case.headnodes;
    let why = format!("there would be {count} headnodes; three are suggested");
    match count > MOST_HEADNODES {
        true => Word::refused(why, learnt).accepted_by("--accept-many", case.accepted.many),
        false => Word::fit(why, learnt),
    }
}

fn other_vms(case: &Case<'_>) -> Word {
    const FLAG: &str = "--accept-other-vms";
    let of_it = |source: &&documents::inventory::Source| source.name == "vmapi";
    let others = &case.inventory.other_vms;
    match others.iter().find(|others| others.server == case.server.uuid) {
        Some(others) if others.count > 0 => Word::refused(
            format!(
                "{} VMs of others are on it, {} of them run: headnodes are for core zones, and reboots stop them",
                others.count, others.running
            ),
            &others.learnt,
        )
        .accepted_by(FLAG, case.accepted.other_vms),
        Some(others) => Word::fit("none is on it", &others.learnt),
        None => match case.inventory.sources.iter().find(of_it) {
            Some(vmapi) if vmapi.answered => {
                Word::fit("VMAPI lists none", &Learnt::new("vmapi", vmapi.at))
            }
            _ => Word::unknown("VMAPI did not answer", &taken(case))
                .accepted_by(FLAG, case.accepted.other_vms),
        },
    }
}

fn platform(case: &Case<'_>) -> Word {
    case.seen(|seen, learnt| match &seen.platform {
        None => Word::unknown("its sysinfo names no platform", learnt),
        Some(stamp) if stamp.as_str() < OLDEST_PLATFORM => Word::refused(
            format!("it runs {stamp}, and a headnode's first boot needs {OLDEST_PLATFORM} or later (OS-6160)"),
            learnt,
        ),
        Some(stamp) => Word::fit(format!("it runs {stamp}"), learnt),
    })
}

/// `master-20260301T120000Z-g1234567` is of 20260301T120000Z.
fn stamp(version: &str) -> Option<&str> {
    let is_stamp =
        |part: &&str| part.len() == 16 && part.as_bytes()[8] == b'T' && part.ends_with('Z');
    version.split('-').find(is_stamp)
}

fn booter(case: &Case<'_>) -> Word {
    let dhcpds: Vec<&Instance> = case
        .instances()
        .filter(|instance| instance.service == "dhcpd")
        .collect();
    if dhcpds.is_empty() {
        return Word::unknown("the inventory has no dhcpd", &taken(case));
    }
    for dhcpd in dhcpds {
        let alias = dhcpd.alias.as_deref().unwrap_or("dhcpd");
        let images = &case.inventory.images;
        let image = images.iter().find(|image| Some(image.uuid) == dhcpd.image);
        let built = image.and_then(|image| Some((stamp(&image.version)?, &image.learnt)));
        match built {
            None => {
                let why = format!(
                    "of what build {alias} is nobody here knows; see its image (sdc-imgadm get)"
                );
                return Word::unknown(why, &taken(case));
            }
            Some((built, learnt)) if built < OLDEST_BOOTER => {
                let why = format!(
                    "{alias} is of {built}, and {OLDEST_BOOTER} or later is needed (NET-376): sdcadm update dhcpd"
                );
                return Word::refused(why, learnt);
            }
            Some(_) => {}
        }
    }
    Word::fit(format!("all are of {OLDEST_BOOTER} or later"), &taken(case))
}

fn nic_tags(case: &Case<'_>) -> Word {
    let learnt = &case.server.learnt;
    let Some(has) = &case.server.nic_tags else {
        return Word::unknown("nobody knows its NIC tags", learnt);
    };
    let tags = case.instances().flat_map(|instance| &instance.nics);
    let needed: BTreeSet<&str> = tags.map(|nic| nic.nic_tag.as_str()).collect();
    let missing: Vec<&str> = needed
        .into_iter()
        .filter(|tag| !has.iter().any(|has| has == tag))
        .collect();
    match missing.is_empty() {
        true => Word::fit(format!("it provides {}", has.join(", ")), learnt),
        false => Word::refused(
            format!(
                "core zones have NICs on {}, which it does not provide: nictagadm add, on the NIC that leads there",
                missing.join(", ")
            ),
            learnt,
        ),
    }
}

/// VMs of others, which take of it too, have a guard of their own.
fn memory(case: &Case<'_>) -> Word {
    let needed = |headnode: &Server| -> u64 {
        let on_it = |instance: &&Instance| instance.server == Some(headnode.uuid);
        let instances = case.instances().filter(on_it);
        instances.filter_map(|instance| instance.memory).sum()
    };
    let headnodes = case
        .inventory
        .servers
        .iter()
        .filter(|server| server.headnode);
    let needed = headnodes.map(needed).max().unwrap_or_default();
    case.seen(|seen, learnt| match seen.memory {
        None => Word::unknown("its sysinfo does not tell its memory", learnt),
        Some(has) if has < needed => Word::refused(
            format!("it has {has} MiB, and the core zones of one headnode may use {needed} MiB"),
            learnt,
        )
        .accepted_by("--accept-little-room", case.accepted.little_room),
        Some(has) => Word::fit(
            format!("it has {has} MiB; the core zones of one headnode may use {needed} MiB"),
            learnt,
        ),
    })
}

fn manatee(case: &Case<'_>) -> Word {
    case.seen(|seen, learnt| match &seen.shard {
        Err(why) => Word::unknown(
            format!("whether the database would outlive its reboots could not be learnt: {why}"),
            learnt,
        ),
        Ok(None) => Word::fit("no manatee runs on it", learnt),
        Ok(Some(shard)) => match weakness(shard) {
            Some(why) => Word::refused(
                format!("its manatee is the {}, and {why}", shard.role),
                learnt,
            ),
            None => Word::fit(
                format!(
                    "its manatee is the {} of {} that are well; the others go on while it reboots",
                    shard.role, shard.peers
                ),
                learnt,
            ),
        },
    })
}

/// Why the database would not go on without one of its peers, and what helps.
fn weakness(shard: &Shard) -> Option<String> {
    if shard.one_node {
        return Some(
            "it is set up to be alone: without it nothing is stored; sdcadm post-setup ha-manatee first".to_owned(),
        );
    }
    if let Some(why) = &shard.frozen {
        return Some(format!(
            "its shard is frozen, so that nobody takes over ({why}): manatee-adm unfreeze in its zone first"
        ));
    }
    if !shard.faults.is_empty() {
        return Some(format!(
            "its shard is not well: {}; see manatee-adm show in its zone",
            shard.faults.join("; ")
        ));
    }
    (shard.peers < FEWEST_PEERS).then(|| {
        format!(
            "its shard has {} peers that are well; {FEWEST_PEERS} are needed before one reboots: sdcadm create manatee first",
            shard.peers
        )
    })
}

fn medium(case: &Case<'_>) -> Word {
    case.seen(|seen, learnt| match &seen.medium {
        Ok(_) if seen.own.is_err() => Word::unknown(
            format!(
                "what its configuration would be could not be learnt: {}",
                seen.own.as_ref().err().map_or("", String::as_str)
            ),
            learnt,
        ),
        Ok(Medium::Key) => Word::fit("it has a Triton key", learnt),
        Ok(Medium::Pool(pool)) => Word::fit(format!("it boots from its pool {pool}"), learnt),
        Err(why) => Word::refused(
            format!("it has no Triton key and does not boot from its pool: {why}"),
            learnt,
        ),
    })
}
