// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! NAPI: networks, the addresses on them that were ever used, and NICs.

mod addresses;
mod networks;
mod nics;

use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};

use super::routing::{Answer, Ask, Route, Service, Versions, error, invalid, ok, precondition};
use super::zone::{Zone, is_uuid};
use crate::http::Response;

const NETWORKS: &str = "napi_networks";
const IPS: &str = "napi_ips";
const NICS: &str = "napi_nics";

pub static SERVICE: Service = Service {
    server: "Triton Networking API",
    versions: Versions::Majors(&[1]),
    head: true,
    explains_406: true,
    headers_late: false,
    request_id: "x-request-id",
    response_time: true,
    unready,
    routes: &[
        Route("GET", "/ping", ping),
        Route("GET", "/networks", networks::list),
        Route("GET", "/networks/:network", networks::get),
        Route("PUT", "/networks/:network", networks::update),
        Route("GET", "/networks/:network/ips", addresses::list),
        Route("GET", "/networks/:network/ips/:ip", addresses::get),
        Route("PUT", "/networks/:network/ips/:ip", addresses::update),
        Route("POST", "/networks/:network/nics", nics::provision),
        Route("GET", "/nics", nics::list),
        Route("POST", "/nics", nics::create),
        Route("GET", "/nics/:mac", nics::get),
        Route("PUT", "/nics/:mac", nics::update),
        Route("DELETE", "/nics/:mac", nics::delete),
    ],
};

fn unready(zone: &Zone) -> Option<Response> {
    let message = "Server is still initializing";
    (!zone.moray()).then(|| error(503, "ServiceUnavailableError", message))
}

/// Always 200: only the body tells whether it can work.
fn ping(zone: &Zone, _: &Ask<'_>) -> Answer {
    let moray = zone.moray();
    ok(&json!({
        "config": { "fabrics_enabled": false, "subnet_alloc_enabled": false },
        "healthy": moray,
        "services": { "moray": if moray { "online" } else { "offline" } },
        "status": if moray { "OK" } else { "initializing" },
    }))
}

/// One element of a validation error.
struct Fault {
    field: &'static str,
    code: &'static str,
    message: String,
}

impl Fault {
    fn invalid(field: &'static str, message: impl Into<String>) -> Fault {
        Fault {
            field,
            code: "InvalidParameter",
            message: message.into(),
        }
    }

    fn missing(field: &'static str) -> Fault {
        Fault {
            field,
            code: "MissingParameter",
            message: "Missing parameter".to_owned(),
        }
    }

    fn alone(self) -> Response {
        refused(vec![self])
    }
}

/// All faults in one error; missing parameters come before anything else.
fn refused(mut faults: Vec<Fault>) -> Response {
    let missing = faults.iter().any(|fault| fault.code == "MissingParameter");
    if missing {
        faults.retain(|fault| fault.code == "MissingParameter");
    }
    let message = if missing {
        "Missing parameters"
    } else {
        "Invalid parameters"
    };
    let errors = faults
        .iter()
        .map(|fault| json!({ "field": fault.field, "code": fault.code, "message": fault.message }));
    invalid(422, "InvalidParameters", message, errors.collect())
}

/// Query parameters of a list are strict; a uuid may be one of several.
fn check_list(ask: &Ask<'_>, known: &[&'static str]) -> Result<(), Response> {
    let mut faults = Vec::new();
    for (name, value) in &ask.request.query {
        let Some(&name) = known
            .iter()
            .chain(&["limit", "offset"])
            .find(|it| *it == name)
        else {
            let message = format!("Unknown parameters: {name}");
            let unknown =
                json!({ "field": [name], "code": "UnknownParameters", "message": message });
            return Err(invalid(
                422,
                "InvalidParameters",
                "Invalid parameters",
                vec![unknown],
            ));
        };
        match name {
            "limit" if !value.parse().is_ok_and(|limit| (1..=1000).contains(&limit)) => {
                let message = "invalid limit, must be an integer greater than 0 or less than or equal to 1000";
                faults.push(Fault::invalid(name, message));
            }
            "offset" if value.parse::<u32>().is_err() => {
                faults.push(Fault::invalid(
                    name,
                    "invalid offset, must be an integer greater than or equal to 0",
                ));
            }
            "vlan_id"
                if !value
                    .parse()
                    .is_ok_and(|vlan| vlan != 1 && (0..=4094).contains(&vlan)) =>
            {
                faults.push(Fault::invalid(
                    name,
                    "VLAN ID must be a number between 0 and 4094, and not 1",
                ));
            }
            "fabric" if !["true", "false"].contains(&value.as_str()) => {
                faults.push(Fault::invalid(name, "must be a boolean value"));
            }
            "belongs_to_uuid" | "cn_uuid" if !value.split(',').all(is_uuid) => {
                let bad: Vec<_> = value.split(',').filter(|text| !is_uuid(text)).collect();
                let mut error =
                    json!({ "field": name, "code": "InvalidParameter", "message": "invalid UUID" });
                error["invalid"] = json!(bad);
                return Err(invalid(
                    422,
                    "InvalidParameters",
                    "Invalid parameters",
                    vec![error],
                ));
            }
            "owner_uuid" | "provisionable_by" if !is_uuid(value) => {
                faults.push(Fault::invalid(name, "invalid UUID"));
            }
            _ => {}
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(refused(faults))
    }
}

/// The page that `limit` and `offset` ask for.
fn page(ask: &Ask<'_>, found: Vec<Value>) -> Answer {
    let number = |name: &str| ask.text(name).and_then(|text| text.parse().ok());
    let (offset, limit) = (
        number("offset").unwrap_or(0),
        number("limit").unwrap_or(1000),
    );
    ok(&Value::Array(
        found.into_iter().skip(offset).take(limit).collect(),
    ))
}

/// True when a field is one of the comma-separated values asked for, or when nothing was asked.
fn wanted(ask: &Ask<'_>, name: &str, object: &Value) -> bool {
    let Some(values) = ask.text(name) else {
        return true;
    };
    let given = match &object[name] {
        Value::String(text) => text.clone(),
        Value::Null => return name == "fabric" && values == "false",
        other => other.to_string(),
    };
    values.split(',').any(|value| value == given)
}

/// A boolean, which may come as text.
fn flag(body: &Map<String, Value>, name: &'static str) -> Result<Option<bool>, Fault> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(*value)),
        Some(Value::String(text)) if text == "true" => Ok(Some(true)),
        Some(Value::String(text)) if text == "false" => Ok(Some(false)),
        Some(_) => Err(Fault::invalid(name, "must be a boolean value")),
    }
}

/// An object with its etag, as it is asked for; a 304 goes without.
fn tagged(ask: &Ask<'_>, object: &Value, etag: &str) -> Response {
    precondition(ask, etag).unwrap_or_else(|| changed(object, etag))
}

/// An object with its etag, after a change: the condition was that of the object before.
fn changed(object: &Value, etag: &str) -> Response {
    Response::json(200, object).with_header("Etag", etag)
}

fn ip_in(object: &Value, key: &str) -> Option<Ipv4Addr> {
    object[key].as_str()?.parse().ok()
}
