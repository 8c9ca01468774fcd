// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Where the lab is meant to answer otherwise than the recording did, each with its reason.

#[derive(Debug, Clone, Copy)]
pub enum Exception {
    /// Sent, and answered differently; when that ends, the entry has to go.
    Differs(#[expect(dead_code, reason = "it is for the reader")] &'static str),
    /// Not sent: what the real server made is put into the lab's moray instead.
    Given(#[expect(dead_code, reason = "it is for the reader")] &'static str),
}

use Exception::{Differs, Given};

const BEFORE: Exception = Given("made by an earlier recording");
const NO_SCHEMAS: Exception = Differs("nothing in a datacenter's core uses metadata schemas");
const PROVISIONED: Exception = Given("the lab provisions nothing");
const REFUSED_BY_VMAPI: Exception = Given("the refusal is that of VMAPI's provisioning");
const REPORTED: Exception = Given("came with a report or a job that the recording doesn't show");
const UNUSED_FILTER: Exception = Differs("the toolkit filters by fields alone");

const DESTROYED: Exception = Given("the VM was never there to destroy");
const NO_TAGS: Exception = Differs("the lab keeps no records of NIC tags");
const NO_POOLS: Exception = Given("the lab has no network pools");
const NO_FABRICS: Exception = Given("the lab has no fabric networks");
const ELSEWHERE: Exception = Given("the NIC came from a pool or a fabric network");
const PUBLIC_MODE: Exception = Differs("it was public, where the lab's serves a datacenter");
const NO_STATUS: Exception =
    Differs("memory and disk come with status events, which no agent sends here");
const ROUTED_LATER: Exception = Given("the request is for a call that the lab doesn't have");

const LIST: &[(&str, &str, Exception)] = &[
    ("sapi-full", "04-list-applications-initial", BEFORE),
    ("sapi-full", "05-list-services-initial", BEFORE),
    ("sapi-full", "06-list-instances-initial", BEFORE),
    ("sapi-full", "07-list-manifests-initial", BEFORE),
    (
        "sapi-full",
        "24-create-application-schema-violation",
        NO_SCHEMAS,
    ),
    (
        "sapi-full",
        "47-update-application-schema-violation",
        NO_SCHEMAS,
    ),
    ("sapi-full", "94-create-instance-provisioned", PROVISIONED),
    (
        "sapi-full",
        "95-create-instance-async-provisioned",
        PROVISIONED,
    ),
    (
        "sapi-full",
        "96-create-instance-vmapi-rejects",
        REFUSED_BY_VMAPI,
    ),
    (
        "sapi-full",
        "97-create-instance-with-uuid",
        REFUSED_BY_VMAPI,
    ),
    ("sapi-full", "98-create-instance-v2", REFUSED_BY_VMAPI),
    ("sapi-full", "99-create-instance-async", REFUSED_BY_VMAPI),
    (
        "sapi-proto",
        "24-create-application-schema-violation",
        NO_SCHEMAS,
    ),
    (
        "sapi-proto",
        "47-update-application-schema-violation",
        NO_SCHEMAS,
    ),
    ("sapi-proto", "92-create-instance-vmapi", PROVISIONED),
    ("sapi-proto", "93-create-instance-with-uuid", PROVISIONED),
    ("sapi-proto", "94-create-instance-v2", PROVISIONED),
    ("sapi-proto", "95-create-instance-async", PROVISIONED),
    ("sapi-full", "152-delete-instance", DESTROYED),
    ("sapi-proto", "148-delete-instance", DESTROYED),
    ("sapi-upgrade", "05-create-instance", PROVISIONED),
    ("vmapi", "02-list-vms-initial", BEFORE),
    ("vmapi", "05-get-job-queued", REPORTED),
    ("vmapi", "06-get-vm-provisioning", REPORTED),
    ("vmapi", "08-get-job-finished", REPORTED),
    ("vmapi", "09-get-vm", REPORTED),
    ("vmapi", "49-list-predicate", UNUSED_FILTER),
    ("vmapi", "51-list-query-ldap", UNUSED_FILTER),
    ("vmapi", "52-list-query-bad", UNUSED_FILTER),
    (
        "vmapi",
        "53-list-ram",
        Differs("it searches max_physical_memory under this name"),
    ),
    ("vmapi", "72-get-vm-stopped", REPORTED),
    ("vmapi", "78-get-update-job", REPORTED),
    ("vmapi", "117-get-vm-destroyed", REPORTED),
    ("napi", "04-list-networks-initial", BEFORE),
    ("napi", "123-create-nic-unknown-tag-provided", NO_TAGS),
    ("napi", "174-provision-nic-from-pool", NO_POOLS),
    ("napi", "206-get-fabric-network-plain", NO_FABRICS),
    ("napi", "208-provision-nic-fabric-cn", NO_FABRICS),
    ("napi", "211-list-nics-fabric-net", NO_FABRICS),
    ("napi", "223-delete-nic-x", ELSEWHERE),
    ("napi", "225-delete-nic-x", ELSEWHERE),
    ("napi", "207-provision-nic-fabric", NO_FABRICS),
    ("cnapi", "93-reboot", NO_STATUS),
    ("cnapi", "25-get-server", NO_STATUS),
    ("cnapi", "123-get-server-3", NO_STATUS),
    ("cnapi", "126-list-three", NO_STATUS),
    ("imgapi-public", "01-ping", PUBLIC_MODE),
    (
        "imgapi-public",
        "15-list-images-state-unactivated",
        PUBLIC_MODE,
    ),
    ("imgapi-public", "16-list-images-state-all", PUBLIC_MODE),
    ("imgapi-public", "58-list-images-disabled", PUBLIC_MODE),
    (
        "imgapi-public",
        "80-list-images-limit-1",
        Differs("without moray it cuts before it sorts"),
    ),
    (
        "imgapi-public",
        "89-list-images-incl-admin-fields",
        PUBLIC_MODE,
    ),
    (
        "imgapi-public",
        "91-get-image-incl-admin-fields",
        PUBLIC_MODE,
    ),
    ("imgapi-public", "104-x-request-id", PUBLIC_MODE),
    ("imgapi-public", "105-request-id", PUBLIC_MODE),
    (
        "imgapi-public",
        "121-list-by-origin-not-supported-param",
        BEFORE,
    ),
    ("papi", "11-create-invalid-json", ROUTED_LATER),
    ("papi", "24-list-filter-bad", UNUSED_FILTER),
    ("papi", "27-list-limit-bad", UNUSED_FILTER),
];

pub fn find(file: &str, name: &str) -> Option<Exception> {
    let mut entries = LIST.iter();
    entries
        .find(|(in_file, of, _)| *in_file == file && *of == name)
        .map(|(_, _, exception)| *exception)
}

pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    LIST.iter().map(|(file, name, _)| (*file, *name))
}
