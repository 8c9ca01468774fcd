// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `vmadm`: get, lookup, list, create, start, stop. It says what it did on stderr, and prints JSON on stdout.

mod create;
mod show;

use std::sync::Arc;

use uuid::Uuid;

use crate::call::Call;
use crate::lab::Lab;
use crate::physics;

pub fn run(lab: &Arc<Lab>, call: &mut Call) -> i32 {
    let args = call.args.clone();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        ["get", uuid] => show::get(lab, call, uuid),
        ["lookup", ref rest @ ..] => show::lookup(lab, call, rest),
        ["list", ref rest @ ..] => show::list(lab, call, rest),
        ["create"] => create::create(lab, call),
        ["start", uuid] => start(lab, call, uuid),
        ["stop", uuid, ..] => stop(lab, call, uuid),
        _ => call.fail(
            2,
            "Invalid command: the lab's vmadm knows get, lookup, list, create, start and stop",
        ),
    }
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

fn start(lab: &Arc<Lab>, call: &mut Call, uuid: &str) -> i32 {
    match state(lab, &call.host, uuid) {
        None => absent(call, uuid),
        // vmadm is content with a VM that runs already.
        Some((_, state)) if state == "running" => {
            call.fail(0, format!("VM {uuid} is already 'running'"))
        }
        Some((uuid, _)) => {
            physics::boot(lab, &call.host, uuid);
            call.fail(0, format!("Successfully started VM {uuid}"))
        }
    }
}

fn stop(lab: &Arc<Lab>, call: &mut Call, uuid: &str) -> i32 {
    match state(lab, &call.host, uuid) {
        None => absent(call, uuid),
        Some((_, state)) if state != "running" => {
            call.fail(1, format!("Unable to stop vm {uuid}: VM is not running"))
        }
        Some((uuid, _)) => {
            physics::halt(lab, &call.host, uuid);
            call.fail(0, format!("Succesfully completed stop for VM {uuid}"))
        }
    }
}
