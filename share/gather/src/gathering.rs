// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Gathering: who this is, what is kept, what the APIs and this machine say, what the other headnodes say.

use std::collections::BTreeMap;
use std::thread;

use apis::http::Options as ApiOptions;
use documents::restore_data::{CONTAINER, FOLDER};
use documents::{Inventory, Timestamp, Uuid};
use platform::{Host, sysinfo, usbkey};
use sync::binders;
use sync::endpoints::Endpoints;
use sync::headnodes::{self, Login};
use sync::{Store, SyncError};

use crate::ask::{self, Told};
use crate::facts::{ConfigFacts, Heard, RawFacts};
use crate::kept;
use crate::machines::{self, Looked};
use crate::merge;

/// How to gather.
pub struct Options {
    /// This headnode.
    pub host: Host,
    /// Where services are, given by hand.
    pub urls: BTreeMap<String, String>,
    pub login: Login,
    /// `triton-inventory/0.1.0`
    pub product: String,
}

#[derive(Debug, thiserror::Error)]
pub enum GatherError {
    /// Without it nothing can be said: the inventory is that of a server.
    #[error("can't tell which server this is: {0}")]
    NoServer(platform::Error),
}

/// The inventory, as far as it can be had. Only a machine that can't say who it is fails; all else is in `sources`.
pub fn inventory(options: &Options) -> Result<Inventory, GatherError> {
    Ok(merge(facts(options)?))
}

fn facts(options: &Options) -> Result<RawFacts, GatherError> {
    let host = &options.host;
    let this = sysinfo::get(host).map_err(GatherError::NoServer)?;
    let mut raw = RawFacts::none(this.uuid, Timestamp::now());
    let name = this.hostname.clone();
    let config = config(host, &name);
    raw.sources.push(config.source);
    raw.config = config.facts;
    let store = Store::new(host.path(FOLDER));
    kept::read(&store, &mut raw);
    fences(host, &name, &mut raw);

    let endpoints = endpoints(options, &store, &raw);
    let admin = admin(&raw);
    let (apis, looked, snapshots) = thread::scope(|scope| {
        let apis = scope.spawn(|| endpoints.as_ref().map(|at| ask::apis(at, admin)));
        let snapshots = scope.spawn(|| machines::snapshots(host, CONTAINER));
        let looked = machines::this(host, this);
        (apis.join().ok().flatten(), looked, snapshots.join())
    });
    take(&mut raw, looked);
    let snapshots = snapshots.unwrap_or_else(|_| Err("a fault of this program".to_owned()));
    raw.sources.push(machines::account(
        &format!("zfs@{name}"),
        &name,
        snapshots.as_ref().err(),
    ));
    raw.snapshots = snapshots.ok();
    if let Some(apis) = apis {
        raw.sapi = told(&mut raw, apis.sapi);
        raw.vmapi = told(&mut raw, apis.vmapi);
        raw.napi = told(&mut raw, apis.napi);
        raw.cnapi = told(&mut raw, apis.cnapi);
    }
    for looked in other_headnodes(options, &store, &mut raw) {
        take(&mut raw, looked);
    }
    Ok(raw)
}

fn config(host: &Host, name: &str) -> Told<ConfigFacts> {
    let answer = usbkey::config(host).map_err(|error| error.to_string());
    let facts = answer.map(|config| ConfigFacts {
        datacenter: config.get("datacenter_name").map(str::to_owned),
        dns_domain: config.get("dns_domain").map(str::to_owned),
        admin_owner: config
            .get("ufds_admin_uuid")
            .and_then(|text| text.parse().ok()),
    });
    Told::new(
        &format!("config@{name}"),
        "/usbkey/config".to_owned(),
        facts,
    )
}

/// Copies of fences here. That they can't be read is a source that did not answer.
fn fences(host: &Host, name: &str, raw: &mut RawFacts) {
    let from = format!("fences@{name}");
    let kept = quorum::copies::all(host).map_err(|error| error.to_string());
    let asked = quorum::copies::FOLDER;
    raw.sources
        .push(machines::account(&from, asked, kept.as_ref().err()));
    let heard = |what| Heard {
        from: from.clone(),
        at: Timestamp::now(),
        what,
    };
    raw.fences = kept.unwrap_or_default().into_iter().map(heard).collect();
}

/// Where the APIs are; none when even the datacenter's name is not known, and no URL was given.
fn endpoints(options: &Options, store: &Store, raw: &RawFacts) -> Option<Endpoints> {
    let config = raw.config.as_ref().map(|config| &config.what);
    let kept = raw.kept.first().map(|kept| &kept.dc);
    let datacenter = config
        .and_then(|config| config.datacenter.clone())
        .or_else(|| kept.map(|dc| dc.name.clone()));
    let dns_domain = config
        .and_then(|config| config.dns_domain.clone())
        .or_else(|| kept.map(|dc| dc.dns_domain.clone()));
    if (datacenter.is_none() || dns_domain.is_none()) && options.urls.is_empty() {
        return None;
    }
    Some(Endpoints {
        datacenter: datacenter.unwrap_or_default(),
        dns_domain: dns_domain.unwrap_or_default(),
        urls: options.urls.clone(),
        options: ApiOptions::new(&options.product, Uuid::new_v4())
            .with_binders(binders::known(&options.host, store)),
    })
}

fn admin(raw: &RawFacts) -> Option<Uuid> {
    let config = raw
        .config
        .as_ref()
        .and_then(|config| config.what.admin_owner);
    config.or_else(|| raw.kept.iter().find_map(|kept| kept.dc.admin_owner))
}

/// Notes that a source was asked, and returns what it said.
fn told<T>(raw: &mut RawFacts, told: Told<T>) -> Option<Heard<T>> {
    raw.sources.push(told.source);
    raw.warnings.extend(told.warnings);
    told.facts
}

fn take(raw: &mut RawFacts, looked: Looked) {
    raw.sources.extend(looked.sources);
    if let Some(server) = looked.server {
        raw.answers.insert(server, looked.answers);
    }
    raw.machines.extend(looked.machine);
}

fn other_headnodes(options: &Options, store: &Store, raw: &mut RawFacts) -> Vec<Looked> {
    let servers = raw.cnapi.as_ref().map(|cnapi| cnapi.what.as_slice());
    let others = headnodes::known(servers, store, &[])
        .and_then(|known| headnodes::chosen(known, &[], raw.taken_on));
    match others {
        Ok(others) => machines::others(&others, &options.login),
        Err(error) => {
            raw.warnings.push(unknown(&error));
            Vec::new()
        }
    }
}

fn unknown(error: &SyncError) -> String {
    format!("the other headnodes are not known: {error}")
}
