// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! VMAPI: the VMs that agents reported, as moray keeps them. It knows nothing that nobody told it.

mod destroy;
mod list;
mod shape;

use serde_json::{Map, Value, json};

use super::routing::{Answer, Ask, Route, Service, Versions, error, invalid, ok, plain_error};
use super::zone::{Zone, is_uuid};
use crate::http::Response;
use shape::{shown, stored};

const VMS: &str = "vmapi_vms";
const JOBS: &str = "wf_jobs";

pub static SERVICE: Service = Service {
    server: "VMAPI/9.16.0",
    versions: Versions::Majors(&[]),
    head: true,
    explains_406: true,
    headers_late: false,
    request_id: "x-request-id",
    response_time: true,
    unready,
    routes: &[
        Route("GET", "/ping", ping),
        Route("GET", "/vms", list::list),
        Route("PUT", "/vms", put_all),
        Route("GET", "/vms/:uuid", get),
        Route("PUT", "/vms/:uuid", put),
        Route("DELETE", "/vms/:uuid", destroy::destroy),
        Route("GET", "/jobs/:uuid", job),
    ],
};

fn unready(zone: &Zone) -> Option<Response> {
    (!zone.moray()).then(|| plain_error(500, "no active connections"))
}

fn ping(zone: &Zone, _: &Ask<'_>) -> Answer {
    let (moray, workflow) = {
        let dc = zone.lab.dc();
        (dc.moray_answers(), !dc.running("workflow").is_empty())
    };
    let online = |yes: bool| if yes { "online" } else { "offline" };
    let healthy = moray && workflow;
    let migrations = if moray {
        json!({ "vms": 1 })
    } else {
        json!({})
    };
    let body = json!({
        "dataMigrations": { "latestCompletedMigrations": migrations },
        "healthy": healthy,
        "initialization": { "moray": { "status": if moray { "BUCKETS_REINDEX_DONE" } else { "STARTED" } } },
        "pid": zone.pid(),
        "pingErrors": if moray { json!({}) } else { json!({ "moray": {} }) },
        "status": if healthy { "OK" } else { "some services are not ready" },
        "services": { "moray": online(moray), "wfapi": online(workflow) },
    });
    Ok(Response::json(if healthy { 200 } else { 503 }, &body))
}

fn get(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let vm = known(zone, ask)?;
    if ask
        .text("owner_uuid")
        .is_some_and(|owner| vm["owner_uuid"] != *owner)
    {
        return Err(not_found());
    }
    // `sync=true` asks the server itself; the agents of a live one keep this record fresh anyway.
    let shown = shown(&vm);
    let Some(fields) = ask.text("fields").filter(|fields| fields != "*") else {
        return ok(&shown);
    };
    ok(&only(&shown, &fields))
}

/// What vm-agent reports. A VM that is reported destroyed keeps its record.
fn put(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let uuid = valid_uuid(ask)?;
    let given = stored(&ask.body);
    let answer = Value::Object(given.clone());
    save(zone, &uuid, given)?;
    ok(&answer)
}

/// All VMs of a server at once: how vm-agent begins.
fn put_all(zone: &Zone, ask: &Ask<'_>) -> Answer {
    if !ask
        .text("server_uuid")
        .is_some_and(|server| is_uuid(&server))
    {
        return Err(invalid_parameter("server_uuid", "Invalid UUID"));
    }
    for (uuid, vm) in ask
        .body
        .get("vms")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let Some(vm) = vm.as_object().filter(|_| is_uuid(uuid)) else {
            continue;
        };
        save(zone, uuid, stored(vm))?;
    }
    Ok(Response::empty(200))
}

fn save(zone: &Zone, uuid: &str, mut vm: Map<String, Value>) -> Result<(), Response> {
    vm.insert("uuid".to_owned(), json!(uuid));
    if vm.get("state").and_then(Value::as_str) == Some("destroyed") {
        let kept = zone
            .value(VMS, uuid)?
            .and_then(|vm| vm.as_object().cloned());
        vm = kept
            .map(|kept| kept.into_iter().chain(vm.clone()).collect())
            .unwrap_or(vm);
        vm.insert("zone_state".to_owned(), json!("destroyed"));
        if vm.get("destroyed").is_none_or(Value::is_null) {
            vm.insert("destroyed".to_owned(), json!(zone.now()));
        }
    }
    zone.put(VMS, uuid, Value::Object(vm))
}

fn job(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let uuid = ask.path("uuid");
    let message = format!("Job with uuid '{uuid}' does not exist");
    ok(&zone
        .value(JOBS, uuid)?
        .ok_or_else(|| error(404, "ResourceNotFound", &message))?)
}

/// The record of the VM in the path.
fn known(zone: &Zone, ask: &Ask<'_>) -> Result<Value, Response> {
    zone.value(VMS, &valid_uuid(ask)?)?.ok_or_else(not_found)
}

fn valid_uuid(ask: &Ask<'_>) -> Result<String, Response> {
    let uuid = ask.path("uuid");
    if is_uuid(uuid) {
        Ok(uuid.to_owned())
    } else {
        Err(invalid_parameter("uuid", "Invalid UUID"))
    }
}

fn not_found() -> Response {
    error(404, "ResourceNotFound", "VM not found")
}

fn invalid_parameter(field: &str, message: &str) -> Response {
    let errors = vec![json!({ "field": field, "code": "Invalid", "message": message })];
    invalid(409, "ValidationFailed", "Invalid Parameters", errors)
}

fn only(vm: &Value, fields: &str) -> Value {
    let wanted = |key: &str| fields.split(',').any(|field| field == key);
    let entries = vm
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| wanted(key));
    Value::Object(
        entries
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    )
}
