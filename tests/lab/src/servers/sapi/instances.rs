// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Creating and deleting instances: in full mode both end at VMAPI, reached by its name.

use serde_json::{Value, json};

use super::configuration::payload_of;
use super::store::{self, INSTANCES, SERVICES};
use super::{draft, shown, type_of};
use crate::http::Response;
use crate::servers::routing::{Answer, Ask, error, ok, plain_error};
use crate::servers::zone::Zone;

/// The record is written first, then VMAPI is asked: a VM that it knows, in whatever state, is adopted; one that it
/// doesn't know is provisioned. When that fails the record goes again.
pub fn create(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let mut object = draft(zone, ask, &INSTANCES)?;
    let service = store::require(
        zone,
        &SERVICES,
        object["service_uuid"].as_str().unwrap_or_default(),
    )?;
    object["type"] = json!(type_of(&service));
    store::write(zone, &INSTANCES, &object)?;
    if type_of(&service) == "agent" {
        return ok(&shown(&INSTANCES, ask, &object));
    }
    let uuid = object["uuid"].as_str().unwrap_or_default();
    match deploy(zone, &object, uuid) {
        Ok(()) => ok(&shown(&INSTANCES, ask, &object)),
        Err(refused) => {
            store::remove(zone, &INSTANCES, uuid)?;
            Err(refused)
        }
    }
}

fn deploy(zone: &Zone, object: &Value, uuid: &str) -> Result<(), Response> {
    match vmapi(zone, "GET", &format!("/vms/{uuid}"))? {
        (200, _) => return Ok(()),
        (404, _) => {}
        (status, body) => return Err(Response::json(status, &body)),
    }
    // Nothing in the lab provisions: every try ends as it does in a datacenter that is full.
    payload_of(zone, object)?;
    Err(error(
        500,
        "ProvisionFailedError",
        "No compute resources available",
    ))
}

/// Destroys the VM, then deletes the record. A VM that VMAPI never heard of is an error, and so is one whose server
/// is dead: the record stays.
pub fn delete(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let uuid = ask.path("uuid");
    let object = store::require(zone, &INSTANCES, uuid)?;
    if type_of(&object) != "agent" {
        match vmapi(zone, "DELETE", &format!("/vms/{uuid}?sync=true"))? {
            (202, _) => {}
            (500, body) => {
                let why = body["message"].as_str().unwrap_or("the destroy job failed");
                return Err(error(500, "DestroyFailedError", why));
            }
            (status, body) => return Err(Response::json(status, &body)),
        }
    }
    store::remove(zone, &INSTANCES, uuid)?;
    Ok(Response::empty(204))
}

fn vmapi(zone: &Zone, method: &str, path: &str) -> Result<(u16, Value), Response> {
    zone.call("vmapi", method, path)
        .map_err(|why| plain_error(500, &why.to_string()))
}
