// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! From a zone that was to a zone that shall be: which properties of `vmadm get` describe the old zone's life or place, and
//! must not be fed back to `vmadm create`.

/// Properties that `vmadm get` prints and a new zone must not be given. Source: the property list of smartos-live
/// `src/vm/node_modules/VM.js`; what is dropped here is set anew by the platform or by the plan.
pub const NOT_CARRIED_OVER: [&str; 32] = [
    "boot_timestamp",
    "create_timestamp",
    "datacenter_name",
    "datasets",
    "do_not_inventory",
    "exit_status",
    "exit_timestamp",
    "headnode_id",
    "hostname",
    "hvm",
    "indestructible_delegated",
    "indestructible_zoneroot",
    "init_restarts",
    "last_modified",
    "nics",
    "pid",
    "platform_buildstamp",
    "ram",
    "routes",
    "server_uuid",
    "snapshots",
    "state",
    "transition_expire",
    "transition_to",
    "type",
    "uuid",
    "v",
    "zfs_filesystem",
    "zone_state",
    "zonedid",
    "zoneid",
    "zonepath",
];

/// The list above, with what a plugin adds, sorted and without repeats.
pub fn dropped(extra: &[String]) -> Vec<String> {
    let mut keys: Vec<String> = NOT_CARRIED_OVER
        .iter()
        .map(|key| (*key).to_owned())
        .chain(["autoboot", "delegate_dataset", "zonename"].map(str::to_owned))
        .chain(extra.iter().cloned())
        .collect();
    keys.sort();
    keys.dedup();
    keys
}
