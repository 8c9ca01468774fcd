// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `vmadm update UUID`: the properties that the product changes, as JSON on standard input.

use std::io::Read;
use std::sync::Arc;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::{absent, state, usage};
use crate::call::Call;
use crate::lab::Lab;

/// The real one takes many more.
const UPDATABLE: [&str; 4] = ["alias", "autoboot", "do_not_inventory", "resolvers"];

pub fn update(lab: &Arc<Lab>, call: &mut Call, args: &[&str]) -> i32 {
    let [uuid] = args else { return usage(call) };
    let Some((vm, _)) = state(lab, &call.host, uuid) else {
        return absent(call, uuid);
    };
    let mut text = String::new();
    let read = call.stdin.read_to_string(&mut text);
    let changes = read.ok().and_then(|_| serde_json::from_str(&text).ok());
    let Some(changes): Option<Map<String, Value>> = changes else {
        return call.fail(1, "Invalid JSON in payload");
    };
    if let Some(unknown) = changes
        .keys()
        .find(|key| !UPDATABLE.contains(&key.as_str()))
    {
        return call.fail(1, format!("the lab's vmadm update does not know {unknown}"));
    }
    apply(lab, &call.host, vm, changes);
    call.fail(0, format!("Successfully updated VM {uuid}"))
}

fn apply(lab: &Lab, host: &str, vm: Uuid, changes: Map<String, Value>) {
    let mut dc = lab.dc();
    let found = dc
        .hosts
        .get_mut(host)
        .and_then(|host| host.vms.get_mut(&vm));
    if let Some(found) = found {
        found.props.extend(changes);
    }
}
