// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The closed list of verbs, each with the parameters it takes. Verbs name effects, never services: what is special about a
//! service is in the parameters that its planner and plugin chose.
//!
//! A change here is a change of the plan's version.

mod parameters;
mod setup;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use parameters::*;
pub use setup::*;

/// What a step does, and to what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "verb", content = "with")]
pub enum Verb {
    /// The lost server must answer nowhere: not by ssh, not by any of its zones' APIs.
    #[serde(rename = "check.silent")]
    CheckSilent(CheckSilent),
    /// A zone is no more on its server, which lives, and neither is its data.
    #[serde(rename = "check.gone")]
    CheckGone(CheckGone),
    /// Declares a server dead: in the datacenter's ZooKeeper, by the word of a majority, and with a copy on each headnode that
    /// lives. The VMs that are replaced may not run there again.
    #[serde(rename = "fence.declare")]
    FenceDeclare(FenceDeclare),
    /// An image is installed on the host, with its origins.
    #[serde(rename = "check.image")]
    CheckImage(CheckImage),
    /// A command in a zone exits 0.
    #[serde(rename = "check.zone")]
    CheckZone(CheckZone),
    /// Takes an address for a new zone in NAPI, before the zone is made. Output: `nic`, as `vmadm create` takes it.
    #[serde(rename = "address.take")]
    AddressTake(AddressTake),
    /// Gives a new zone an address that was reserved, while no NAPI lives. Output: `nic`, as `vmadm create` takes it.
    #[serde(rename = "address.assign")]
    AddressAssign(AddressAssign),
    /// Has NAPI know the NIC that a zone was given while no NAPI lived.
    #[serde(rename = "address.register")]
    AddressRegister(AddressRegister),
    /// Releases a lost zone's NIC and its address in NAPI.
    #[serde(rename = "address.release")]
    AddressRelease(AddressRelease),
    /// Writes an object to moray with moray's own tools, in a surviving moray zone. It must be absent.
    #[serde(rename = "record.put")]
    RecordPut(RecordPut),
    /// Removes an object from moray, keeping its last content in the journal.
    #[serde(rename = "record.delete")]
    RecordDelete(RecordDelete),
    /// Creates a zone that does not boot yet.
    #[serde(rename = "zone.create")]
    ZoneCreate(ZoneCreate),
    /// Gives a zone that never booted its data: the empty dataset is renamed aside, the restore point cloned in its place.
    #[serde(rename = "dataset.attach")]
    DatasetAttach(DatasetAttach),
    /// Starts a zone. Its first start is a commit point.
    #[serde(rename = "zone.start")]
    ZoneStart(ZoneStart),
    /// Waits until the zone's first boot has finished its setup; fails when the setup failed.
    #[serde(rename = "wait.setup")]
    WaitSetup(WaitSetup),
    /// Waits until the service says, in the body of its answer, that it works.
    #[serde(rename = "wait.healthy")]
    WaitHealthy(WaitHealthy),
    /// Waits until a name resolves to an address, and to none of those that must be gone.
    #[serde(rename = "wait.name")]
    WaitName(WaitName),
    /// Waits until VMAPI lists the zone as running on its server.
    #[serde(rename = "wait.listed")]
    WaitListed(WaitListed),
    /// Marks a lost zone destroyed in VMAPI. The machine it was on is not asked.
    #[serde(rename = "vm.retire")]
    VmRetire(VmRetire),
    /// Has a headnode's global zone ask these nameservers, until its next boot.
    #[serde(rename = "resolvers.set")]
    ResolversSet(ResolversSet),
    /// Has the core zones of a server ask these nameservers in place of those that are gone.
    #[serde(rename = "zones.resolvers")]
    ZonesResolvers(ZonesResolvers),
    /// Has zones that are made on a network ask these nameservers.
    #[serde(rename = "network.resolvers")]
    NetworkResolvers(NetworkResolvers),
    /// Sets keys of a headnode's configuration, on its boot medium and in `/usbkey`.
    #[serde(rename = "config.set")]
    ConfigSet(ConfigSet),
    /// Sets metadata of SAPI's application or of one of its services.
    #[serde(rename = "metadata.set")]
    MetadataSet(MetadataSet),
    /// Has a path of the global zone lead elsewhere, by a symbolic link.
    #[serde(rename = "link.set")]
    LinkSet(LinkSet),
    /// The server is the one that is meant, and its setup as a compute node was finished.
    #[serde(rename = "check.server")]
    CheckServer(CheckServer),
    /// Installs this toolkit on another server, as this headnode has it.
    #[serde(rename = "toolkit.install")]
    ToolkitInstall(ToolkitInstall),
    /// Creates an empty dataset.
    #[serde(rename = "dataset.create")]
    DatasetCreate(DatasetCreate),
    /// Writes what a headnode boots from to a server's boot medium, its own configuration with it: from its next boot on it is a
    /// headnode. Output: `config`, the digest of its configuration.
    #[serde(rename = "medium.write")]
    MediumWrite(MediumWrite),
    /// Reboots a server, and waits until it is up again. Its first boot as a headnode is a commit point.
    #[serde(rename = "server.reboot")]
    ServerReboot(ServerReboot),
    /// Waits until the server itself, over ssh, is a headnode with the configuration that was written.
    #[serde(rename = "wait.headnode")]
    WaitHeadnode(WaitHeadnode),
    /// Waits until CNAPI calls the server a headnode that is set up and runs.
    #[serde(rename = "wait.server")]
    WaitServer(WaitServer),
    /// Brings a headnode's boot medium and `/usbkey` in line with this one's.
    #[serde(rename = "medium.sync")]
    MediumSync(MediumSync),
    /// Renames a file that is in the way; it stays beside its place.
    #[serde(rename = "file.park")]
    FilePark(FilePark),
    /// Has SMF start this toolkit's services, now and at every boot.
    #[serde(rename = "service.import")]
    ServiceImport(ServiceImport),
    /// Lets a headnode and others pull from each other.
    #[serde(rename = "trust.join")]
    TrustJoin(TrustJoin),
    /// Sets addresses aside in NAPI, enough to restore every service.
    #[serde(rename = "addresses.reserve")]
    AddressesReserve(AddressesReserve),
}

