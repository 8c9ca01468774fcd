// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `vmadm delete`: the zone goes, and its delegate dataset with it unless the zone says otherwise. The product never calls it;
//! cn-agent does, when VMAPI is asked to destroy a VM.

use std::sync::Arc;

use serde_json::json;

use crate::call::Call;
use crate::commands::zfs;
use crate::lab::Lab;
use crate::physics;

pub fn delete(lab: &Arc<Lab>, call: &mut Call, args: &[&str]) -> i32 {
    let [text] = args else {
        return super::usage(call);
    };
    let Some((uuid, _)) = super::state(lab, &call.host, text) else {
        return super::absent(call, text);
    };
    let keeps_data = lab
        .dc()
        .hosts
        .get(&call.host)
        .and_then(|host| host.vms.get(&uuid))
        .is_some_and(|vm| vm.props.get("indestructible_delegated") == Some(&json!(true)));
    if keeps_data {
        let line = format!("Failed to delete VM {uuid}: indestructible_delegated is set on it");
        return call.fail(1, line);
    }
    if let Some(why) = zfs::held_tree(lab, &call.host, &format!("zones/{uuid}")) {
        return call.fail(1, format!("Failed to delete VM {uuid}: {why}"));
    }
    physics::halt(lab, &call.host, uuid);
    zfs::destroy_tree(lab, &call.host, &format!("zones/{uuid}"));
    if let Some(host) = lab.dc().hosts.get_mut(&call.host) {
        host.vms.remove(&uuid);
    }
    // A zone's root is a plain folder here; one that stays behind takes room and nothing else.
    let _ = std::fs::remove_dir_all(lab.zone_root(&call.host, uuid));
    call.fail(0, format!("Successfully deleted VM {uuid}"))
}
