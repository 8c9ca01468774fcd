// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The steps of each conversion, one server after the other where two at once would be down.

use std::collections::BTreeMap;
use std::net::IpAddr;

use documents::inventory::{Inventory, Server};
use documents::plan::{Step, StepId};
use documents::verb::{
    AddressesReserve, CheckServer, DatasetCreate, Expects, FilePark, MediumSync, MediumWrite,
    ServerReboot, ServiceImport, Through, ToolkitInstall, TrustJoin, WaitHeadnode, WaitServer,
};
use documents::{Uuid, Verb};
use serde_json::json;

use super::{Medium, Own, Prospect};

/// Firmware of large servers takes a quarter of an hour.
const REBOOT: u64 = 2400;

/// headnode.sh copies the key, and installs tools.
const FIRST_BOOT: u64 = 1800;

/// Agents tell CNAPI within a minute.
const AGENTS: u64 = 600;

const USBKEY: &str = "zones/usbkey";
const NODE_CONFIG: &str = "/opt/smartdc/config/node.config";
const MANIFESTS: [&str; 3] = [
    "triton-hn-guard-watch.xml",
    "triton-hn-guard.xml",
    "triton-sync-data.xml",
];

/// One server's way.
pub(super) struct Conversion<'a> {
    server: &'a Server,
    own: &'a Own,
    pool: Option<String>,
}

impl<'a> Conversion<'a> {
    /// `None` where too little is known, which a guard has refused.
    pub(super) fn of(server: &'a Server, prospects: &'a [Prospect]) -> Option<Conversion<'a>> {
        let of_it = |prospect: &&Prospect| prospect.server == server.uuid;
        let seen = prospects.iter().find(of_it)?.seen.as_ref().ok()?;
        let pool = match seen.medium.as_ref().ok()? {
            Medium::Key => None,
            Medium::Pool(name) => name.split('/').next().map(str::to_owned),
        };
        Some(Conversion {
            server,
            own: seen.own.as_ref().ok()?,
            pool,
        })
    }

    fn id(&self, what: &str) -> StepId {
        StepId(format!("{}/{what}", self.server.hostname))
    }

    fn step(&self, what: &str, verb: Verb, needs: Vec<StepId>, why: String) -> Step {
        Step {
            id: self.id(what),
            host: self.server.uuid,
            verb,
            expects: Expects::default(),
            needs,
            service: self.server.hostname.clone(),
            why,
        }
    }
}

pub(super) fn all(
    inventory: &Inventory,
    conversions: &[Conversion<'_>],
    peers: &[Uuid],
    binders: &[IpAddr],
    offline: bool,
) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut peers = peers.to_vec();
    let mut before: Option<&Conversion<'_>> = None;
    for one in conversions {
        steps.extend(up_to_the_reboot(one, binders));
        steps.extend(through_the_reboot(one, before, offline));
        steps.extend(afterwards(inventory, one, before, &peers, offline));
        peers.push(one.server.uuid);
        before = Some(one);
    }
    if !offline && !conversions.is_empty() {
        steps.push(Step {
            id: StepId("dc/reserve".to_owned()),
            host: inventory.taken_on,
            verb: Verb::AddressesReserve(AddressesReserve {}),
            expects: Expects::default(),
            needs: conversions.iter().map(|one| one.id("known")).collect(),
            service: "dc".to_owned(),
            why: "set addresses aside for the day when a headnode is lost and NAPI with it"
                .to_owned(),
        });
    }
    steps
}

