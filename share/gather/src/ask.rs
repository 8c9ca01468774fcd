// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Asking everybody: the APIs and this machine at the same time, then the other headnodes by ssh. Each answer, or why there is
//! none, is a source in the inventory.

use std::thread;

use apis::cnapi::{Extra, ServerFilter};
use apis::napi::Napi;
use apis::sapi::{InstanceFilter, Sapi, ServiceFilter};
use apis::vmapi::{ListState, VmFilter, Vmapi};
use apis::{ApiError, Client, Cnapi, Listed};
use documents::inventory::Source;
use documents::{Timestamp, Uuid};
use serde::Serialize;
use serde_json::Value;
use sync::endpoints::{self, Endpoints};

use crate::facts::{Heard, NapiFacts, SapiFacts};

/// What one source said, and the account of having asked it.
pub struct Told<T> {
    pub facts: Option<Heard<T>>,
    pub source: Source,
    pub warnings: Vec<String>,
}

impl<T> Told<T> {
    /// Of an answer, or of why there is none.
    pub fn new(name: &str, asked: String, answer: Result<T, String>) -> Told<T> {
        let at = Timestamp::now();
        let source = Source {
            name: name.to_owned(),
            asked,
            answered: answer.is_ok(),
            at,
            why: answer.as_ref().err().cloned(),
        };
        Told {
            facts: answer.ok().map(|what| Heard {
                from: name.to_owned(),
                at,
                what,
            }),
            source,
            warnings: Vec::new(),
        }
    }
}

/// What the datacenter's APIs said.
pub struct Apis {
    pub sapi: Told<SapiFacts>,
    pub vmapi: Told<Vec<Value>>,
    pub napi: Told<NapiFacts>,
    pub cnapi: Told<Vec<Value>>,
}

/// Asks all APIs at once. `admin` is the owner of the core zones, where that is known.
pub fn apis(endpoints: &Endpoints, admin: Option<Uuid>) -> Apis {
    thread::scope(|scope| {
        let cnapi = scope.spawn(|| cnapi(endpoints));
        let networks = scope.spawn(|| networks(endpoints));
        let vmapi = scope.spawn(|| vmapi(endpoints, admin));
        let sapi = sapi(endpoints);
        let vmapi = joined(vmapi, "vmapi");
        let mut napi = joined(networks, "napi");
        nics(endpoints, &mut napi, &core_zones(&sapi, &vmapi, admin));
        Apis {
            sapi,
            vmapi,
            napi,
            cnapi: joined(cnapi, "cnapi"),
        }
    })
}

/// A thread's answer. One that died is a source that did not answer.
fn joined<T>(thread: thread::ScopedJoinHandle<'_, Told<T>>, name: &str) -> Told<T> {
    thread.join().unwrap_or_else(|_| {
        let why = "asking it ended in a fault of this program".to_owned();
        Told::new(name, name.to_owned(), Err(why))
    })
}

/// Asks one API; an answer with records that can't be read is an answer with a warning.
fn told<T>(
    endpoints: &Endpoints,
    service: &str,
    ask: impl FnOnce(Client, &mut Vec<String>) -> Result<T, ApiError>,
) -> Told<T> {
    let mut warnings = Vec::new();
    let answer = endpoints
        .client(service)
        .and_then(|client| ask(client, &mut warnings));
    let mut told = Told::new(
        service,
        endpoints.url(service),
        answer.map_err(|error| error.to_string()),
    );
    told.warnings = warnings;
    told
}

fn records<T: Serialize>(
    service: &str,
    listed: &Listed<T>,
    warnings: &mut Vec<String>,
) -> Vec<Value> {
    for misfit in &listed.misfits {
        warnings.push(format!(
            "{service}: a record can't be read at {}: {}; left out",
            misfit.json_path, misfit.why
        ));
    }
    endpoints::as_sent(listed)
}

fn sapi(endpoints: &Endpoints) -> Told<SapiFacts> {
    told(endpoints, "sapi", |client, warnings| {
        let sapi = Sapi::new(client);
        let applications = sapi.list_applications(Some("sdc"))?;
        let first = applications.first();
        let zk_servers = first.and_then(|one| one.metadata.get("ZK_SERVERS").cloned());
        let application = first.map(|application| application.uuid);
        if application.is_none() {
            warnings.push("SAPI has no application sdc".to_owned());
        }
        let services = sapi.list_services(&ServiceFilter {
            application_uuid: application,
            ..ServiceFilter::default()
        })?;
        let instances = sapi.list_instances(&InstanceFilter::default())?;
        let services = records("SAPI", &services, warnings);
        let instances = records("SAPI", &instances, warnings);
        Ok(SapiFacts {
            application,
            instances: of_these(instances, &services),
            services,
            zk_servers: zk_servers.unwrap_or_default(),
        })
    })
}

