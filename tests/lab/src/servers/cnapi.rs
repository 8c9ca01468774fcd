// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! CNAPI: servers as their agents report them, and whether they were heard of lately.

use serde_json::{Value, json};
use uuid::Uuid;

use super::routing::{Answer, Ask, Route, Service, Versions, error, invalid, ok};
use super::zone::{Zone, is_uuid, iso};
use crate::http::Response;
use crate::machine;

const SERVERS: &str = "cnapi_servers";
/// When each server was last heard of, in milliseconds since the epoch.
const STATUS: &str = "cnapi_status";

pub static SERVICE: Service = Service {
    server: "cnapi/1.26.6",
    versions: Versions::NoRoute,
    head: false,
    explains_406: true,
    headers_late: true,
    request_id: "x-request-id",
    response_time: true,
    unready,
    routes: &[
        Route("GET", "/ping", ping),
        Route("GET", "/servers", list),
        Route("GET", "/servers/:uuid", get),
        Route("POST", "/servers/:uuid", update),
        Route("POST", "/servers/:uuid/reboot", reboot),
        Route("POST", "/servers/:uuid/sysinfo", register),
        Route("POST", "/servers/:uuid/events/heartbeat", heartbeat),
    ],
};

/// What a list shows of a server only when asked for by name.
const EXTRAS: &[&str] = &["agents", "sysinfo", "vms", "score"];

fn unready(zone: &Zone) -> Option<Response> {
    (!zone.moray()).then(|| error(500, "InternalError", "no active connections"))
}

/// Always 200: only the body tells whether it can work.
fn ping(zone: &Zone, _: &Ask<'_>) -> Answer {
    let dc = zone.lab.dc();
    let online = |yes: bool| if yes { "online" } else { "offline" };
    let (moray, workflow) = (dc.moray_answers(), !dc.running("workflow").is_empty());
    let amqp = !dc.running("rabbitmq").is_empty();
    ok(&json!({
        "ready": moray && amqp,
        "services": { "workflow": online(workflow), "moray": online(moray), "amqp": online(amqp) },
    }))
}

fn list(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let known = [
        "headnode",
        "setup",
        "reserved",
        "reservoir",
        "hostname",
        "uuids",
        "extras",
        "limit",
        "offset",
    ];
    strict(
        ask.request.query.iter().map(|(name, _)| name.as_str()),
        &known,
    )?;
    for name in ["limit", "offset"] {
        if ask
            .text(name)
            .is_some_and(|text| text.parse::<u16>().is_err())
        {
            return Err(unfit(
                500,
                name,
                &format!("Invalid value for param '{name}'"),
            ));
        }
    }
    let extras = ask.text("extras").unwrap_or_default();
    let extras: Vec<_> = extras
        .split(',')
        .filter(|extra| !extra.is_empty())
        .collect();
    let mut found = zone.values(SERVERS)?;
    found.retain(|server| {
        let flag = |name: &str| {
            ask.text(name)
                .is_none_or(|wanted| server[name].as_bool() == wanted.parse().ok())
        };
        let named = ask
            .text("hostname")
            .is_none_or(|name| server["hostname"] == name);
        let uuids = ask
            .text("uuids")
            .is_none_or(|uuids| uuids.split(',').any(|it| server["uuid"] == it));
        let flags = ["headnode", "setup", "reserved", "reservoir"];
        named && uuids && server["uuid"] != "default" && flags.iter().all(|name| flag(name))
    });
    found.sort_by_key(|server| server["uuid"].as_str().map(str::to_owned));
    let number = |name: &str| ask.text(name).and_then(|text| text.parse().ok());
    let page = found
        .iter()
        .skip(number("offset").unwrap_or(0))
        .take(number("limit").unwrap_or(1000));
    let shown = page
        .map(|server| shown(zone, server, &extras))
        .collect::<Result<Vec<_>, _>>()?;
    ok(&Value::Array(shown))
}

fn get(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let uuid = valid_uuid(ask)?;
    strict(ask.request.query.iter().map(|(name, _)| name.as_str()), &[])?;
    ok(&shown(zone, &required(zone, uuid)?, &["all"])?)
}