fn up_to_the_reboot(one: &Conversion<'_>, binders: &[IpAddr]) -> Vec<Step> {
    let name = &one.server.hostname;
    let legacy = BTreeMap::from([("mountpoint".to_owned(), "legacy".to_owned())]);
    vec![
        one.step(
            "check",
            Verb::CheckServer(CheckServer {
                hostname: name.clone(),
            }),
            Vec::new(),
            format!("make sure that it is {name} that answers there, and that its setup was finished"),
        ),
        one.step(
            "toolkit",
            Verb::ToolkitInstall(ToolkitInstall {}),
            vec![one.id("check")],
            format!("install this toolkit on {name}"),
        ),
        one.step(
            "usbkey",
            Verb::DatasetCreate(DatasetCreate {
                dataset: USBKEY.to_owned(),
                properties: legacy,
            }),
            vec![one.id("check")],
            format!("make the dataset of /usbkey on {name} beforehand: its first boot as a headnode would make it and boot again"),
        ),
        one.step(
            "medium",
            Verb::MediumWrite(MediumWrite {
                hostname: one.own.hostname.clone(),
                admin_nic: one.own.admin_nic.clone(),
                admin_ip: one.own.admin_ip,
                binders: binders.to_vec(),
                pool: one.pool.clone(),
            }),
            vec![one.id("toolkit"), one.id("usbkey")],
            format!("write what a headnode boots from to {name}'s medium; from its next boot on it is one"),
        ),
    ]
}

/// No two are down at once: each may have a member of a cluster.
fn through_the_reboot(
    one: &Conversion<'_>,
    before: Option<&Conversion<'_>>,
    offline: bool,
) -> Vec<Step> {
    let name = &one.server.hostname;
    let mut needs = vec![one.id("medium")];
    needs.extend(before.map(|before| before.id("headnode")));
    let reboot = ServerReboot {
        server: one.server.uuid,
        through: match offline {
            true => Through::Ssh,
            false => Through::Cnapi,
        },
        timeout: REBOOT,
    };
    let headnode = WaitHeadnode {
        config: json!({ "from": format!("{}.config", one.id("medium")) }),
        timeout: FIRST_BOOT,
    };
    vec![
        one.step(
            "reboot",
            Verb::ServerReboot(reboot),
            needs,
            format!("reboot {name}: there is no way back from its first boot as a headnode"),
        ),
        one.step(
            "headnode",
            Verb::WaitHeadnode(headnode),
            vec![one.id("reboot")],
            format!(
                "{name} itself says that it is a headnode, with the configuration that was written"
            ),
        ),
    ]
}

fn afterwards(
    inventory: &Inventory,
    one: &Conversion<'_>,
    before: Option<&Conversion<'_>>,
    peers: &[Uuid],
    offline: bool,
) -> Vec<Step> {
    let name = &one.server.hostname;
    let mut trusts = vec![one.id("headnode")];
    trusts.extend(before.map(|before| before.id("trust")));
    let mut steps = vec![
        one.step(
            "node-config",
            Verb::FilePark(FilePark {
                path: NODE_CONFIG.to_owned(),
            }),
            vec![one.id("headnode")],
            format!("{name} is configured by its key from now on, and no more as a compute node"),
        ),
        one.step(
            "trust",
            Verb::TrustJoin(TrustJoin {
                with: peers.to_vec(),
            }),
            trusts,
            format!(
                "{name} and the other headnodes let each other pull what restores their services"
            ),
        ),
        one.step(
            "services",
            Verb::ServiceImport(ServiceImport {
                manifests: MANIFESTS.map(str::to_owned).to_vec(),
            }),
            vec![one.id("trust"), one.id("node-config")],
            format!("sync and the guard run on {name} from now on"),
        ),
    ];
    if offline {
        return steps;
    }
    steps.push(one.step(
        "known",
        Verb::WaitServer(WaitServer {
            server: one.server.uuid,
            timeout: AGENTS,
        }),
        vec![one.id("headnode")],
        format!("CNAPI calls {name} a headnode"),
    ));
    let mut alike = one.step(
        "alike",
        Verb::MediumSync(MediumSync {
            hostname: name.clone(),
        }),
        vec![one.id("known")],
        format!("give {name} what headnode.sh leaves out: agents, dockerlogger, joysetup, the platforms of compute nodes"),
    );
    // This headnode sends; the other's own tool puts it in its place.
    alike.host = inventory.taken_on;
    steps.push(alike);
    steps
}
