// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What was heard, before it is made one: the answers of APIs, machines and restore data side by side, as they came. Records
//! stay JSON here, since one odd record must not cost us the others.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use documents::inventory::Source;
use documents::restore_data::{GenerationDc, Part, RestorePoints};
use documents::{SecretRef, Timestamp, Uuid};
use platform::sysinfo::Sysinfo;
use serde_json::Value;
use sync::WholeGeneration;

/// One answer, with who gave it and when.
#[derive(Debug, Clone)]
pub struct Heard<T> {
    /// As in [`documents::inventory::Learnt::from`].
    pub from: String,
    pub at: Timestamp,
    pub what: T,
}

#[derive(Debug, Clone)]
pub struct RawFacts {
    pub taken_at: Timestamp,
    /// This headnode.
    pub taken_on: Uuid,
    /// This headnode's own configuration.
    pub config: Option<Heard<ConfigFacts>>,
    pub sources: Vec<Source>,
    pub sapi: Option<Heard<SapiFacts>>,
    /// VMs in any state: core zones in full, others with a few fields.
    pub vmapi: Option<Heard<Vec<Value>>>,
    pub napi: Option<Heard<NapiFacts>>,
    /// CNAPI's servers, with their sysinfo.
    pub cnapi: Option<Heard<Vec<Value>>>,
    /// This headnode and the others that let us look.
    pub machines: Vec<Machine>,
    /// Whether a server answered by ssh just now. Those that were not asked are not in it.
    pub answers: BTreeMap<Uuid, bool>,
    /// The newest whole generation of each server.
    pub kept: Vec<Kept>,
    pub points: Vec<RestorePoints>,
    /// Snapshots on this headnode, as `dataset@snapshot` and GUID. None: they could not be listed.
    pub snapshots: Option<BTreeSet<(String, String)>>,
    /// Copies of fences on this headnode, with its name.
    pub fences: Vec<Heard<quorum::Fence>>,
    pub warnings: Vec<String>,
}

/// From `/usbkey/config`.
#[derive(Debug, Clone, Default)]
pub struct ConfigFacts {
    pub datacenter: Option<String>,
    pub dns_domain: Option<String>,
    pub admin_owner: Option<Uuid>,
}

#[derive(Debug, Clone, Default)]
pub struct SapiFacts {
    /// The application `sdc`.
    pub application: Option<Uuid>,
    pub services: Vec<Value>,
    pub instances: Vec<Value>,
    /// `ZK_SERVERS` of the application.
    pub zk_servers: Value,
}

#[derive(Debug, Clone, Default)]
pub struct NapiFacts {
    pub networks: Vec<Value>,
    /// NICs of core zones.
    pub nics: Vec<Value>,
    /// Used and reserved addresses of the networks that core zones are on.
    pub addresses: Vec<Value>,
}

/// What a headnode says of itself.
#[derive(Debug, Clone)]
pub struct Machine {
    pub server: Uuid,
    pub hostname: String,
    pub at: Timestamp,
    pub sysinfo: Option<Sysinfo>,
    /// `vmadm lookup -j`. None: it could not be had, which is not the same as no zones.
    pub zones: Option<Vec<Value>>,
    /// `imgadm list -j`.
    pub images: Option<Vec<Value>>,
    /// Names in `/usbkey/os`.
    pub bootable: Option<Vec<String>>,
    /// headnode.sh has set the firewall rules that core zones rely on.
    pub firewall_rules: Option<bool>,
    /// Bytes that its pool has free.
    pub pool_free: Option<u64>,
    pub resolvers: Option<Vec<IpAddr>>,
}

/// A generation of restore data.
#[derive(Debug, Clone)]
pub struct Kept {
    pub server: Uuid,
    pub hostname: String,
    /// `restore-data/<server>/<generation>`
    pub from: String,
    pub taken_at: Timestamp,
    pub dc: GenerationDc,
    pub files: Vec<KeptFile>,
}

#[derive(Debug, Clone)]
pub struct KeptFile {
    pub part: Part,
    pub at: Timestamp,
    pub content: Value,
    pub secret: SecretRef,
}

impl RawFacts {
    /// Facts of which nothing is known yet but where and when they are gathered.
    pub fn none(taken_on: Uuid, taken_at: Timestamp) -> RawFacts {
        RawFacts {
            taken_at,
            taken_on,
            config: None,
            sources: Vec::new(),
            sapi: None,
            vmapi: None,
            napi: None,
            cnapi: None,
            machines: Vec::new(),
            answers: BTreeMap::new(),
            kept: Vec::new(),
            points: Vec::new(),
            snapshots: None,
            fences: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Restore data, the newest first.
    pub fn kept_newest_first(&self) -> Vec<&Kept> {
        let mut kept: Vec<&Kept> = self.kept.iter().collect();
        kept.sort_by_key(|kept| (std::cmp::Reverse(kept.taken_at), kept.server));
        kept
    }

    pub fn machine(&self, server: Uuid) -> Option<&Machine> {
        self.machines
            .iter()
            .find(|machine| machine.server == server)
    }
}

impl Kept {
    pub fn part(&self, part: Part) -> impl Iterator<Item = &KeptFile> {
        self.files.iter().filter(move |file| file.part == part)
    }

    /// The records of a part that is one file with an array in it.
    pub fn records(&self, part: Part) -> impl Iterator<Item = (&KeptFile, &Value)> {
        self.part(part).flat_map(|file| {
            let records = file.content.as_array().map_or(&[][..], Vec::as_slice);
            records.iter().map(move |record| (file, record))
        })
    }
}

impl From<&WholeGeneration> for Kept {
    fn from(generation: &WholeGeneration) -> Kept {
        let description = &generation.description;
        Kept {
            server: description.server,
            hostname: description.hostname.clone(),
            from: generation.source_name(),
            taken_at: description.taken_at,
            dc: description.dc.clone(),
            files: description
                .files
                .iter()
                .map(|file| KeptFile {
                    part: file.part,
                    at: file.taken_at,
                    content: generation.json(file),
                    secret: description.secret(file),
                })
                .collect(),
        }
    }
}