fn shown(zone: &Zone, server: &Value, extras: &[&str]) -> Result<Value, Response> {
    let uuid = server["uuid"].as_str().unwrap_or_default();
    let heard = zone.value(STATUS, uuid)?.and_then(|heard| heard.as_u64());
    let lifetime = zone.lab.timings.scaled(zone.lab.timings.heartbeat_lifetime);
    let limit = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX);
    let silent = heard.is_none_or(|heard| zone.lab.now_ms().saturating_sub(heard) > limit);
    let all = extras.contains(&"all");
    let wants = |extra: &str| all || extras.contains(&extra);
    let mut shown = server.as_object().cloned().unwrap_or_default();
    shown.retain(|key, _| {
        let kind = match key.as_str() {
            key if EXTRAS.contains(&key) => key,
            key if key.starts_with("memory_") => "memory",
            key if key.starts_with("disk_") => "disk",
            key if key.starts_with("unreserved_") => "capacity",
            "last_heartbeat" => "last_heartbeat",
            _ => return true,
        };
        wants(kind)
    });
    shown.insert(
        "status".to_owned(),
        json!(if silent { "unknown" } else { "running" }),
    );
    // Any extra brings the heartbeat with it.
    if let Some(heard) = heard.filter(|_| !extras.is_empty()) {
        shown.insert("last_heartbeat".to_owned(), json!(iso(heard)));
    }
    Ok(Value::Object(shown))
}

/// What an operator may set, with the JSON type that it must have.
const SETTABLE: &[(&str, char)] = &[
    ("boot_params", 'o'),
    ("boot_platform", 's'),
    ("comments", 's'),
    ("default_console", 's'),
    ("next_reboot", 's'),
    ("nics", 'a'),
    ("overprovision_ratios", 'o'),
    ("rack_identifier", 's'),
    ("reservation_ratio", 'n'),
    ("reserved", 'b'),
    ("reservoir", 'b'),
    ("serial", 's'),
    ("setting_up", 'b'),
    ("setup", 'b'),
    ("traits", 'o'),
    ("transitional_status", 's'),
];

fn update(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let uuid = valid_uuid(ask)?;
    let mut server = required(zone, uuid)?;
    let known: Vec<_> = SETTABLE.iter().map(|(name, _)| *name).collect();
    strict(ask.params.keys().map(String::as_str), &known)?;
    for (name, kind) in SETTABLE {
        let Some(value) = ask.params.get(*name) else {
            continue;
        };
        match (kind, value) {
            ('b', value) if !value.is_boolean() => {
                return Err(unfit(500, name, "value was not true or false"));
            }
            ('o', value) if !value.is_object() => {
                return Err(unfit(500, name, &not_an_object(value)));
            }
            _ => server[*name] = value.clone(),
        }
    }
    zone.put(SERVERS, uuid, server)?;
    Ok(Response::empty(204))
}

/// Without a job the order goes to the server's agent at once.
fn reboot(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let uuid = valid_uuid(ask)?;
    let server = required(zone, uuid)?;
    let given = ask.params.keys().map(String::as_str);
    strict(given, &["drain", "nojob", "origin", "creator_uuid"])?;
    if shown(zone, &server, &[])?["status"] != "running" {
        let message = "Operation attempted on server which is not running";
        return Err(error(409, "ServerNotRunning", message));
    }
    let host = {
        let dc = zone.lab.dc();
        let mut hosts = dc.hosts.values();
        hosts
            .find(|host| host.uuid.to_string() == uuid)
            .map(|host| host.name.clone())
    };
    if let Some(host) = host {
        machine::reboot(&zone.lab, &host);
    }
    match ask.params.get("nojob") == Some(&Value::Bool(true)) {
        true => Ok(Response::empty(204)),
        false => Ok(Response::json(202, &json!({ "job_uuid": Uuid::new_v4() }))),
    }
}

