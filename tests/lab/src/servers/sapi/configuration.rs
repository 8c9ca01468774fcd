// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What SAPI makes of an application, a service and an instance together: a VM payload, and a zone's configuration.

use serde_json::{Map, Value, json};
use sha1::Digest;

use super::store::{self, APPLICATIONS, INSTANCES, MANIFESTS, SERVICES};
use super::type_of;
use crate::http::Response;
use crate::servers::routing::{Answer, Ask, ok, plain_error, precondition};
use crate::servers::zone::{Zone, is_uuid};

/// The metadata keys that a VM gets to see.
const PASSED: &[&str] = &[
    "SAPI_URL",
    "sapi_url",
    "SAPI-URL",
    "sapi-url",
    "user-script",
    "assets-ip",
];

/// An instance with its service and application, which it inherits from in reverse order.
struct Lineage {
    application: Value,
    service: Value,
    instance: Value,
}

impl Lineage {
    fn of(zone: &Zone, instance: &Value) -> Result<Lineage, Response> {
        let uuid = |object: &Value, key: &str| object[key].as_str().unwrap_or_default().to_owned();
        let service = store::require(zone, &SERVICES, &uuid(instance, "service_uuid"))?;
        let application = store::require(zone, &APPLICATIONS, &uuid(&service, "application_uuid"))?;
        Ok(Lineage {
            application,
            service,
            instance: instance.clone(),
        })
    }

    /// Merged by key, not deeper; the nearest wins.
    fn merged(&self, part: &str) -> Map<String, Value> {
        let levels = [&self.application, &self.service, &self.instance];
        let parts = levels
            .into_iter()
            .filter_map(|level| level.get(part)?.as_object());
        parts
            .flatten()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}

pub fn payload(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let instance = store::require(zone, &INSTANCES, ask.path("uuid"))?;
    ok(&payload_of(zone, &instance)?)
}

/// What VMAPI gets to provision an instance from.
pub fn payload_of(zone: &Zone, instance: &Value) -> Result<Value, Response> {
    let lineage = Lineage::of(zone, instance)?;
    if type_of(&lineage.service) == "agent" {
        return Ok(json!({}));
    }
    let metadata = lineage.merged("metadata");
    let more = metadata
        .get("pass_vmapi_metadata_keys")
        .and_then(Value::as_array);
    let more = more.into_iter().flatten().filter_map(Value::as_str);
    let passed: Map<String, Value> = PASSED
        .iter()
        .copied()
        .chain(more)
        .filter_map(|key| Some((key.to_owned(), metadata.get(key)?.clone())))
        .filter(|(_, value)| truthy(value))
        .collect();
    let mut payload = lineage.merged("params");
    payload.insert(
        "owner_uuid".to_owned(),
        lineage.application["owner_uuid"].clone(),
    );
    payload.insert("uuid".to_owned(), instance["uuid"].clone());
    payload.insert("brand".to_owned(), json!("joyent-minimal"));
    payload.insert("customer_metadata".to_owned(), Value::Object(passed));
    if let Some(Value::Array(networks)) = payload.get_mut("networks") {
        for network in networks {
            if let Some(text) = network.as_str() {
                let key = if is_uuid(text) { "uuid" } else { "name" };
                *network = json!({ key: text });
            }
        }
    }
    Ok(Value::Object(payload))
}

/// What a zone fetches at its first boot, and its config-agent from then on.
pub fn configs(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let instance = store::require(zone, &INSTANCES, ask.path("uuid"))?;
    let lineage = Lineage::of(zone, &instance)?;
    let mut manifests = Vec::new();
    for uuid in lineage
        .merged("manifests")
        .values()
        .filter_map(Value::as_str)
    {
        let missing = || plain_error(500, &format!("first of 1 error: no such manifest: {uuid}"));
        manifests.push(store::read(zone, &MANIFESTS, uuid)?.ok_or_else(missing)?);
    }
    let mut metadata = lineage.merged("metadata");
    metadata.remove("user-script");
    let params = lineage.merged("params");
    let server = params
        .get("server_uuid")
        .cloned()
        .unwrap_or_else(|| own_server(zone));
    metadata.insert("SERVER_UUID".to_owned(), server);
    metadata.insert("ZONE_UUID".to_owned(), instance["uuid"].clone());
    metadata.insert("INSTANCE_UUID".to_owned(), instance["uuid"].clone());
    let body = json!({ "manifests": manifests, "metadata": metadata });
    let etag = format!("{}", Hex(&sha1::Sha1::digest(body.to_string().as_bytes())));
    let response = precondition(ask, &etag).unwrap_or_else(|| Response::json(200, &body));
    Ok(response.with_header("Etag", etag))
}

/// The server that this SAPI itself runs on.
fn own_server(zone: &Zone) -> Value {
    let dc = zone.lab.dc();
    dc.hosts
        .get(&zone.host)
        .map(|host| json!(host.uuid))
        .unwrap_or(Value::Null)
}

fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::String(text) => !text.is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Array(_) | Value::Object(_) => true,
    }
}

struct Hex<'a>(&'a [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
