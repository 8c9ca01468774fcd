// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Checks of what is about to be sent. The servers trust their callers: a number where SAPI wants a string, or an owner
//! that is no UUID, ends the process that serves the whole datacenter.

use serde_json::{Map, Value};
use uuid::Uuid;

/// The field that is wrong, and why.
pub type Checked = Result<(), (String, String)>;

pub fn wrong(field: impl Into<String>, why: impl Into<String>) -> Checked {
    Err((field.into(), why.into()))
}

/// VM parameters as SAPI keeps them and hands them on to VMAPI, which dies of an owner that is no UUID.
pub fn vm_params(params: &Map<String, Value>) -> Checked {
    for key in [
        "owner_uuid",
        "server_uuid",
        "image_uuid",
        "billing_id",
        "uuid",
    ] {
        if let Some(value) = params.get(key) {
            uuid_text(&format!("params.{key}"), value)?;
        }
    }
    for key in ["alias", "brand", "hostname", "dns_domain"] {
        if params.get(key).is_some_and(|value| !value.is_string()) {
            return wrong(format!("params.{key}"), "must be a string");
        }
    }
    if params.get("sync").is_some_and(|value| !value.is_string()) {
        return wrong(
            "params.sync",
            "must be the string true or false: VMAPI refuses a boolean",
        );
    }
    Ok(())
}

/// A map from a manifest's name to its UUID.
pub fn manifests(manifests: &Map<String, Value>) -> Checked {
    manifests
        .iter()
        .try_for_each(|(name, value)| uuid_text(&format!("manifests.{name}"), value))
}

pub fn uuid_text(field: &str, value: &Value) -> Checked {
    match value.as_str() {
        Some(text) if Uuid::parse_str(text).is_ok() => Ok(()),
        Some(_) => wrong(field, "is not a UUID"),
        None => wrong(field, "must be a string that holds a UUID"),
    }
}

/// A name or word that goes into a query, where an empty one means "all".
pub fn not_empty(field: &str, value: Option<&str>) -> Checked {
    match value {
        Some(text) if text.trim().is_empty() => wrong(field, "is empty"),
        _ => Ok(()),
    }
}

/// Page sizes that every paging service takes.
pub fn limit(limit: usize) -> Checked {
    if (1..=1000).contains(&limit) {
        Ok(())
    } else {
        wrong("limit", format!("is {limit}, and must be 1 to 1000"))
    }
}

pub fn sha1_hex(field: &str, text: &str) -> Checked {
    if text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(())
    } else {
        wrong(field, "is not a SHA-1 in 40 hex digits")
    }
}