/// cn-agent registers a server, or tells what changed on it.
fn register(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let uuid = valid_uuid(ask)?;
    let Some(Value::Object(sysinfo)) = ask.params.get("sysinfo") else {
        let given = ask.params.get("sysinfo").unwrap_or(&Value::Null);
        return Err(unfit(500, "sysinfo", &not_an_object(given)));
    };
    let known = zone.value(SERVERS, uuid)?;
    let mut server = known.unwrap_or_else(|| fresh(zone, uuid));
    let text = |key: &str| sysinfo.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| {
        sysinfo.get(key).and_then(|value| match value {
            Value::String(text) => text.parse::<u64>().ok(),
            value => value.as_u64(),
        })
    };
    // `headnode` comes from nowhere else.
    let boot = sysinfo
        .get("Boot Parameters")
        .and_then(|boot| boot.get("headnode"));
    server["headnode"] = json!(boot.is_some_and(|headnode| headnode == "true"));
    server["hostname"] = json!(text("Hostname"));
    server["current_platform"] = json!(text("Live Image"));
    server["system_type"] = json!(text("System Type"));
    server["setup"] = json!(text("Setup") == "true");
    server["ram"] = json!(number("MiB of Memory").unwrap_or(0));
    server["last_boot"] = json!(iso(number("Boot Time").unwrap_or(0).saturating_mul(1000)));
    server["agents"] = sysinfo
        .get("SDC Agents")
        .cloned()
        .unwrap_or_else(|| json!([]));
    if server["boot_platform"].is_null() {
        server["boot_platform"] = json!(text("Live Image"));
    }
    if server["created"].is_null() {
        server["created"] = json!(iso(number("Zpool Creation")
            .unwrap_or(0)
            .saturating_mul(1000)));
    }
    server["sysinfo"] = json!(sysinfo);
    zone.put(SERVERS, uuid, server)?;
    heard_of(zone, uuid)?;
    Ok(Response::empty(200))
}

fn heartbeat(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let uuid = valid_uuid(ask)?;
    heard_of(zone, uuid)?;
    Ok(Response::empty(204))
}

fn heard_of(zone: &Zone, uuid: &str) -> Result<(), Response> {
    zone.put(STATUS, uuid, json!(zone.lab.now_ms()))
}

/// A server never heard of before.
fn fresh(zone: &Zone, uuid: &str) -> Value {
    let rabbit = {
        let dc = zone.lab.dc();
        dc.running("rabbitmq")
            .first()
            .and_then(|(_, vm)| vm.admin_ip())
    };
    let rabbit = rabbit
        .map(|ip| format!("guest:guest:{ip}"))
        .unwrap_or_default();
    json!({
        "uuid": uuid, "datacenter": zone.lab.dc().name, "comments": "", "rack_identifier": "",
        "reservation_ratio": 0.15, "reserved": false, "reservoir": false, "traits": {}, "vms": {},
        "boot_params": { "rabbitmq": rabbit, "smt_enabled": true }, "kernel_flags": {}, "default_console": "serial", "serial": "ttyb", "score": 0,
        "memory_provisionable_bytes": 0,
    })
}

fn required(zone: &Zone, uuid: &str) -> Result<Value, Response> {
    let message = format!("Server {uuid} not found");
    zone.value(SERVERS, uuid)?
        .ok_or_else(|| error(404, "ResourceNotFound", &message))
}

fn valid_uuid<'a>(ask: &'a Ask<'_>) -> Result<&'a str, Response> {
    let uuid = ask.path("uuid");
    if is_uuid(uuid) {
        Ok(uuid)
    } else {
        Err(error(409, "InvalidArgument", "Invalid server_uuid"))
    }
}

fn strict<'a>(given: impl Iterator<Item = &'a str>, known: &[&str]) -> Result<(), Response> {
    let mut given = given;
    match given.find(|name| !known.contains(name)) {
        Some(name) => {
            let message = format!("{name} is not an explicitly defined parameter");
            Err(error(409, "InvalidArgument", &message))
        }
        None => Ok(()),
    }
}

fn unfit(status: u16, field: &str, message: &str) -> Response {
    let errors = vec![json!({ "field": field, "code": "Invalid", "message": message })];
    invalid(
        status,
        "InvalidParameters",
        "Request parameters failed validation",
        errors,
    )
}

fn not_an_object(value: &Value) -> String {
    let kind = match value {
        Value::Null => "Undefined",
        Value::String(_) => "String",
        Value::Bool(_) => "Boolean",
        Value::Number(_) => "Number",
        Value::Array(_) => "Array",
        Value::Object(_) => "Object",
    };
    format!("value is not an object. (was: [object {kind}])")
}