/// What must hold right before a step acts. A member that is absent is not looked at.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expects {
    /// The object of the step is not there yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent: Option<bool>,
    /// State of the zone: `stopped`, `running`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// GUID of the snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guid: Option<String>,
}

impl Expects {
    pub fn is_empty(&self) -> bool {
        *self == Expects::default()
    }
}

impl Verb {
    /// The name in a plan.
    pub fn name(&self) -> &'static str {
        match self {
            Verb::CheckSilent(_) => "check.silent",
            Verb::CheckGone(_) => "check.gone",
            Verb::FenceDeclare(_) => "fence.declare",
            Verb::CheckImage(_) => "check.image",
            Verb::CheckZone(_) => "check.zone",
            Verb::AddressTake(_) => "address.take",
            Verb::AddressAssign(_) => "address.assign",
            Verb::AddressRegister(_) => "address.register",
            Verb::AddressRelease(_) => "address.release",
            Verb::RecordPut(_) => "record.put",
            Verb::RecordDelete(_) => "record.delete",
            Verb::ZoneCreate(_) => "zone.create",
            Verb::DatasetAttach(_) => "dataset.attach",
            Verb::ZoneStart(_) => "zone.start",
            Verb::WaitSetup(_) => "wait.setup",
            Verb::WaitHealthy(_) => "wait.healthy",
            Verb::WaitName(_) => "wait.name",
            Verb::WaitListed(_) => "wait.listed",
            Verb::VmRetire(_) => "vm.retire",
            Verb::ResolversSet(_) => "resolvers.set",
            Verb::ZonesResolvers(_) => "zones.resolvers",
            Verb::NetworkResolvers(_) => "network.resolvers",
            Verb::ConfigSet(_) => "config.set",
            Verb::MetadataSet(_) => "metadata.set",
            Verb::LinkSet(_) => "link.set",
            Verb::CheckServer(_) => "check.server",
            Verb::ToolkitInstall(_) => "toolkit.install",
            Verb::DatasetCreate(_) => "dataset.create",
            Verb::MediumWrite(_) => "medium.write",
            Verb::ServerReboot(_) => "server.reboot",
            Verb::WaitHeadnode(_) => "wait.headnode",
            Verb::WaitServer(_) => "wait.server",
            Verb::MediumSync(_) => "medium.sync",
            Verb::FilePark(_) => "file.park",
            Verb::ServiceImport(_) => "service.import",
            Verb::TrustJoin(_) => "trust.join",
            Verb::AddressesReserve(_) => "addresses.reserve",
        }
    }

    /// Every name, in the order above: what an error about an unknown verb offers.
    pub const NAMES: [&'static str; 37] = [
        "check.silent",
        "check.gone",
        "fence.declare",
        "check.image",
        "check.zone",
        "address.take",
        "address.assign",
        "address.register",
        "address.release",
        "record.put",
        "record.delete",
        "zone.create",
        "dataset.attach",
        "zone.start",
        "wait.setup",
        "wait.healthy",
        "wait.name",
        "wait.listed",
        "vm.retire",
        "resolvers.set",
        "zones.resolvers",
        "network.resolvers",
        "config.set",
        "metadata.set",
        "link.set",
        "check.server",
        "toolkit.install",
        "dataset.create",
        "medium.write",
        "server.reboot",
        "wait.headnode",
        "wait.server",
        "medium.sync",
        "file.park",
        "service.import",
        "trust.join",
        "addresses.reserve",
    ];

    /// Waits and checks change nothing, and are done again on every run whatever the journal says.
    pub fn only_looks(&self) -> bool {
        self.name().starts_with("check.") || self.name().starts_with("wait.")
    }

    /// Somebody else is at work: it takes time, and nothing else.
    pub fn waits(&self) -> bool {
        self.name().starts_with("wait.")
    }

    /// A step after which the way back is closed.
    pub fn commits(&self) -> bool {
        matches!(self, Verb::ZoneStart(_) | Verb::ServerReboot(_))
    }
}
