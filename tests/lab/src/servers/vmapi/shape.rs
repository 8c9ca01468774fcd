// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Which fields of a VM VMAPI keeps, and which of them it always shows.

use serde_json::{Map, Value, json};

/// Shown as null when unset.
const NULLABLE: &[&str] = &[
    "uuid",
    "alias",
    "autoboot",
    "brand",
    "billing_id",
    "cpu_cap",
    "cpu_shares",
    "create_timestamp",
    "destroyed",
    "last_modified",
    "limit_priv",
    "max_locked_memory",
    "max_lwps",
    "max_physical_memory",
    "max_swap",
    "owner_uuid",
    "platform_buildstamp",
    "quota",
    "ram",
    "resolvers",
    "server_uuid",
    "state",
    "zfs_filesystem",
    "zfs_io_priority",
    "zone_state",
    "zonepath",
    "zpool",
    "image_uuid",
];

const LISTS: &[&str] = &["datasets", "nics", "snapshots"];
const MAPS: &[&str] = &["customer_metadata", "internal_metadata", "tags"];

/// Shown only when set.
const OPTIONAL: &[&str] = &[
    "boot_timestamp",
    "docker",
    "dns_domain",
    "delegate_dataset",
    "exit_status",
    "exit_timestamp",
    "filesystems",
    "flexible_disk_size",
    "free_space",
    "fs_allowed",
    "hostname",
    "indestructible_delegated",
    "indestructible_zoneroot",
    "init_name",
    "internal_metadata_namespaces",
    "kernel_version",
    "maintain_resolvers",
    "mdata_exec_timeout",
    "package_name",
    "package_version",
    "pid",
    "tmpfs",
    "zfs_data_compression",
    "zfs_snapshot_limit",
    "vcpus",
    "cpu_type",
    "disks",
];

/// What VMAPI keeps of a VM as `vmadm get` prints it: it has no `archive_on_delete` and no `routes`, for example.
pub fn stored(vm: &Map<String, Value>) -> Map<String, Value> {
    let known = |key: &str| is_field(key) || key == "firewall_enabled";
    let kept = vm.iter().filter(|(key, _)| known(key));
    let mut kept: Map<String, Value> = kept
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if let Some(memory) = kept.get("max_physical_memory").cloned() {
        kept.entry("ram").or_insert(memory);
    }
    kept.entry("tags").or_insert_with(|| json!({}));
    kept
}

/// A record as it goes out.
pub fn shown(vm: &Value) -> Value {
    let mut shown = vm.as_object().cloned().unwrap_or_default();
    shown.retain(|key, _| is_field(key) || key == "firewall_enabled");
    let mut default = |keys: &[&str], value: Value| {
        for key in keys {
            shown.entry(*key).or_insert_with(|| value.clone());
        }
    };
    default(NULLABLE, Value::Null);
    default(LISTS, json!([]));
    default(MAPS, json!({}));
    default(&["firewall_enabled"], json!(false));
    Value::Object(shown)
}

pub fn is_field(key: &str) -> bool {
    [NULLABLE, LISTS, MAPS, OPTIONAL]
        .iter()
        .any(|keys| keys.contains(&key))
}
