// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The records of the whole datacenter that every generation holds: SAPI's, NAPI's and CNAPI's, asked for once per run, all
//! services at the same time. What is down costs only its own part.

use std::thread;

use apis::cnapi::{Extra, ServerFilter};
use apis::sapi::{InstanceFilter, ServiceFilter};
use apis::{ApiError, Cnapi, Listed, Napi, Sapi};
use documents::restore_data::Part;
use documents::{Timestamp, Uuid};
use serde::Serialize;
use serde_json::Value;

use crate::endpoints::{self, Endpoints};
use crate::records::{self, Asked};

/// What the APIs said.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    pub parts: Vec<Asked>,
    /// UUID of the application `sdc`.
    pub application: Option<Uuid>,
    /// CNAPI's servers, if it answered.
    pub servers: Option<Vec<Value>>,
}

pub fn ask(endpoints: &Endpoints) -> Answers {
    thread::scope(|scope| {
        let sapi = scope.spawn(|| sapi(endpoints));
        let cnapi = scope.spawn(|| cnapi(endpoints));
        let networks = scope.spawn(|| networks(endpoints));
        let mut answers = sapi.join().unwrap_or_default();
        let zones = zones_of(&answers.parts);
        let nics = scope.spawn(move || nics(endpoints, &zones));
        for asked in [cnapi, networks, nics] {
            answers.parts.extend(asked.join().unwrap_or_default());
        }
        answers.servers = servers(&answers.parts);
        answers
    })
}

/// One part in one file.
fn single(part: Part, from: &str, answer: Result<Value, String>) -> Asked {
    Asked {
        part,
        from: from.to_owned(),
        at: Timestamp::now(),
        answer: answer.map(|value| vec![(records::path_of(part).to_owned(), value)]),
    }
}

fn sapi(endpoints: &Endpoints) -> Answers {
    let asked = endpoints.client("sapi").map(Sapi::new).and_then(|sapi| {
        let applications = sapi.list_applications(Some("sdc"))?;
        Ok((sapi, applications))
    });
    let (sapi, applications) = match asked {
        Ok(asked) => asked,
        Err(error) => return no_sapi(&error.to_string()),
    };
    let Some(application) = applications.first() else {
        return no_sapi("SAPI has no application sdc");
    };
    let services = sapi.list_services(&ServiceFilter {
        application_uuid: Some(application.uuid),
        ..ServiceFilter::default()
    });
    let manifests = sapi.list_manifests();
    let instances = sapi.list_instances(&InstanceFilter::default());
    let mine: Option<Vec<Uuid>> = services
        .as_ref()
        .ok()
        .map(|services| services.iter().map(|service| service.uuid).collect());
    let instances = whole(instances).map(|instances| {
        let of_sdc = instances.into_iter().filter(|record| {
            let service = record["service_uuid"].as_str();
            let service = service.and_then(|text| text.parse::<Uuid>().ok());
            mine.as_ref()
                .is_none_or(|mine| service.is_some_and(|service| mine.contains(&service)))
        });
        records::one_file_each(Part::SapiInstance, of_sdc.collect())
    });
    Answers {
        application: Some(application.uuid),
        parts: vec![
            single(
                Part::SapiApplication,
                "sapi",
                serde_json::to_value(application).map_err(|error| error.to_string()),
            ),
            single(
                Part::SapiServices,
                "sapi",
                whole(services).map(Value::Array),
            ),
            single(
                Part::SapiManifests,
                "sapi",
                whole(manifests).map(Value::Array),
            ),
            Asked {
                part: Part::SapiInstance,
                from: "sapi".to_owned(),
                at: Timestamp::now(),
                answer: instances,
            },
        ],
        servers: None,
    }
}

fn no_sapi(why: &str) -> Answers {
    let parts = [
        Part::SapiApplication,
        Part::SapiServices,
        Part::SapiManifests,
        Part::SapiInstance,
    ];
    Answers {
        parts: parts
            .map(|part| single(part, "sapi", Err(why.to_owned())))
            .to_vec(),
        ..Answers::default()
    }
}

fn cnapi(endpoints: &Endpoints) -> Vec<Asked> {
    let servers = endpoints
        .client("cnapi")
        .map(Cnapi::new)
        .and_then(|cnapi| cnapi.list_servers(&ServerFilter::default(), &[Extra::Sysinfo]));
    vec![single(
        Part::Servers,
        "cnapi",
        whole(servers).map(Value::Array),
    )]
}

fn networks(endpoints: &Endpoints) -> Vec<Asked> {
    let networks = endpoints
        .client("napi")
        .map(Napi::new)
        .and_then(|napi| napi.list_networks(None));
    vec![single(
        Part::Networks,
        "napi",
        whole(networks).map(Value::Array),
    )]
}

/// The zones' NICs, and the addresses of the networks that they are on.
fn nics(endpoints: &Endpoints, zones: &Result<Vec<Uuid>, String>) -> Vec<Asked> {
    let napi = || endpoints.client("napi").map(Napi::new);
    let nics = match zones {
        Err(why) => Err(format!("whose NICs to ask for is not known: {why}")),
        Ok(zones) => napi()
            .and_then(|napi| endpoints::nics_of(&napi, zones))
            .map_err(|error| error.to_string()),
    };
    // A NAPI that is silent is not waited for twice.
    let addresses = nics.clone().and_then(|nics| {
        napi()
            .and_then(|napi| endpoints::addresses_of(&napi, &nics))
            .map_err(|error| error.to_string())
    });
    vec![
        single(Part::Nics, "napi", nics.map(Value::Array)),
        single(Part::Addresses, "napi", addresses.map(Value::Array)),
    ]
}

/// All records, or why not: a list with entries that can't be read is not whole.
fn whole<T: Serialize>(listed: Result<Listed<T>, ApiError>) -> Result<Vec<Value>, String> {
    let listed = listed.map_err(|error| error.to_string())?;
    match listed.misfits.first() {
        None => Ok(endpoints::as_sent(&listed)),
        Some(first) => Err(format!(
            "{} of its records can't be read, the first at {}: {}",
            listed.misfits.len(),
            first.json_path,
            first.why
        )),
    }
}

/// The zones that SAPI has, agents left out.
fn zones_of(parts: &[Asked]) -> Result<Vec<Uuid>, String> {
    let instances = parts.iter().find(|asked| asked.part == Part::SapiInstance);
    let Some(instances) = instances else {
        return Err("SAPI gave no instances".to_owned());
    };
    let files = instances.answer.as_ref().map_err(Clone::clone)?;
    Ok(files
        .iter()
        .filter(|(_, record)| record["type"] != "agent")
        .filter_map(|(_, record)| record["uuid"].as_str()?.parse().ok())
        .collect())
}

fn servers(parts: &[Asked]) -> Option<Vec<Value>> {
    let asked = parts.iter().find(|asked| asked.part == Part::Servers)?;
    let (_, servers) = asked.answer.as_ref().ok()?.first()?;
    servers.as_array().cloned()
}
