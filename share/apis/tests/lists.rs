// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Lists are read to their end, pings by their bodies, files by their digests, jobs by their outcome.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod exchanges;
mod server;

use apis::cnapi::{Extra, ServerFilter};
use apis::imgapi::{Image, ImageFilter};
use apis::napi::NicFilter;
use apis::vmapi::{ListState, VmFilter, VmState};
use apis::{Cnapi, ErrorKind, Imgapi, Napi, Papi, Sapi, Uuid, Vmapi};
use serde_json::{Value, json};
use server::{Reply, Server};

fn id(number: usize) -> Uuid {
    Uuid::from_u128(0x0a4b_1c6e_7d52_4f0e_9a53_0000_0000_0000 + number as u128)
}

/// Entries of a list, from one number up to another.
fn entries(from: usize, to: usize, rest: Value) -> Reply {
    let entries: Vec<Value> = (from..to)
        .map(|number| {
            let mut entry = rest.clone();
            entry["uuid"] = json!(id(number));
            entry
        })
        .collect();
    Reply::json(200, json!(entries))
}

#[test]
fn vms_are_listed_page_after_page_by_marker() {
    let server = Server::giving(vec![
        entries(0, 1000, json!({})),
        entries(1000, 1001, json!({})),
    ]);
    let filter = VmFilter {
        state: Some(ListState::Active),
        tags: vec![("smartdc_role".to_owned(), "imgapi".to_owned())],
        fields: vec!["alias".to_owned()],
        ..VmFilter::default()
    };
    let vms = Vmapi::new(server.client("vmapi"))
        .list_vms(&filter)
        .unwrap();
    assert_eq!(vms.len(), 1001);
    let asked = server.asked();
    let common = "/vms?state=active&limit=1000";
    let chosen = "&tag.smartdc_role=imgapi&fields=uuid%2Calias";
    assert_eq!(asked[0].line, format!("GET {common}{chosen}"));
    let marker = format!("&marker=%7B%22uuid%22%3A%22{}%22%7D", id(999));
    assert_eq!(asked[1].line, format!("GET {common}{marker}{chosen}"));
}

#[test]
fn nics_and_servers_are_listed_page_after_page_by_offset() {
    let nic =
        json!({"mac": "90:b8:d0:0a:33:41", "belongs_to_type": "zone", "belongs_to_uuid": id(0)});
    let server = Server::giving(vec![entries(0, 1000, nic.clone()), entries(0, 0, nic)]);
    let filter = NicFilter {
        belongs_to_uuids: vec![id(1), id(2)],
        ..NicFilter::default()
    };
    let nics = Napi::new(server.client("napi")).list_nics(&filter).unwrap();
    assert_eq!(nics.len(), 1000);
    let line = format!(
        "GET /nics?belongs_to_uuid={}%2C{}&limit=1000&offset=1000",
        id(1),
        id(2)
    );
    assert_eq!(server.asked()[1].line, line);

    let server = Server::giving(vec![entries(0, 2, json!({"headnode": true}))]);
    let filter = ServerFilter {
        headnode: Some(true),
        ..ServerFilter::default()
    };
    let cnapi = Cnapi::new(server.client("cnapi"));
    let headnodes = cnapi
        .list_servers(&filter, &[Extra::Sysinfo, Extra::Agents])
        .unwrap();
    assert_eq!(headnodes.len(), 2);
    let line = "GET /servers?headnode=true&extras=sysinfo%2Cagents&limit=1000&offset=0";
    assert_eq!(server.asked()[0].line, line);
}

#[test]
fn an_image_that_begins_the_next_page_is_listed_once() {
    let rest = json!({"name": "base", "version": "1"});
    let server = Server::giving(vec![
        entries(0, 1000, rest.clone()),
        entries(999, 1002, rest),
    ]);
    let filter = ImageFilter {
        all_states: true,
        admin_fields: true,
        ..ImageFilter::default()
    };
    let images = Imgapi::new(server.client("imgapi"))
        .list_images(&filter)
        .unwrap();
    assert_eq!(images.len(), 1002);
    let line = format!(
        "GET /images?state=all&inclAdminFields=true&limit=1000&marker={}",
        id(999)
    );
    assert_eq!(server.asked()[1].line, line);
}

