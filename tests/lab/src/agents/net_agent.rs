// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! net-agent: tells NAPI of the NICs of its server's VMs.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Peer, Seen};
use crate::model::Vm;

const AGENT: &str = "net-agent/2.2.0";

/// What NAPI takes over from a NIC as `vmadm get` prints it.
const TAKEN: &[&str] = &[
    "mac",
    "ip",
    "nic_tag",
    "vlan_id",
    "network_uuid",
    "primary",
    "model",
];

#[derive(Default)]
pub struct NetAgent {
    /// What NAPI was told of each NIC.
    told: BTreeMap<String, Value>,
}

impl NetAgent {
    /// NAPI can't be found: once it can, it hears everything anew.
    pub fn lost(&mut self) {
        self.told.clear();
    }

    pub fn report(&mut self, seen: &Seen, napi: &Peer) {
        let nics: BTreeMap<String, Value> = seen
            .reported()
            .flat_map(|vm| nics(vm, seen.server))
            .collect();
        for (mac, nic) in &nics {
            if self.told.get(mac) != Some(nic) && tell(napi, mac, nic) {
                self.told.insert(mac.clone(), nic.clone());
            }
        }
        self.told.retain(|mac, _| nics.contains_key(mac));
    }
}

/// Updates a NIC that NAPI knows, makes one that it doesn't. A refusal is final until the NIC changes: an address that
/// NAPI gave to another VM, for example.
fn tell(napi: &Peer, mac: &str, nic: &Value) -> bool {
    let path = format!("/nics/{mac}");
    let answered = match napi.call(AGENT, "GET", &path, None) {
        Some((200, known)) if agrees(&known, nic) => return true,
        Some((200, _)) => napi.call(AGENT, "PUT", &path, Some(nic)),
        Some((404, _)) => napi.call(AGENT, "POST", "/nics", Some(nic)),
        other => other,
    };
    answered.is_some_and(|(status, _)| status < 500)
}

fn agrees(known: &Value, nic: &Value) -> bool {
    let compared = ["state", "cn_uuid", "belongs_to_uuid", "ip", "primary"];
    compared
        .iter()
        .all(|key| nic.get(key).is_none() || known[key] == nic[key])
}

fn nics(vm: &Vm, server: Uuid) -> Vec<(String, Value)> {
    let list = vm.props.get("nics").and_then(Value::as_array);
    let of = |nic: &Value| {
        let mac = nic["mac"].as_str()?.replace(':', "");
        let taken = TAKEN
            .iter()
            .filter_map(|key| Some(((*key).to_owned(), nic.get(*key)?.clone())));
        let mut body: Map<String, Value> = taken.collect();
        body.insert("belongs_to_type".to_owned(), json!("zone"));
        body.insert("belongs_to_uuid".to_owned(), json!(vm.uuid));
        body.insert(
            "owner_uuid".to_owned(),
            vm.props.get("owner_uuid").cloned().unwrap_or(Value::Null),
        );
        body.insert("cn_uuid".to_owned(), json!(server));
        body.insert("check_owner".to_owned(), json!(false));
        let state = if vm.state == "running" {
            "running"
        } else {
            "stopped"
        };
        body.insert("state".to_owned(), json!(state));
        Some((mac, Value::Object(body)))
    };
    list.into_iter().flatten().filter_map(of).collect()
}
