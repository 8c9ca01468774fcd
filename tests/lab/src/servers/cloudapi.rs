// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! CloudAPI, as much of it as a health check sees. Here it speaks plain HTTP on the admin network.

use serde_json::json;

use super::routing::{Answer, Ask, Route, Service, Versions, always_ready, ok};
use super::zone::Zone;

pub static SERVICE: Service = Service {
    server: "cloudapi/9.20.0",
    versions: Versions::Ignored,
    head: false,
    explains_406: true,
    headers_late: false,
    request_id: "x-request-id",
    response_time: true,
    unready: always_ready,
    routes: &[Route("GET", "/--ping", ping)],
};

fn ping(zone: &Zone, _: &Ask<'_>) -> Answer {
    let versions = ["7.0.0", "7.1.0", "7.2.0", "7.3.0", "8.0.0", "9.0.0"];
    ok(&json!({ "ping": "pong", "pid": zone.pid(), "cloudapi": { "versions": versions } }))
}
