// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! IMGAPI of a datacenter: manifests from moray, files from its zone's delegate dataset.

use std::fs;

use serde_json::{Value, json};
use sha1::Digest;

use super::routing::{Answer, Ask, Route, Service, Versions, error, invalid, ok, precondition};
use super::zone::{Zone, is_uuid};
use crate::http::Response;

const IMAGES: &str = "imgapi_images";

pub static SERVICE: Service = Service {
    server: "imgapi/4.13.1",
    versions: Versions::Majors(&[1, 2]),
    head: false,
    explains_406: false,
    headers_late: false,
    request_id: "x-request-id",
    response_time: true,
    unready,
    routes: &[
        Route("GET", "/ping", ping),
        Route("GET", "/images", list),
        Route("GET", "/images/:uuid", get),
        Route("GET", "/images/:uuid/file", file),
    ],
};

fn unready(zone: &Zone) -> Option<Response> {
    (!zone.moray()).then(|| error(500, "InternalError", "no active connections"))
}

/// It says pong as long as it runs: whether it has its files is another question.
fn ping(zone: &Zone, ask: &Ask<'_>) -> Answer {
    if let Some(name) = ask.text("error") {
        return Err(simulated(&name));
    }
    ok(&json!({ "ping": "pong", "version": "4.13.1", "imgapi": true, "pid": zone.pid() }))
}

fn simulated(name: &str) -> Response {
    let name = name.strip_suffix("Error").unwrap_or(name);
    if name == "ValidationFailed" {
        return invalid(422, name, "boom", Vec::new());
    }
    let errors = vec![json!({ "field": "error", "code": "Missing" })];
    invalid(
        422,
        "InvalidParameter",
        &format!("unknown error: {name}Error"),
        errors,
    )
}

fn list(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let admin = admin_fields(ask)?;
    let state = ask.text("state").unwrap_or_else(|| "active".to_owned());
    let states = [
        "active",
        "all",
        "disabled",
        "unactivated",
        "creating",
        "failed",
    ];
    if !states.contains(&state.as_str()) {
        return Err(bad("state", &format!("invalid state: \"{state}\"")));
    }
    let limit = match ask.text("limit") {
        Some(text) => {
            // The server itself names the wrong field here.
            text.parse()
                .map_err(|_| bad("state", &format!("invalid limit: \"{text}\"")))?
        }
        None => 1000,
    };
    let ascending = match ask.text("sort").as_deref() {
        None | Some("published_at" | "published_at.asc") => true,
        Some("published_at.desc") => false,
        Some(sort) => {
            let name = sort.split('.').next().unwrap_or_default();
            let message = format!("invalid 'sort': not a valid sorting attribute: '{name}'");
            return Err(bad("sort", &message));
        }
    };
    let mut found = zone.values(IMAGES)?;
    let since = match ask.text("marker") {
        Some(marker) if is_uuid(&marker) => Some(published(&required(zone, &marker)?)),
        marker => marker,
    };
    found.retain(|image| {
        let in_state = match state.as_str() {
            "all" => true,
            "active" => image["state"] == "active" && image["disabled"] != true,
            "disabled" => image["disabled"] == true,
            state => image["state"] == state,
        };
        let late_enough = since
            .as_ref()
            .is_none_or(|since| published(image) >= *since);
        in_state && late_enough && fits(ask, image)
    });
    found.sort_by_key(published);
    if !ascending {
        found.reverse();
    }
    // A limit of 0 is none.
    let page = found.iter().take(if limit == 0 { 1000 } else { limit });
    ok(&Value::Array(
        page.map(|image| shown(image, admin)).collect(),
    ))
}

fn fits(ask: &Ask<'_>, image: &Value) -> bool {
    ask.request
        .query
        .iter()
        .all(|(key, wanted)| match key.as_str() {
            "name" | "version" => {
                let text = image[key].as_str().unwrap_or_default();
                wanted
                    .strip_prefix('~')
                    .map(|part| text.contains(part))
                    .unwrap_or(text == wanted)
            }
            "type" => match wanted.strip_prefix('!') {
                Some(unwanted) => image["type"] != unwanted,
                None => image["type"] == *wanted,
            },
            "owner" | "os" => image[key] == *wanted,
            "public" => image["public"].as_bool() == wanted.parse().ok(),
            key => key
                .strip_prefix("tag.")
                .is_none_or(|tag| image["tags"][tag] == *wanted),
        })
}

fn get(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let admin = admin_fields(ask)?;
    let body = shown(&required(zone, valid_uuid(ask)?)?, admin);
    let digest = sha1::Sha1::digest(body.to_string().as_bytes());
    let etag: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    match precondition(ask, &etag) {
        Some(unchanged) => Err(unchanged),
        None => Ok(Response::json(200, &body).with_header("Etag", etag)),
    }
}

/// The bytes of an image. A file that is lost ends in a 500 without a word.
fn file(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let uuid = valid_uuid(ask)?;
    let image = required(zone, uuid)?;
    let index: usize = ask
        .text("index")
        .and_then(|index| index.parse().ok())
        .unwrap_or(0);
    let Some(entry) = image["files"].get(index) else {
        return Err(error(
            404,
            "ResourceNotFound",
            &format!("image \"{uuid}\" has no file"),
        ));
    };
    let folder = uuid.get(..3).unwrap_or_default();
    let path = format!("imgapi/images/{folder}/{uuid}/file{index}");
    let bytes = zone
        .files()
        .and_then(|files| fs::read(files.join(path)).ok());
    let Some(bytes) = bytes else {
        return Err(Response::empty(500));
    };
    Ok(Response::empty(200)
        .with_header("Etag", entry["sha1"].as_str().unwrap_or_default())
        .with_header("Content-Length", bytes.len().to_string())
        .with_header("Content-Type", "application/octet-stream")
        .with_body(bytes))
}

/// Where a file is stored is for operators, who ask for it.
fn shown(image: &Value, admin: bool) -> Value {
    let mut shown = image.clone();
    for file in shown["files"]
        .as_array_mut()
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        if admin {
            file.entry("stor").or_insert_with(|| json!("local"));
        } else {
            file.remove("stor");
        }
    }
    shown
}

fn admin_fields(ask: &Ask<'_>) -> Result<bool, Response> {
    match ask.text("inclAdminFields").as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => {
            let message = format!(
                "invalid value for \"inclAdminFields\" param: \"{other}\" is not a boolean"
            );
            Err(bad("inclAdminFields", &message))
        }
    }
}

/// A uuid that is none finds no route.
fn valid_uuid<'a>(ask: &'a Ask<'_>) -> Result<&'a str, Response> {
    let uuid = ask.path("uuid");
    let message = format!("{} does not exist", ask.request.path);
    if is_uuid(uuid) {
        Ok(uuid)
    } else {
        Err(error(404, "ResourceNotFound", &message))
    }
}

fn required(zone: &Zone, uuid: &str) -> Result<Value, Response> {
    let message = format!("image {uuid} not found");
    zone.value(IMAGES, uuid)?
        .ok_or_else(|| error(404, "ResourceNotFound", &message))
}

fn bad(field: &str, message: &str) -> Response {
    invalid(
        422,
        "InvalidParameter",
        message,
        vec![json!({ "field": field, "code": "Invalid" })],
    )
}

fn published(image: &Value) -> String {
    image["published_at"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}
