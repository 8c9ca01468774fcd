// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! How the servers behave when what they lean on goes away, and what they keep to themselves.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::lab::Timings;
use crate::log::CallLog;
use crate::model::{Dataset, Dc, Host, HostState, Vm};

const HOST: &str = "headnode0";
const MORAY: Uuid = Uuid::from_u128(1);
const ZONE: Uuid = Uuid::from_u128(9);
const SERVER: Uuid = Uuid::from_u128(0x50);
const OWNER: &str = "00000000-0000-4000-8000-0000000000aa";
const NETWORK: &str = "00000000-0000-4000-8000-0000000000bb";

/// A zone of one role beside a moray.
pub(crate) struct Bench {
    pub lab: Arc<Lab>,
    role: String,
    _folder: TempDir,
}

impl Bench {
    pub fn new(role: &str) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let log = CallLog::create(&folder.path().join("calls")).unwrap();
        let zone = |uuid, role: &str| Vm {
            uuid,
            props: json!({ "tags": { "smartdc_role": role } })
                .as_object()
                .cloned()
                .unwrap(),
            state: "running".to_owned(),
            ran_user_script: true,
            boot: 1,
        };
        let data = Dataset {
            store: ZONE.to_string(),
            properties: BTreeMap::from([("zoned".to_owned(), "on".to_owned())]),
            ..Dataset::default()
        };
        let host = Host {
            name: HOST.to_owned(),
            uuid: SERVER,
            admin_ip: Ipv4Addr::new(10, 99, 99, 7),
            headnode: true,
            state: HostState::Up,
            booted: 1_771_001_000,
            vms: BTreeMap::from([(MORAY, zone(MORAY, "moray")), (ZONE, zone(ZONE, role))]),
            datasets: BTreeMap::from([(format!("zones/{ZONE}/data"), data)]),
            images: BTreeMap::new(),
            nic_tags: Vec::new(),
            pool_size: 0,
        };
        let dc = Dc {
            name: "east-1".to_owned(),
            dns_domain: "triton.example".to_owned(),
            hosts: BTreeMap::from([(HOST.to_owned(), host)]),
            ..Dc::default()
        };
        let timings = Timings {
            heartbeat_lifetime: 0.6,
            ..Timings::default()
        };
        let lab = Arc::new(Lab::new(folder.path().to_owned(), timings, log, dc));
        Bench {
            lab,
            role: role.to_owned(),
            _folder: folder,
        }
    }

    fn ask(&self, method: &str, target: &str, body: Value) -> (u16, Value) {
        let headers = vec![
            ("Content-Type".to_owned(), "application/json".to_owned()),
            ("Accept-Version".to_owned(), "~2".to_owned()),
        ];
        // Only SAPI is told a version.
        let headers = headers
            .into_iter()
            .take(if self.role == "sapi" { 2 } else { 1 })
            .collect();
        let request = Request::new(method, target, headers, body.to_string().into_bytes());
        let response = service(&self.role).unwrap().answer(&self.zone(), &request);
        (
            response.status,
            serde_json::from_slice(&response.body).unwrap_or(Value::Null),
        )
    }

    fn get(&self, target: &str) -> (u16, Value) {
        self.ask("GET", target, json!({}))
    }

    fn zone(&self) -> Zone {
        Zone::new(&self.lab, HOST, ZONE)
    }

    fn put(&self, bucket: &str, key: &str, value: Value) {
        self.lab.dc().moray.put(bucket, key, value, 1);
    }

    fn lose_moray(&self) {
        let mut dc = self.lab.dc();
        dc.hosts
            .get_mut(HOST)
            .unwrap()
            .vms
            .get_mut(&MORAY)
            .unwrap()
            .state = "stopped".to_owned();
    }
}

#[test]
fn every_ping_tells_of_a_lost_moray_in_its_own_way() {
    let ping = |role: &str| {
        let bench = Bench::new(role);
        bench.lose_moray();
        bench.get("/ping")
    };
    let (status, body) = ping("sapi");
    assert_eq!((status, &body["storAvailable"]), (500, &json!(false)));
    let (status, body) = ping("vmapi");
    assert_eq!(
        (status, &body["status"]),
        (503, &json!("some services are not ready"))
    );
    let (status, body) = ping("napi");
    assert_eq!((status, &body["status"]), (200, &json!("initializing")));
    let (status, body) = ping("cnapi");
    assert_eq!((status, &body["ready"]), (200, &json!(false)));
    let (status, body) = ping("papi");
    assert_eq!((status, &body["backend"]), (200, &json!("down")));
    let (status, body) = ping("imgapi");
    assert_eq!(
        (status, &body["ping"]),
        (200, &json!("pong")),
        "it hasn't looked"
    );
}

