// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! SAPI in full mode: applications, services, instances and manifests, and what zones are configured from.

mod configuration;
mod instances;
mod store;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::routing::{Answer, Ask, Route, Service, Versions, always_ready, error, ok, plain_error};
use super::zone::Zone;
use crate::http::Response;
use store::{APPLICATIONS, INSTANCES, Kind, MANIFESTS, SERVICES};

pub use store::started;

pub static SERVICE: Service = Service {
    server: "sapi/2.1.3",
    versions: Versions::Majors(&[1, 2]),
    head: false,
    explains_406: false,
    headers_late: false,
    request_id: "x-request-id",
    response_time: false,
    unready: always_ready,
    routes: &[
        Route("GET", "/ping", ping),
        Route("GET", "/mode", |_, _| ok(&json!("full"))),
        Route("POST", "/mode", set_mode),
        Route("POST", "/cache", sync_cache),
        Route("POST", "/applications", |zone, ask| {
            create(zone, ask, &APPLICATIONS)
        }),
        Route("GET", "/applications", |zone, ask| {
            list(zone, ask, &APPLICATIONS)
        }),
        Route("GET", "/applications/:uuid", |zone, ask| {
            get(zone, ask, &APPLICATIONS)
        }),
        Route("PUT", "/applications/:uuid", |zone, ask| {
            update(zone, ask, &APPLICATIONS)
        }),
        Route("DELETE", "/applications/:uuid", |zone, ask| {
            delete(zone, ask, &APPLICATIONS)
        }),
        Route("POST", "/services", |zone, ask| {
            create(zone, ask, &SERVICES)
        }),
        Route("GET", "/services", |zone, ask| list(zone, ask, &SERVICES)),
        Route("GET", "/services/:uuid", |zone, ask| {
            get(zone, ask, &SERVICES)
        }),
        Route("PUT", "/services/:uuid", |zone, ask| {
            update(zone, ask, &SERVICES)
        }),
        Route("DELETE", "/services/:uuid", |zone, ask| {
            delete(zone, ask, &SERVICES)
        }),
        Route("POST", "/instances", instances::create),
        Route("GET", "/instances", |zone, ask| list(zone, ask, &INSTANCES)),
        Route("GET", "/instances/:uuid", |zone, ask| {
            get(zone, ask, &INSTANCES)
        }),
        Route("PUT", "/instances/:uuid", |zone, ask| {
            update(zone, ask, &INSTANCES)
        }),
        Route("DELETE", "/instances/:uuid", instances::delete),
        Route("GET", "/instances/:uuid/payload", configuration::payload),
        Route("POST", "/manifests", |zone, ask| {
            create(zone, ask, &MANIFESTS)
        }),
        Route("GET", "/manifests", |zone, ask| list(zone, ask, &MANIFESTS)),
        Route("GET", "/manifests/:uuid", |zone, ask| {
            get(zone, ask, &MANIFESTS)
        }),
        Route("DELETE", "/manifests/:uuid", |zone, ask| {
            delete(zone, ask, &MANIFESTS)
        }),
        Route("GET", "/configs/:uuid", configuration::configs),
    ],
};

fn ping(zone: &Zone, _: &Ask<'_>) -> Answer {
    let available = zone.moray();
    let body =
        json!({ "mode": "full", "storType": "MorayLocalStorage", "storAvailable": available });
    Ok(Response::json(if available { 200 } else { 500 }, &body))
}

fn set_mode(_: &Zone, ask: &Ask<'_>) -> Answer {
    match ask.text("mode").as_deref() {
        Some("full") => Ok(Response::empty(204)),
        Some(mode) => Err(error(
            409,
            "InvalidArgument",
            &format!("invalid mode: {mode}"),
        )),
        None => Err(error(409, "MissingParameter", "missing \"mode\" parameter")),
    }
}

fn sync_cache(zone: &Zone, _: &Ask<'_>) -> Answer {
    zone.need_moray()?;
    store::refresh(zone);
    Ok(Response::empty(204))
}

fn get(zone: &Zone, ask: &Ask<'_>, kind: &Kind) -> Answer {
    let object = store::require(zone, kind, ask.path("uuid"))?;
    ok(&shown(kind, ask, &object))
}

fn list(zone: &Zone, ask: &Ask<'_>, kind: &Kind) -> Answer {
    // Version 1 knows nothing of agents, unless it is asked for them in a roundabout way.
    let narrowed = ask.params.contains_key("service_uuid") || ask.params.contains_key("type");
    let only_vms = kind.typed && ask.version() < 2 && !narrowed;
    let fits = |object: &Value| {
        let filters = kind
            .filters
            .iter()
            .filter_map(|filter| Some((*filter, ask.text(filter)?)));
        let mut filters = filters.chain(only_vms.then(|| ("type", "vm".to_owned())));
        filters.all(|(key, wanted)| match key {
            "type" => type_of(object) == wanted,
            key => object.get(key).and_then(Value::as_str) == Some(wanted.as_str()),
        })
    };
    let found = store::list(zone, kind)?;
    let shown: Vec<_> = found
        .iter()
        .filter(|object| fits(object))
        .map(|it| shown(kind, ask, it))
        .collect();
    ok(&Value::Array(shown))
}

