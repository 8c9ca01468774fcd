// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Where SAPI's objects lie: in moray, with a copy in the zone's delegate dataset that serves reads while no moray
//! answers, and only then.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::http::Response;
use crate::servers::routing::{error, plain_error};
use crate::servers::zone::Zone;

/// One of SAPI's four kinds of objects.
pub struct Kind {
    /// `application`, as error messages call it.
    pub name: &'static str,
    /// Moray's bucket, and the directory of the local copy.
    pub bucket: &'static str,
    /// In the order in which a missing one is complained of.
    pub required: &'static [&'static str],
    /// All that such an object keeps, but its type.
    pub keys: &'static [&'static str],
    pub filters: &'static [&'static str],
    /// It is of type `vm` or `agent` by what its creator says.
    pub typed: bool,
}

pub static APPLICATIONS: Kind = Kind {
    name: "application",
    bucket: "sapi_applications",
    required: &["name", "owner_uuid"],
    keys: &[
        "uuid",
        "name",
        "owner_uuid",
        "params",
        "metadata",
        "metadata_schema",
        "manifests",
    ],
    filters: &["name", "owner_uuid"],
    typed: false,
};

pub static SERVICES: Kind = Kind {
    name: "service",
    bucket: "sapi_services",
    required: &["name", "application_uuid"],
    keys: &[
        "uuid",
        "name",
        "application_uuid",
        "params",
        "metadata",
        "manifests",
    ],
    filters: &["name", "application_uuid", "type"],
    typed: true,
};

pub static INSTANCES: Kind = Kind {
    name: "instance",
    bucket: "sapi_instances",
    required: &["service_uuid"],
    keys: &["uuid", "service_uuid", "params", "metadata", "manifests"],
    filters: &["service_uuid", "type"],
    typed: false,
};

pub static MANIFESTS: Kind = Kind {
    name: "manifest",
    bucket: "sapi_manifests",
    required: &["name", "path", "template"],
    keys: &[
        "uuid",
        "name",
        "path",
        "template",
        "post_cmd",
        "post_cmd_linux",
        "version",
    ],
    filters: &[],
    typed: false,
};

pub fn read(zone: &Zone, kind: &Kind, uuid: &str) -> Result<Option<Value>, Response> {
    if zone.moray() {
        // What moray lacks is not there, whatever the local copy says.
        return zone.value(kind.bucket, uuid);
    }
    let Some(file) = folder(zone, kind)
        .map(|folder| folder.join(uuid))
        .filter(|file| file.is_file())
    else {
        return Ok(None);
    };
    parse(&file).map(Some)
}

pub fn require(zone: &Zone, kind: &Kind, uuid: &str) -> Result<Value, Response> {
    let missing = || {
        error(
            404,
            "ResourceNotFound",
            &format!("no such {}: {uuid}", kind.name),
        )
    };
    read(zone, kind, uuid)?.ok_or_else(missing)
}

pub fn list(zone: &Zone, kind: &Kind) -> Result<Vec<Value>, Response> {
    if zone.moray() {
        return zone.values(kind.bucket);
    }
    let entries = folder(zone, kind).and_then(|folder| fs::read_dir(folder).ok());
    entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| parse(&entry.path()))
        .collect()
}

/// Writes to moray, then to the local copy; without a moray there is no writing.
pub fn write(zone: &Zone, kind: &Kind, object: &Value) -> Result<(), Response> {
    let uuid = object["uuid"].as_str().unwrap_or_default();
    zone.put(kind.bucket, uuid, object.clone())?;
    write_copy(zone, kind, object);
    Ok(())
}

pub fn remove(zone: &Zone, kind: &Kind, uuid: &str) -> Result<(), Response> {
    zone.delete(kind.bucket, uuid)?;
    if let Some(folder) = folder(zone, kind) {
        let _ = fs::remove_file(folder.join(uuid));
    }
    Ok(())
}

/// A server that starts copies what moray holds at once.
pub fn started(zone: &Zone) {
    if zone.moray() {
        refresh(zone);
    }
}

/// Makes the local copy what moray holds of SAPI's own application. It goes from the server's own instance record: a
/// zone without one never refreshes its copy.
pub fn refresh(zone: &Zone) {
    let own = zone.vm.to_string();
    let Ok(Some(instance)) = zone.value(INSTANCES.bucket, &own) else {
        return;
    };
    let service = instance["service_uuid"].as_str().unwrap_or_default();
    let Ok(Some(service)) = zone.value(SERVICES.bucket, service) else {
        return;
    };
    let application = &service["application_uuid"];
    let mut services = all(zone, &SERVICES);
    services.retain(|service| service["application_uuid"] == *application);
    let mut instances = all(zone, &INSTANCES);
    instances.retain(|instance| {
        services
            .iter()
            .any(|it| it["uuid"] == instance["service_uuid"])
    });
    let mut applications = all(zone, &APPLICATIONS);
    applications.retain(|it| it["uuid"] == *application);
    let manifests = all(zone, &MANIFESTS);
    let kinds = [
        (&APPLICATIONS, applications),
        (&SERVICES, services),
        (&INSTANCES, instances),
        (&MANIFESTS, manifests),
    ];
    for (kind, objects) in kinds {
        let Some(folder) = folder(zone, kind) else {
            return;
        };
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if !objects
                .iter()
                .any(|object| name.to_str() == object["uuid"].as_str())
            {
                let _ = fs::remove_file(entry.path());
            }
        }
        for object in &objects {
            write_copy(zone, kind, object);
        }
    }
}

fn all(zone: &Zone, kind: &Kind) -> Vec<Value> {
    zone.values(kind.bucket).unwrap_or_default()
}

/// The copy is a cache: a write that fails shows when it is read.
fn write_copy(zone: &Zone, kind: &Kind, object: &Value) {
    let Some(folder) = folder(zone, kind) else {
        return;
    };
    let _ = fs::create_dir_all(&folder);
    let name = object["uuid"].as_str().unwrap_or_default();
    if let Ok(text) = serde_json::to_string_pretty(object) {
        let _ = fs::write(folder.join(name), text);
    }
}

fn folder(zone: &Zone, kind: &Kind) -> Option<PathBuf> {
    Some(zone.files()?.join(kind.bucket))
}

fn parse(file: &PathBuf) -> Result<Value, Response> {
    let text = fs::read(file).unwrap_or_default();
    serde_json::from_slice(&text)
        .map_err(|why| plain_error(500, &format!("{why}: {}", json!(file))))
}
