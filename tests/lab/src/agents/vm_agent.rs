// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! vm-agent: tells VMAPI of every VM of its server; all at first, then what changes.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Peer, Seen};
use crate::model::Vm;

const AGENT: &str = "vm-agent/1.9.0";

#[derive(Default)]
pub struct VmAgent {
    /// What VMAPI was told of each VM.
    told: BTreeMap<Uuid, Value>,
    /// VMAPI answers, and was told of all VMs since it does.
    in_touch: bool,
}

impl VmAgent {
    /// VMAPI can't be found: once it can, it hears everything anew.
    pub fn lost(&mut self) {
        self.in_touch = false;
    }

    pub fn report(&mut self, seen: &Seen, vmapi: &Peer) {
        let vms: BTreeMap<Uuid, Value> = seen
            .reported()
            .map(|vm| (vm.uuid, object(vm, seen.server)))
            .collect();
        self.in_touch = match self.in_touch {
            false => greet(seen, vmapi, &vms),
            true => self.changes(seen, vmapi, &vms),
        };
        if self.in_touch {
            self.told = vms;
        }
    }

    fn changes(&self, seen: &Seen, vmapi: &Peer, vms: &BTreeMap<Uuid, Value>) -> bool {
        let changed = vms
            .iter()
            .filter(|(uuid, vm)| self.told.get(uuid) != Some(vm));
        let gone = self.told.keys().filter(|uuid| !seen.has(&uuid.to_string()));
        changed
            .into_iter()
            .all(|(uuid, vm)| vmapi.tell(AGENT, "PUT", &format!("/vms/{uuid}"), vm))
            && gone
                .into_iter()
                .all(|uuid| destroyed(vmapi, &uuid.to_string(), seen.server))
    }
}

/// After a silence: all VMs at once, and those that VMAPI still counts here although they are gone.
fn greet(seen: &Seen, vmapi: &Peer, vms: &BTreeMap<Uuid, Value>) -> bool {
    let all = json!({ "vms": vms });
    if !vmapi.tell(
        AGENT,
        "PUT",
        &format!("/vms?server_uuid={}", seen.server),
        &all,
    ) {
        return false;
    }
    let path = format!("/vms?server_uuid={}&state=active&fields=uuid", seen.server);
    let Some((200, Value::Array(known))) = vmapi.call(AGENT, "GET", &path, None) else {
        return false;
    };
    let mut gone = known
        .iter()
        .filter_map(|vm| vm["uuid"].as_str())
        .filter(|uuid| !seen.has(uuid));
    gone.all(|uuid| destroyed(vmapi, uuid, seen.server))
}

fn destroyed(vmapi: &Peer, uuid: &str, server: Uuid) -> bool {
    let body = json!({ "uuid": uuid, "state": "destroyed", "server_uuid": server });
    vmapi.tell(AGENT, "PUT", &format!("/vms/{uuid}"), &body)
}

/// A VM as `vmadm get` knows it, with the server that it is on.
fn object(vm: &Vm, server: Uuid) -> Value {
    let mut object = vm.props.clone();
    object.insert("uuid".to_owned(), json!(vm.uuid));
    object.insert("state".to_owned(), json!(vm.state));
    object.insert("zone_state".to_owned(), json!(vm.state));
    object.insert("server_uuid".to_owned(), json!(server));
    Value::Object(object)
}
