// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `vmadm`: it says what it did on stderr, and prints JSON on stdout.

mod create;
mod delete;
mod show;
mod update;

use std::sync::Arc;

use uuid::Uuid;

use super::{Subcommand, dispatch};
use crate::call::Call;
use crate::lab::Lab;
use crate::physics;

pub const SUBCOMMANDS: [Subcommand; 8] = [
    ("get", show::get),
    ("lookup", show::lookup),
    ("list", show::list),
    ("create", create::create),
    ("start", start),
    ("stop", stop),
    ("delete", delete::delete),
    ("update", update::update),
];

pub fn run(lab: &Arc<Lab>, call: &mut Call) -> i32 {
    dispatch(lab, call, &SUBCOMMANDS).unwrap_or_else(|| usage(call))
}

fn usage(call: &mut Call) -> i32 {
    let known = SUBCOMMANDS.map(|(name, _)| name).join(", ");
    call.fail(2, format!("Invalid command: the lab's vmadm knows {known}"))
}

fn state(lab: &Lab, host: &str, uuid: &str) -> Option<(Uuid, String)> {
    let uuid = uuid.parse::<Uuid>().ok()?;
    let dc = lab.dc();
    let vm = dc.hosts.get(host)?.vms.get(&uuid)?;
    Some((uuid, vm.state.clone()))
}

fn absent(call: &mut Call, uuid: &str) -> i32 {
    call.fail(1, format!("zoneadm: {uuid}: No such zone configured"))
}

fn start(lab: &Arc<Lab>, call: &mut Call, args: &[&str]) -> i32 {
    let [uuid] = args else { return usage(call) };
    match state(lab, &call.host, uuid) {
        None => absent(call, uuid),
        // vmadm is content with a VM that runs already.
        Some((_, state)) if state == "running" => {
            call.fail(0, format!("VM {uuid} is already 'running'"))
        }
        Some((uuid, _)) => {
            let line = match physics::boot(lab, &call.host, uuid) {
                Ok(()) => return call.fail(0, format!("Successfully started VM {uuid}")),
                Err(why) => why,
            };
            call.fail(1, line)
        }
    }
}

fn stop(lab: &Arc<Lab>, call: &mut Call, args: &[&str]) -> i32 {
    let ([uuid] | [uuid, "-F"]) = args else {
        return usage(call);
    };
    match state(lab, &call.host, uuid) {
        None => absent(call, uuid),
        Some((_, state)) if state != "running" => {
            call.fail(1, format!("Unable to stop vm {uuid}: VM is not running"))
        }
        Some((uuid, _)) => {
            physics::halt(lab, &call.host, uuid);
            call.fail(0, format!("Successfully completed stop for VM {uuid}"))
        }
    }
}
