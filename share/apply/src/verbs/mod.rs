// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The verbs: what each looks at, and what it does.

mod address;
mod check;
mod dataset;
mod fence;
mod file;
mod headnode;
mod link;
mod medium;
mod metadata;
mod power;
mod record;
mod reserved;
mod server;
mod toolkit;
mod trust;
mod vm;
mod wait;
mod zone;
mod zones;

use documents::Verb;

use crate::step::Deed;

/// The deed of a step's verb.
pub fn deed(verb: &Verb) -> &dyn Deed {
    match verb {
        Verb::CheckSilent(with) => with,
        Verb::CheckGone(with) => with,
        Verb::FenceDeclare(with) => with,
        Verb::CheckImage(with) => with,
        Verb::CheckZone(with) => with,
        Verb::AddressTake(with) => with,
        Verb::AddressAssign(with) => with,
        Verb::AddressRegister(with) => with,
        Verb::AddressRelease(with) => with,
        Verb::RecordPut(with) => with,
        Verb::RecordDelete(with) => with,
        Verb::ZoneCreate(with) => with,
        Verb::DatasetAttach(with) => with,
        Verb::ZoneStart(with) => with,
        Verb::WaitSetup(with) => with,
        Verb::WaitHealthy(with) => with,
        Verb::WaitName(with) => with,
        Verb::WaitListed(with) => with,
        Verb::VmRetire(with) => with,
        Verb::ResolversSet(with) => with,
        Verb::ZonesResolvers(with) => with,
        Verb::NetworkResolvers(with) => with,
        Verb::ConfigSet(with) => with,
        Verb::MetadataSet(with) => with,
        Verb::LinkSet(with) => with,
        Verb::CheckServer(with) => with,
        Verb::ToolkitInstall(with) => with,
        Verb::DatasetCreate(with) => with,
        Verb::MediumWrite(with) => with,
        Verb::ServerReboot(with) => with,
        Verb::WaitHeadnode(with) => with,
        Verb::WaitServer(with) => with,
        Verb::MediumSync(with) => with,
        Verb::FilePark(with) => with,
        Verb::ServiceImport(with) => with,
        Verb::TrustJoin(with) => with,
        Verb::AddressesReserve(with) => with,
    }
}
