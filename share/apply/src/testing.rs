// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Plans for the tests of this crate, and a datacenter to apply them to: NAPI and VMAPI in memory, behind real HTTP, failing
//! where a test wants it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use documents::plan::{Goal, KIND, PlanDc, RestoreGoal, Step, StepId};
use documents::verb::{Expects, ZoneStart};
use documents::{Digest, Plan, Uuid, Verb};
use platform::Canceller;
use serde_json::{Value, json};

use crate::world::World;

pub fn step(id: &str, needs: &[&str]) -> Step {
    Step {
        id: StepId::from(id),
        host: Uuid::nil(),
        verb: Verb::ZoneStart(ZoneStart { vm: Uuid::nil() }),
        expects: Expects::default(),
        needs: needs.iter().map(|need| StepId::from(*need)).collect(),
        service: id.split('/').next().unwrap_or_default().to_owned(),
        why: "so".to_owned(),
    }
}

pub fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        kind: KIND.to_owned(),
        dc: PlanDc {
            name: "east-1".to_owned(),
            sapi_app: Uuid::nil(),
        },
        run: Uuid::from_u128(7),
        made_by: "test".to_owned(),
        inventory: Digest::of_bytes(b""),
        goal: Goal::Restore(RestoreGoal {
            lost: Vec::new(),
            zones: Vec::new(),
            on: Uuid::nil(),
            services: Vec::new(),
        }),
        steps,
        notices: Vec::new(),
        refusals: Vec::new(),
    }
}

/// What goes wrong at the n-th request that changes something.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// It is refused with a 500, and nothing is done.
    Refused,
    /// It is done, and the connection breaks before the answer.
    Closed,
    /// NAPI chose an address that somebody else was given in the meantime.
    Raced,
}

#[derive(Default)]
pub struct Records {
    pub nics: BTreeMap<String, Value>,
    pub vms: BTreeMap<String, Value>,
    /// `DELETE /nics/...` and the like, in order.
    pub changes: Vec<String>,
    pub fault: Option<(usize, Fault)>,
}

/// NAPI and VMAPI at one address; ends with the process.
pub struct Center {
    url: String,
    records: Arc<Mutex<Records>>,
    pub root: tempfile::TempDir,
}

impl Center {
    pub fn new() -> Center {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let records: Arc<Mutex<Records>> = Arc::default();
        let served = records.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let records = served.clone();
                thread::spawn(move || serve(stream, &records));
            }
        });
        Center {
            url,
            records,
            root: tempfile::tempdir().unwrap(),
        }
    }

    pub fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap()
    }

    pub fn world(&self) -> World {
        self.world_with(Canceller::new())
    }

    pub fn world_with(&self, canceller: Canceller) -> World {
        let urls = ["napi", "vmapi", "cnapi"].map(|name| (name.to_owned(), self.url.clone()));
        World::of_test(self.root.path(), urls.into_iter().collect(), canceller)
    }

    /// All that a run leaves behind, without what is chosen by chance.
    pub fn state(&self) -> Value {
        let records = self.records();
        let nics: Vec<&Value> = records.nics.values().collect();
        json!({"nics": nics, "vms": records.vms})
    }

    pub fn lost_zone(&self, vm: Uuid, mac: &str) {
        let mut records = self.records();
        let owner = Uuid::from_u128(9);
        let zone = json!({
            "uuid": vm, "alias": "imgapi 0.lost", "brand": "joyent-minimal", "state": "running",
            "owner_uuid": owner, "server_uuid": Uuid::from_u128(66), "zone_state": "running",
            "customer_metadata": {"key": "CANARY-metadata"},
        });
        records.vms.insert(vm.to_string(), zone);
        let nic = nic(mac, vm, Uuid::from_u128(5));
        records.nics.insert(mac.replace(':', ""), nic);
    }
}

fn nic(mac: &str, vm: Uuid, network: Uuid) -> Value {
    json!({
        "mac": mac, "belongs_to_type": "zone", "belongs_to_uuid": vm, "network_uuid": network, "primary": true,
        "owner_uuid": Uuid::from_u128(9), "ip": "10.99.99.50", "netmask": "255.255.255.0", "nic_tag": "admin",
        "vlan_id": 0, "state": "provisioning",
    })
}

/// One request a connection.
fn serve(stream: TcpStream, records: &Mutex<Records>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut words = first.split_whitespace();
    let (method, target) = (words.next()?, words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));

    let mut records = records.lock().unwrap();
    let mut fault = None;
    if method != "GET" {
        records.changes.push(format!("{method} {path}"));
        let number = records.changes.len();
        fault = records
            .fault
            .filter(|(n, _)| *n == number)
            .map(|(_, fault)| fault);
    }
    let (status, answer) = match fault {
        Some(Fault::Refused) => (500, json!({"code": "InternalError", "message": "no"})),
        Some(Fault::Raced) => (
            422,
            json!({
                "code": "InvalidParameters", "message": "Invalid parameters",
                "errors": [{"field": "ip", "code": "UsedBy", "message": "IP in use"}],
            }),
        ),
        _ => answer(&mut records, method, path, query, body),
    };
    drop(records);
    if fault == Some(Fault::Closed) {
        return None;
    }
    let text = if status == 204 {
        String::new()
    } else {
        answer.to_string()
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    let mut stream = reader.into_inner();
    stream.write_all((head + &text).as_bytes()).ok()
}

fn answer(
    records: &mut Records,
    method: &str,
    path: &str,
    query: &str,
    body: Value,
) -> (u16, Value) {
    let absent = (
        404,
        json!({"code": "ResourceNotFound", "message": "not found"}),
    );
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (method, parts.as_slice()) {
        ("GET", ["nics"]) => {
            let of = |nic: &&Value| {
                let owner = nic["belongs_to_uuid"].as_str().unwrap_or_default();
                query.contains(&format!("belongs_to_uuid={owner}"))
            };
            let nics: Vec<Value> = records.nics.values().filter(of).cloned().collect();
            (200, json!(nics))
        }
        ("GET", ["nics", mac]) => records
            .nics
            .get(*mac)
            .map_or(absent, |nic| (200, nic.clone())),
        ("DELETE", ["nics", mac]) => records
            .nics
            .remove(*mac)
            .map_or(absent, |_| (204, Value::Null)),
        ("POST", ["networks", network, "nics"]) => {
            let vm: Uuid = body["belongs_to_uuid"].as_str().unwrap().parse().unwrap();
            // Of the zone, so that a run that was disturbed ends in the same state.
            let digits = format!("90b8d0{:06x}", vm.as_u128() & 0xff_ffff);
            let pairs: Vec<&str> = (0..6).map(|n| &digits[n * 2..n * 2 + 2]).collect();
            let nic = nic(&pairs.join(":"), vm, network.parse().unwrap());
            let twice = records.nics.insert(digits, nic.clone()).is_some();
            assert!(!twice, "a second NIC for {vm}");
            (200, nic)
        }
        ("GET", ["vms", vm]) => records.vms.get(*vm).map_or(absent, |vm| (200, vm.clone())),
        ("PUT", ["vms", vm]) => {
            records.vms.insert((*vm).to_owned(), body.clone());
            (200, body)
        }
        _ => (
            404,
            json!({"code": "ResourceNotFound", "message": format!("{path} does not exist")}),
        ),
    }
}
