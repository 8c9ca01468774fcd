// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Listing VMs: strict parameters, filters, order and paging.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::shape::{is_field, shown};
use super::{VMS, invalid_parameter, only};
use crate::http::Response;
use crate::servers::routing::{Answer, Ask};
use crate::servers::zone::{Zone, is_uuid};

const LIMIT: usize = 1000;

/// Filters that compare a field's text.
const EQUAL: &[&str] = &[
    "uuid",
    "alias",
    "owner_uuid",
    "server_uuid",
    "image_uuid",
    "billing_id",
    "brand",
    "ram",
    "create_timestamp",
    "package_name",
    "package_version",
];

pub fn list(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let order = Order::of(ask)?;
    for (name, value) in &ask.request.query {
        check(name, value)?;
    }
    let mut found: Vec<Value> = zone.values(VMS)?.iter().map(shown).collect();
    found.retain(|vm| {
        ask.request
            .query
            .iter()
            .all(|(name, value)| fits(vm, name, value))
    });
    found.sort_by(|a, b| order.compare(a, b));
    let count = found.len();
    let page = match ask.text("marker") {
        Some(marker) => {
            let after = parse_marker(&marker)?;
            found
                .into_iter()
                .filter(|vm| order.compare(vm, &after) == Ordering::Greater)
                .collect()
        }
        None => found,
    };
    let number = |name: &str| ask.text(name).and_then(|text| text.parse().ok());
    let page = page
        .into_iter()
        .skip(number("offset").unwrap_or(0))
        .take(number("limit").unwrap_or(LIMIT));
    let fields = ask.text("fields");
    let narrowed = page.map(|mut vm| match fields.as_deref() {
        None => vm,
        // All fields are one more than those of a plain list.
        Some("*") => {
            vm["role_tags"] = json!([]);
            vm
        }
        Some(fields) => only(&vm, fields),
    });
    let body = Value::Array(narrowed.collect());
    Ok(Response::empty(200)
        .with_header("x-joyent-resource-count", count.to_string())
        .with_header("Content-Type", "application/json")
        .with_body(body.to_string()))
}

fn check(name: &str, value: &str) -> Result<(), Response> {
    let refused = |message: &str| Err(invalid_parameter(name, message));
    match name {
        "owner_uuid" | "server_uuid" | "image_uuid" | "billing_id" | "uuid" if !is_uuid(value) => {
            refused("Invalid UUID")
        }
        "alias" if !is_alias(value) => {
            refused("String does not match regexp: /^[a-zA-Z0-9][a-zA-Z0-9\\_\\.\\-]*$/")
        }
        "state" if !["active", "destroyed", "running", "stopped"].contains(&value) => {
            refused("Must be one of: active, destroyed, running, stopped")
        }
        "limit"
            if !value
                .parse()
                .is_ok_and(|limit| (1..=LIMIT).contains(&limit)) =>
        {
            refused("Not a valid number: number must be >= 1 and <= 1000")
        }
        "offset" if value.parse::<usize>().is_err() => {
            refused("Not a valid number: number must be >= 0")
        }
        "fields" if value != "*" => {
            let unknown: Vec<_> = value.split(',').filter(|field| !shows(field)).collect();
            if unknown.is_empty() {
                Ok(())
            } else {
                refused(&format!("Invalid values: {}", unknown.join(", ")))
            }
        }
        "uuids" | "state" | "limit" | "offset" | "fields" | "sort" | "marker" => Ok(()),
        name if EQUAL.contains(&name) || name.starts_with("tag.") => Ok(()),
        _ => refused("Invalid parameter"),
    }
}

fn shows(field: &str) -> bool {
    is_field(field) || field == "firewall_enabled"
}

fn fits(vm: &Value, name: &str, value: &str) -> bool {
    let state = vm["state"].as_str().unwrap_or_default();
    match name {
        "uuids" => value.split(',').any(|uuid| vm["uuid"] == uuid),
        "state" if value == "active" => !["destroyed", "failed"].contains(&state),
        "state" => state == value,
        name if EQUAL.contains(&name) => text(&vm[name]) == value,
        name => match name.strip_prefix("tag.") {
            Some(tag) => vm["tags"]
                .get(tag)
                .is_some_and(|given| value == "*" || text(given) == value),
            None => true,
        },
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map(str::to_owned)
        .unwrap_or_else(|| value.to_string())
}

fn is_alias(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

fn parse_marker(marker: &str) -> Result<Value, Response> {
    let bad = |why: &str| {
        let message = format!("Invalid marker: {marker}. {why}");
        invalid_parameter("marker", &message)
    };
    let parsed: Value = serde_json::from_str(marker).map_err(|why| {
        bad(&format!(
            "Could not parse marker as an object JSON representation, reason: {why}"
        ))
    })?;
    if parsed["uuid"].is_string() {
        Ok(parsed)
    } else {
        Err(bad("It must have a uuid"))
    }
}

/// The order of a list: by a field if asked for, then by uuid; descending unless asked otherwise.
struct Order {
    field: String,
    ascending: bool,
}

impl Order {
    fn of(ask: &Ask<'_>) -> Result<Order, Response> {
        let Some(sort) = ask.text("sort") else {
            return Ok(Order {
                field: "uuid".to_owned(),
                ascending: false,
            });
        };
        let (field, direction) = sort.split_once('.').unwrap_or((&sort, "desc"));
        let direction = direction.to_ascii_lowercase();
        if !is_field(field) || !["asc", "desc"].contains(&direction.as_str()) {
            return Err(invalid_parameter(
                "sort",
                &format!("Invalid sort param: {sort}"),
            ));
        }
        Ok(Order {
            field: field.to_owned(),
            ascending: direction == "asc",
        })
    }

    fn compare(&self, a: &Value, b: &Value) -> Ordering {
        let by = |field: &str| text(&a[field]).cmp(&text(&b[field]));
        let order = by(&self.field).then(by("uuid"));
        if self.ascending {
            order
        } else {
            order.reverse()
        }
    }
}
