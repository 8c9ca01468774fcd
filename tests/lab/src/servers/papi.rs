// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! PAPI: packages, read only.

use serde_json::{Value, json};

use super::routing::{Answer, Ask, Route, Service, Versions, always_ready, error, ok};
use super::zone::Zone;
use crate::http::Response;

const PACKAGES: &str = "papi_packages";

pub static SERVICE: Service = Service {
    server: "SDC Package API 7.2.5",
    versions: Versions::Ignored,
    head: true,
    explains_406: true,
    headers_late: true,
    request_id: "Request-Id",
    response_time: true,
    unready: always_ready,
    routes: &[
        Route("GET", "/ping", ping),
        Route("GET", "/packages", list),
        Route("GET", "/packages/:uuid", get),
    ],
};

/// Always 200: only the body tells of a lost backend.
fn ping(zone: &Zone, _: &Ask<'_>) -> Answer {
    let mut body = json!({ "pid": zone.pid(), "backend": "up" });
    if !zone.moray() {
        body["backend"] = json!("down");
        body["backend_error"] = json!("no active connections");
    }
    ok(&body)
}

fn list(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let mut found = zone.values(PACKAGES)?;
    found.retain(|package| {
        ask.request
            .query
            .iter()
            .all(|(name, wanted)| fits(package, name, wanted))
    });
    let count = found.len();
    let number = |name: &str| ask.text(name).and_then(|text| text.parse().ok());
    let page = found
        .into_iter()
        .skip(number("offset").unwrap_or(0))
        .take(number("limit").unwrap_or(1000));
    let body = Value::Array(page.collect());
    Ok(Response::empty(200)
        .with_header("x-resource-count", count.to_string())
        .with_header("Content-Type", "application/json")
        .with_body(body.to_string()))
}

/// A value may hold `*`, or be a JSON array of values of which one must fit.
fn fits(package: &Value, name: &str, wanted: &str) -> bool {
    if ![
        "name",
        "uuid",
        "version",
        "active",
        "owner_uuids",
        "brand",
        "group",
    ]
    .contains(&name)
    {
        return true;
    }
    let given: Vec<String> = match &package[name] {
        Value::Array(values) => values.iter().map(text).collect(),
        // A package without owners is everybody's.
        Value::Null if name == "owner_uuids" => return true,
        value => vec![text(value)],
    };
    let wanted = match serde_json::from_str(wanted) {
        Ok(Value::Array(values)) => values.iter().map(text).collect(),
        _ => vec![wanted.to_owned()],
    };
    wanted
        .iter()
        .any(|wanted| given.iter().any(|given| like(given, wanted)))
}

fn like(text: &str, pattern: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return text == pattern;
    };
    let Some(rest) = text.strip_prefix(head) else {
        return false;
    };
    (0..=rest.len())
        .filter_map(|at| rest.get(at..))
        .any(|rest| like(rest, tail))
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map(str::to_owned)
        .unwrap_or_else(|| value.to_string())
}

fn get(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let uuid = ask.path("uuid");
    let owned = |package: &Value| {
        ask.text("owner_uuids")
            .is_none_or(|owner| fits(package, "owner_uuids", &owner))
    };
    let message = format!("Package {uuid} does not exist");
    let missing = || error(404, "ResourceNotFound", &message);
    ok(&zone
        .value(PACKAGES, uuid)?
        .filter(owned)
        .ok_or_else(missing)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_may_hold_wildcards_or_several_values() {
        let package = json!({ "name": "sdc_1024", "active": true, "owner_uuids": ["a", "b"] });
        assert!(fits(&package, "name", "sdc_*"));
        assert!(fits(&package, "name", "*10*4"));
        assert!(!fits(&package, "name", "sdc_*8"));
        assert!(fits(&package, "active", "true"));
        assert!(fits(&package, "owner_uuids", "[\"x\",\"b\"]"));
        assert!(!fits(&package, "owner_uuids", "x"));
        assert!(fits(&package, "no_such_attribute", "x"));
    }
}