#[test]
fn a_page_that_fails_fails_the_list() {
    let down =
        json!({"code": "ServiceUnavailableError", "message": "Server is still initializing"});
    let server = Server::giving(vec![entries(0, 1000, json!({})), Reply::json(503, down)]);
    let error = Vmapi::new(server.client("vmapi"))
        .list_vms(&VmFilter::default())
        .unwrap_err();
    assert!(error.may_retry(), "{error}");
    assert_eq!(error.code(), Some("ServiceUnavailableError"));
}

#[test]
fn health_is_read_from_the_body_and_never_from_the_status() {
    let gives = |status, body| Server::one(Reply::json(status, body));
    let down = gives(
        200,
        json!({"pid": 99, "backend": "down", "backend_error": "no moray"}),
    );
    assert!(!Papi::new(down.client("papi")).ping().unwrap().healthy());
    let unready = gives(
        200,
        json!({"ready": false, "services": {"amqp": "offline"}}),
    );
    assert!(
        !Cnapi::new(unready.client("cnapi"))
            .ping()
            .unwrap()
            .healthy()
    );
    let starting = gives(
        200,
        json!({"healthy": false, "status": "initializing", "services": {}}),
    );
    assert!(!Napi::new(starting.client("napi")).ping().unwrap().healthy());
    let ill = gives(
        503,
        json!({"healthy": false, "status": "some services are not ready"}),
    );
    assert!(!Vmapi::new(ill.client("vmapi")).ping().unwrap().healthy());
    let half = gives(
        200,
        json!({"healthy": true, "status": "OK", "services": {"wfapi": "offline"}}),
    );
    assert!(!Vmapi::new(half.client("vmapi")).ping().unwrap().healthy());
    let without = gives(500, json!({"mode": "full", "storAvailable": false}));
    assert!(!Sapi::new(without.client("sapi")).ping().unwrap().healthy());
    let other = gives(200, json!({"ping": "pong"}));
    assert!(
        !Imgapi::new(other.client("imgapi"))
            .ping()
            .unwrap()
            .healthy()
    );
    let nginx = Server::one(Reply::Whole(200, Vec::new(), b"Welcome".to_vec()));
    let error = Imgapi::new(nginx.client("imgapi")).ping().unwrap_err();
    assert!(
        matches!(error.kind, ErrorKind::Undecodable { status: 200, .. }),
        "{error}"
    );
}

#[test]
fn every_recorded_ping_that_was_well_is_healthy() {
    let mut healthy = 0;
    for (_, exchanges) in exchanges::recorded() {
        for exchange in exchanges
            .into_iter()
            .filter(|e| e.path == "/ping" && e.method == "GET")
        {
            let Some(answer) = exchange.answer.filter(|answer| answer.status == 200) else {
                continue;
            };
            let body = String::from_utf8(answer.body).unwrap();
            let reply = Reply::json(200, serde_json::from_str(&body).unwrap());
            let server = Server::one(reply);
            let client = server.client(&exchange.service);
            let well = match exchange.service.as_str() {
                "sapi" => Sapi::new(client).ping().unwrap().healthy(),
                "vmapi" => Vmapi::new(client).ping().unwrap().healthy(),
                "napi" => Napi::new(client).ping().unwrap().healthy(),
                "imgapi" => Imgapi::new(client).ping().unwrap().healthy(),
                "papi" => Papi::new(client).ping().unwrap().healthy(),
                // Recorded without rabbitmq, and says so.
                "cnapi" => !Cnapi::new(client).ping().unwrap().healthy(),
                _ => continue,
            };
            assert!(well, "{}: {body}", exchange.name);
            healthy += 1;
        }
    }
    assert!(healthy >= 20, "{healthy}");
}