#[test]
fn without_moray_only_sapi_still_answers_questions() {
    for (role, target) in [
        ("vmapi", "/vms"),
        ("cnapi", "/servers"),
        ("imgapi", "/images"),
        ("papi", "/packages"),
    ] {
        let bench = Bench::new(role);
        assert_eq!(bench.get(target).0, 200, "{role}");
        bench.lose_moray();
        assert_eq!(bench.get(target).0, 500, "{role}");
    }
    let bench = Bench::new("napi");
    bench.lose_moray();
    assert_eq!(bench.get("/networks").0, 503);
}

/// SAPI's own application, service and instance, and nothing else.
fn sapi_with_itself() -> Bench {
    let bench = Bench::new("sapi");
    bench.put(
        "sapi_applications",
        "a",
        json!({ "uuid": "a", "name": "sdc", "owner_uuid": OWNER }),
    );
    let service = json!({ "uuid": "s", "name": "sapi", "application_uuid": "a", "type": "vm" });
    bench.put("sapi_services", "s", service);
    let own = ZONE.to_string();
    bench.put(
        "sapi_instances",
        &own,
        json!({ "uuid": own, "service_uuid": "s", "type": "vm" }),
    );
    bench
}

#[test]
fn sapi_reads_its_copy_only_while_no_moray_answers_and_never_writes_then() {
    let bench = sapi_with_itself();
    sapi::started(&bench.zone());
    let copies = bench.zone().files().unwrap().join("sapi_instances");
    fs::write(
        copies.join("planted"),
        r#"{"uuid":"planted","service_uuid":"s"}"#,
    )
    .unwrap();
    assert_eq!(
        bench.get("/instances/planted").0,
        404,
        "moray doesn't have it: that is final"
    );
    bench.lose_moray();
    assert_eq!(bench.get("/instances/planted").0, 200);
    assert_eq!(bench.get("/instances").1.as_array().unwrap().len(), 2);
    let (status, body) = bench.ask(
        "PUT",
        "/instances/planted",
        json!({ "params": { "alias": "x" } }),
    );
    assert_eq!(status, 500, "{body}");
    assert!(body.get("code").is_none());
}

