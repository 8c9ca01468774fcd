// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Services of which only the answer to whether they are well is of interest here.

use serde_json::json;

use super::routing::{Answer, Ask, Route, Service, Versions, always_ready, ok};
use super::zone::Zone;
use crate::http::Response;

const fn only_ping(server: &'static str, routes: &'static [Route]) -> Service {
    Service {
        server,
        versions: Versions::Ignored,
        head: false,
        explains_406: true,
        headers_late: false,
        request_id: "x-request-id",
        response_time: true,
        unready: always_ready,
        routes,
    }
}

pub static WORKFLOW: Service = only_ping("WorkflowAPI", &[Route("GET", "/ping", workflow)]);
pub static FWAPI: Service = only_ping("SmartDC Firewall API", &[Route("GET", "/ping", fwapi)]);
pub static AMON: Service = only_ping("Amon Master/1.0.0", &[Route("GET", "/ping", amon)]);
pub static VOLAPI: Service = only_ping("volapi", &[Route("GET", "/ping", volapi)]);

pub static CNS: Service = only_ping("cns", &[Route("GET", "/zones", zones)]);
pub static PROMETHEUS: Service = only_ping("prometheus", &[Route("GET", "/-/healthy", healthy)]);

fn zones(_: &Zone, _: &Ask<'_>) -> Answer {
    ok(&json!([]))
}

fn healthy(_: &Zone, _: &Ask<'_>) -> Answer {
    Ok(Response::empty(200).with_body("Prometheus is Healthy.\n"))
}

fn workflow(zone: &Zone, _: &Ask<'_>) -> Answer {
    let mut body = json!({ "pid": zone.pid(), "backend": "up" });
    if !zone.moray() {
        body["backend"] = json!("down");
        body["backend_error"] = json!("no active connections");
    }
    ok(&body)
}

fn fwapi(zone: &Zone, _: &Ask<'_>) -> Answer {
    let (moray, ufds) = {
        let dc = zone.lab.dc();
        (dc.moray_answers(), !dc.running("ufds").is_empty())
    };
    let online = |yes: bool| if yes { "online" } else { "offline" };
    ok(&json!({
        "healthy": moray && ufds,
        "services": { "fast": "online", "moray": online(moray), "ufds": online(ufds) },
        "status": if moray { "OK" } else { "initializing" },
    }))
}

fn amon(zone: &Zone, _: &Ask<'_>) -> Answer {
    ok(&json!({ "ping": "pong", "pid": zone.pid() }))
}

fn volapi(zone: &Zone, _: &Ask<'_>) -> Answer {
    let moray = zone.moray();
    let body = json!({ "status": if moray { "OK" } else { "some services are not ready" }, "healthy": moray });
    Ok(Response::json(if moray { 200 } else { 503 }, &body))
}