#[test]
fn a_recorded_image_file_is_fetched_and_verified() {
    let (_, exchanges) = exchanges::recorded()
        .into_iter()
        .find(|(file, _)| file == "imgapi-public")
        .unwrap();
    let file = exchanges
        .into_iter()
        .find(|e| e.name.ends_with("35-get-image-file"))
        .unwrap();
    let bytes = file.answer.unwrap().body;
    let describe = |sha1: &str| -> Image {
        let files = json!([{"sha1": sha1, "size": bytes.len(), "compression": "gzip"}]);
        serde_json::from_value(json!({"uuid": id(1), "name": "a", "version": "1", "files": files}))
            .unwrap()
    };
    let fetch = |image: &Image, reply| {
        let server = Server::one(reply);
        let mut to = Vec::new();
        let outcome = Imgapi::new(server.client("imgapi")).get_image_file(image, &mut to);
        outcome.map(|size| (size as usize, to))
    };
    let whole = || Reply::Whole(200, Vec::new(), bytes.clone());
    let right = describe("37d6c8cfae4fbadc68df7b8a57935c8df2ff5b45");
    assert_eq!(
        fetch(&right, whole()).unwrap(),
        (bytes.len(), bytes.clone())
    );
    let wrong = describe("0000000000000000000000000000000000000000");
    let error = fetch(&wrong, whole()).unwrap_err();
    assert!(error.to_string().contains("the file's sha1"), "{error}");
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len());
    let cut = [head.as_bytes(), &bytes[..20]].concat();
    let error = fetch(&right, Reply::Raw(cut)).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Closed { .. }), "{error}");
    assert!(
        error.to_string().contains("after 20 of 56 bytes"),
        "{error}"
    );
    assert!(fetch(&right, Reply::empty(404)).unwrap_err().is_not_found());
}

#[test]
fn a_file_is_sent_with_its_size_and_digest() {
    let image = json!({"uuid": id(1), "name": "a", "version": "1", "state": "unactivated"});
    let server = Server::one(Reply::json(200, image));
    let described = json!({
        "sha1": "a9993e364706816aba3e25717850c26c9cd0d89d", "size": 3, "compression": "none", "stor": "local"
    });
    let described = serde_json::from_value(described).unwrap();
    let imgapi = Imgapi::new(server.client("imgapi"));
    imgapi.add_file(id(1), &described, &b"abc"[..]).unwrap();
    let asked = &server.asked()[0];
    let query = "compression=none&sha1=a9993e364706816aba3e25717850c26c9cd0d89d&storage=local";
    assert_eq!(asked.line, format!("PUT /images/{}/file?{query}", id(1)));
    assert_eq!(
        asked.header("content-type"),
        Some("application/octet-stream")
    );
    assert_eq!(asked.body, b"abc");
}

#[test]
fn a_vm_is_marked_destroyed_with_all_that_was_known_of_it() {
    let record = json!({
        "uuid": id(1), "alias": "imgapi0", "brand": "joyent-minimal", "owner_uuid": id(2), "server_uuid": id(3),
        "state": "running", "zone_state": "running", "tags": {"smartdc_role": "imgapi"}, "billing_id": null,
        "cpu_shares": 1024, "maintain_resolvers": true
    });
    let mut gone = record.clone();
    gone["state"] = json!("destroyed");
    let server = Server::giving(vec![Reply::json(200, record), Reply::json(200, gone)]);
    let vmapi = Vmapi::new(server.client("vmapi"));
    let vm = vmapi.get_vm_synced(id(1)).unwrap();
    assert_eq!(vm.role(), Some("imgapi"));
    assert!(vmapi.mark_destroyed(&vm).unwrap().is_destroyed());
    let asked = server.asked();
    assert_eq!(asked[0].line, format!("GET /vms/{}?sync=true", id(1)));
    assert_eq!(asked[1].line, format!("PUT /vms/{}", id(1)));
    let sent = asked[1].json();
    assert_eq!(
        (&sent["state"], &sent["zone_state"]),
        (&json!("destroyed"), &json!("destroyed"))
    );
    assert_eq!(
        (&sent["cpu_shares"], &sent["alias"]),
        (&json!(1024), &json!("imgapi0"))
    );
}

#[test]
fn a_job_that_failed_is_told_as_a_job() {
    let job = json!({
        "uuid": id(1), "execution": "failed",
        "chain_results": [{"name": "cnapi.destroy_vm", "result": "", "error": "server is not running"}]
    });
    let error = json!({"code": "Error", "message": "Job failed"});
    let server = Server::giving(vec![Reply::json(500, error), Reply::json(200, job)]);
    let job = Vmapi::new(server.client("vmapi")).wait_job(id(1)).unwrap();
    let words = (
        "cnapi.destroy_vm".to_owned(),
        "server is not running".to_owned(),
    );
    assert_eq!(job.failure(), Some(words));
}

#[test]
fn a_state_that_a_newer_vmapi_has_is_kept() {
    let server = Server::one(Reply::json(
        200,
        json!({"uuid": id(1), "state": "hibernating"}),
    ));
    let vm = Vmapi::new(server.client("vmapi")).get_vm(id(1)).unwrap();
    assert_eq!(vm.state, Some(VmState::Unknown("hibernating".to_owned())));
}