#[test]
fn a_refresh_deletes_from_the_copy_what_moray_lacks_unless_sapi_itself_has_no_record() {
    let bench = sapi_with_itself();
    sapi::started(&bench.zone());
    let planted = bench.zone().files().unwrap().join("sapi_instances/planted");
    fs::write(&planted, r#"{"uuid":"planted","service_uuid":"s"}"#).unwrap();
    let own = bench
        .lab
        .dc()
        .moray
        .delete("sapi_instances", &ZONE.to_string())
        .unwrap();
    assert_eq!(bench.ask("POST", "/cache", json!({})).0, 204);
    assert!(planted.exists());
    bench.put("sapi_instances", &ZONE.to_string(), own.value);
    bench.ask("POST", "/cache", json!({}));
    assert!(!planted.exists());
}

#[test]
fn an_instance_that_vmapi_cannot_be_asked_about_is_neither_made_nor_deleted() {
    let bench = sapi_with_itself();
    let (status, _) = bench.ask(
        "POST",
        "/instances",
        json!({ "service_uuid": "s", "uuid": "new" }),
    );
    assert_eq!(status, 500);
    assert_eq!(
        bench.get("/instances/new").0,
        404,
        "the record is gone again"
    );
    assert_eq!(
        bench
            .ask("DELETE", &format!("/instances/{ZONE}"), json!({}))
            .0,
        500
    );
    assert_eq!(bench.get(&format!("/instances/{ZONE}")).0, 200);
}

#[test]
fn a_vm_reported_destroyed_keeps_its_record() {
    let bench = Bench::new("vmapi");
    let vm = format!("/vms/{ZONE}");
    let report = json!({ "state": "running", "alias": "imgapi0", "archive_on_delete": true, "max_physical_memory": 512 });
    assert_eq!(bench.ask("PUT", &vm, report).0, 200);
    let (_, shown) = bench.get(&vm);
    assert_eq!(
        (&shown["ram"], shown.get("archive_on_delete")),
        (&json!(512), None)
    );
    bench.ask("PUT", &vm, json!({ "state": "destroyed" }));
    let (_, shown) = bench.get(&vm);
    assert_eq!(
        (&shown["state"], &shown["alias"]),
        (&json!("destroyed"), &json!("imgapi0"))
    );
    assert!(shown["destroyed"].is_string());
    assert_eq!(bench.get("/vms?state=active").1, json!([]));
}

#[test]
fn a_reservation_outlives_the_nic_that_used_the_address() {
    let bench = Bench::new("napi");
    let network = json!({
        "uuid": NETWORK, "name": "admin", "subnet": "10.99.99.0/24", "nic_tag": "admin", "vlan_id": 0,
        "provision_start_ip": "10.99.99.100", "provision_end_ip": "10.99.99.101",
    });
    bench.put("napi_networks", NETWORK, network);
    let address = "/networks/admin/ips/10.99.99.100";
    bench.ask("PUT", address, json!({ "reserved": true }));
    let nic = |ip: Option<&str>| {
        let mut body =
            json!({ "owner_uuid": OWNER, "belongs_to_uuid": ZONE, "belongs_to_type": "zone" });
        body["ip"] = json!(ip);
        bench.ask("POST", "/networks/admin/nics", body)
    };
    let (_, first) = nic(None);
    assert_eq!(
        first["ip"], "10.99.99.101",
        "the reserved one is not handed out"
    );
    let (status, second) = nic(Some("10.99.99.100"));
    assert_eq!(status, 200, "but may be asked for");
    assert_eq!(nic(Some("10.99.99.100")).1["errors"][0]["code"], "UsedBy");
    assert_eq!(nic(None).0, 507);
    let mac = second["mac"].as_str().unwrap();
    assert_eq!(
        bench.ask("DELETE", &format!("/nics/{mac}"), json!({})).0,
        204
    );
    let (_, ip) = bench.get(address);
    assert_eq!(
        (&ip["reserved"], ip.get("belongs_to_uuid")),
        (&json!(true), None)
    );
}

#[test]
fn a_server_is_unknown_until_its_agent_speaks_and_again_when_it_falls_silent() {
    let bench = Bench::new("cnapi");
    let server = format!("/servers/{SERVER}");
    let sysinfo = json!({ "sysinfo": { "Hostname": "headnode0", "Boot Parameters": { "headnode": "true" } } });
    assert_eq!(
        bench.ask("POST", &format!("{server}/sysinfo"), sysinfo).0,
        200
    );
    let (_, shown) = bench.get(&server);
    assert_eq!(
        (&shown["status"], &shown["headnode"]),
        (&json!("running"), &json!(true))
    );
    std::thread::sleep(std::time::Duration::from_millis(40));
    assert_eq!(bench.get(&server).1["status"], "unknown");
    bench.ask("POST", &format!("{server}/events/heartbeat"), json!({}));
    assert_eq!(bench.get("/servers").1[0]["status"], "running");
}

#[test]
fn an_image_whose_file_is_lost_ends_in_an_empty_500() {
    let bench = Bench::new("imgapi");
    let uuid = "abcdef00-0000-4000-8000-000000000001";
    let image = json!({ "uuid": uuid, "state": "active", "files": [{ "sha1": "x", "size": 3, "stor": "local" }] });
    bench.put("imgapi_images", uuid, image);
    let file = format!("/images/{uuid}/file");
    assert_eq!(bench.get(&file), (500, Value::Null));
    let folder = bench
        .zone()
        .files()
        .unwrap()
        .join("imgapi/images/abc")
        .join(uuid);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("file0"), "123").unwrap();
    assert_eq!(bench.get(&file), (200, json!(123)));
    assert!(bench.get("/images").1[0]["files"][0].get("stor").is_none());
    assert_eq!(
        bench.get("/images?inclAdminFields=true").1[0]["files"][0]["stor"],
        "local"
    );
}