fn create(zone: &Zone, ask: &Ask<'_>, kind: &Kind) -> Answer {
    let mut object = draft(zone, ask, kind)?;
    if kind.typed {
        store::require(
            zone,
            &APPLICATIONS,
            object["application_uuid"].as_str().unwrap_or_default(),
        )?;
        let given = ask.text("type").unwrap_or_else(|| "vm".to_owned());
        if !["vm", "agent"].contains(&given.as_str()) {
            return Err(plain_error(
                500,
                &format!("service type is invalid: {given}"),
            ));
        }
        object["type"] = json!(given);
    }
    if std::ptr::eq(kind, &MANIFESTS) {
        let version = ask.text("version").unwrap_or_else(|| "1.0.0".to_owned());
        let numbers: Vec<_> = version.split('.').map(str::parse::<u32>).collect();
        if numbers.len() != 3 || numbers.iter().any(Result::is_err) {
            return Err(error(409, "InvalidArgument", "invalid version"));
        }
        object["version"] = json!(version);
    }
    store::write(zone, kind, &object)?;
    ok(&shown(kind, ask, &object))
}

/// A new object out of a request: the keys that this kind has, a uuid, no more.
fn draft(zone: &Zone, ask: &Ask<'_>, kind: &Kind) -> Result<Value, Response> {
    let missing: Vec<_> = kind
        .required
        .iter()
        .copied()
        .filter(|key| ask.text(key).is_none())
        .collect();
    if !missing.is_empty() {
        let message = format!("missing required keys: {}", missing.join(", "));
        return Err(error(409, "MissingParameter", &message));
    }
    let given = |key: &&str| Some(((*key).to_owned(), ask.params.get(*key)?.clone()));
    let mut object: Map<String, Value> = kind.keys.iter().filter_map(given).collect();
    let manifests = object.get("manifests").and_then(Value::as_object);
    for uuid in manifests
        .into_iter()
        .flat_map(Map::values)
        .filter_map(Value::as_str)
    {
        if store::read(zone, &MANIFESTS, uuid)?.is_none() {
            return Err(plain_error(
                500,
                &format!("first of 1 error: no such manifest: {uuid}"),
            ));
        }
    }
    object
        .entry("uuid")
        .or_insert_with(|| json!(Uuid::new_v4()));
    Ok(Value::Object(object))
}

fn update(zone: &Zone, ask: &Ask<'_>, kind: &Kind) -> Answer {
    let action = ask
        .text("action")
        .unwrap_or_else(|| "update".to_owned())
        .to_lowercase();
    if !["update", "replace", "delete"].contains(&action.as_str()) {
        return Err(error(409, "InvalidArgument", ""));
    }
    let uuid = ask.path("uuid");
    let Some(mut object) = store::read(zone, kind, uuid)? else {
        let message = format!(
            "updateObject failed: no record for bucket {} object {uuid}",
            kind.bucket
        );
        return Err(plain_error(500, &message));
    };
    for part in ["params", "metadata", "metadata_schema", "manifests"] {
        let Some(Value::Object(given)) = ask.params.get(part) else {
            continue;
        };
        if action == "replace" || !object[part].is_object() {
            object[part] = if action == "delete" {
                continue;
            } else {
                json!(given)
            };
            continue;
        }
        let Some(kept) = object[part].as_object_mut() else {
            continue;
        };
        for (key, value) in given {
            match action.as_str() {
                "delete" => kept.remove(key),
                _ => kept.insert(key.clone(), value.clone()),
            };
        }
    }
    if let Some(owner) = ask
        .text("owner_uuid")
        .filter(|_| std::ptr::eq(kind, &APPLICATIONS))
    {
        object["owner_uuid"] = json!(owner);
    }
    store::write(zone, kind, &object)?;
    ok(&shown(kind, ask, &object))
}

fn delete(zone: &Zone, ask: &Ask<'_>, kind: &Kind) -> Answer {
    let uuid = ask.path("uuid");
    if store::read(zone, kind, uuid)?.is_none() {
        return Err(Response::empty(404));
    }
    store::remove(zone, kind, uuid)?;
    Ok(Response::empty(204))
}

/// An object as it goes out: version 1 has no types.
fn shown(kind: &Kind, ask: &Ask<'_>, object: &Value) -> Value {
    let given = |key: &&str| Some(((*key).to_owned(), object.get(*key)?.clone()));
    let mut shown: Map<String, Value> = kind.keys.iter().filter_map(given).collect();
    if (kind.typed || std::ptr::eq(kind, &INSTANCES)) && ask.version() >= 2 {
        shown.insert("type".to_owned(), json!(type_of(object)));
    }
    Value::Object(shown)
}

/// Objects made very long ago have no type: they are VMs.
fn type_of(object: &Value) -> &str {
    object.get("type").and_then(Value::as_str).unwrap_or("vm")
}