/// Instances of these services: those of other applications, such as Manta's, are not ours.
fn of_these(instances: Vec<Value>, services: &[Value]) -> Vec<Value> {
    let is_ours = |instance: &Value| {
        let service = &instance["service_uuid"];
        services.iter().any(|ours| ours["uuid"] == *service)
    };
    instances.into_iter().filter(is_ours).collect()
}

/// Core zones in full and in any state, as a destroyed one must be known for what it is; of other VMs only who and where.
fn vmapi(endpoints: &Endpoints, admin: Option<Uuid>) -> Told<Vec<Value>> {
    told(endpoints, "vmapi", |client, warnings| {
        let vmapi = Vmapi::new(client);
        let core = vmapi.list_vms(&VmFilter {
            owner_uuid: admin,
            ..VmFilter::default()
        })?;
        let mut all = records("VMAPI", &core, warnings);
        if let Some(admin) = admin {
            let fields = ["owner_uuid", "server_uuid", "state"].map(str::to_owned);
            let others = vmapi.list_vms(&VmFilter {
                state: Some(ListState::Active),
                fields: fields.to_vec(),
                ..VmFilter::default()
            })?;
            let admin = admin.to_string();
            let others = records("VMAPI", &others, warnings);
            all.extend(others.into_iter().filter(|vm| vm["owner_uuid"] != *admin));
        }
        Ok(all)
    })
}

fn cnapi(endpoints: &Endpoints) -> Told<Vec<Value>> {
    told(endpoints, "cnapi", |client, warnings| {
        let servers =
            Cnapi::new(client).list_servers(&ServerFilter::default(), &[Extra::Sysinfo])?;
        Ok(records("CNAPI", &servers, warnings))
    })
}

fn networks(endpoints: &Endpoints) -> Told<NapiFacts> {
    told(endpoints, "napi", |client, warnings| {
        let networks = Napi::new(client).list_networks(None)?;
        Ok(NapiFacts {
            networks: records("NAPI", &networks, warnings),
            ..NapiFacts::default()
        })
    })
}

/// NICs of the core zones that were found; what NAPI can't tell of them, the zones' own records can.
fn nics(endpoints: &Endpoints, napi: &mut Told<NapiFacts>, zones: &[Uuid]) {
    let Some(facts) = &mut napi.facts else { return };
    let asked = endpoints
        .client("napi")
        .map(Napi::new)
        .and_then(|client| endpoints::nics_of(&client, zones));
    match asked {
        Ok(nics) => facts.what.nics = nics,
        Err(error) => napi.warnings.push(format!("NAPI told no NICs: {error}")),
    }
    let asked = endpoints
        .client("napi")
        .map(Napi::new)
        .and_then(|client| endpoints::addresses_of(&client, &facts.what.nics));
    match asked {
        Ok(addresses) => facts.what.addresses = addresses,
        Err(error) => napi
            .warnings
            .push(format!("NAPI told no addresses: {error}")),
    }
}

fn core_zones(sapi: &Told<SapiFacts>, vmapi: &Told<Vec<Value>>, admin: Option<Uuid>) -> Vec<Uuid> {
    let instances = sapi.facts.iter().flat_map(|heard| &heard.what.instances);
    let instances = instances.filter(|instance| instance["type"] != "agent");
    let admin = admin.map(|admin| admin.to_string());
    let vms = vmapi.facts.iter().flat_map(|heard| &heard.what);
    let vms = vms.filter(|vm| {
        let is_ours = admin
            .as_ref()
            .is_none_or(|admin| vm["owner_uuid"] == *admin.as_str());
        is_ours && vm["state"] != "destroyed" && vm["tags"]["smartdc_role"].is_string()
    });
    let mut zones: Vec<Uuid> = instances
        .chain(vms)
        .filter_map(|record| record["uuid"].as_str()?.parse().ok())
        .collect();
    zones.sort_unstable();
    zones.dedup();
    zones
}
