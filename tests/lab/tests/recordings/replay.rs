// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Sends recorded requests to a server of the lab and compares the answers. What a server makes up (uuids, MACs,
//! etags) is translated from the recording's values to the lab's.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;

use lab::http;
use lab::lab::{Lab, Timings};
use lab::listener::Listener;
use lab::log::CallLog;
use lab::model::{Dataset, Dc, Host, HostState, Vm};
use lab::servers;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::shape::compare;

const HOST: &str = "headnode";
/// The server, the admin and the SAPI zone of the recordings.
const SERVER: Uuid = uuid::uuid!("564dfd57-1dd4-6fc0-d973-4f137ee12afe");
const ADMIN: Uuid = uuid::uuid!("930896af-bf8c-48d4-885c-6573a94b1853");
const ZONE: Uuid = uuid::uuid!("33333333-2222-4333-8444-555555555555");

/// Headers that tell something; their presence is compared.
const TELLING: [&str; 7] = [
    "content-type",
    "server",
    "x-request-id",
    "etag",
    "allow",
    "x-joyent-resource-count",
    "x-resource-count",
];

/// One recorded request with its answer.
pub struct Exchange(Value);

impl Exchange {
    pub fn read(file: &str) -> Vec<Exchange> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/recorded");
        let text = fs::read_to_string(format!("{folder}/{file}.ndjson")).unwrap();
        text.lines()
            .map(|line| Exchange(serde_json::from_str(line).unwrap()))
            .collect()
    }

    pub fn name(&self) -> &str {
        self.0["name"].as_str().unwrap()
    }

    pub fn status(&self) -> Option<u64> {
        self.0["response"]["status"].as_u64()
    }

    fn method(&self) -> &str {
        self.0["request"]["method"].as_str().unwrap()
    }

    fn path(&self) -> &str {
        self.0["request"]["path"].as_str().unwrap()
    }

    fn answer(&self) -> &Value {
        &self.0["response"]["body"]
    }

    fn header(&self, name: &str) -> Option<&str> {
        let headers = self.0["response"]["headers"].as_array()?.iter();
        let mut pairs = headers.map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()));
        pairs
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// An answer of the lab.
struct Heard {
    status: u64,
    headers: BTreeMap<String, String>,
    body: Value,
}

/// A fresh server of one service over an empty moray.
pub struct Replay {
    role: &'static str,
    lab: Arc<Lab>,
    listener: Listener,
    translations: BTreeMap<String, String>,
    _folder: tempfile::TempDir,
}

impl Replay {
    pub fn new(role: &str) -> Replay {
        let folder = tempfile::tempdir().unwrap();
        let log = CallLog::create(&folder.path().join("calls")).unwrap();
        let lab = Lab::new(
            folder.path().to_owned(),
            Timings::default(),
            log,
            datacenter(role),
        );
        let lab = Arc::new(lab);
        let answer = servers::answering(&lab, HOST, ZONE, role).unwrap();
        let listener = http::serve(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), answer).unwrap();
        let role = role.to_owned().leak();
        Replay {
            role,
            lab,
            listener,
            translations: BTreeMap::new(),
            _folder: folder,
        }
    }

    /// True for a request that the lab has a route for, and for one that the real router itself turned away.
    pub fn supports(&self, exchange: &Exchange) -> bool {
        let turned_away = exchange.header("server").is_none();
        servers::supports(self.role, exchange.method(), exchange.path()) || turned_away
    }

    /// Puts into moray what the real server made of a request that the lab is not sent.
    pub fn take_as_given(&mut self, exchange: &Exchange) {
        if exchange.status().is_none_or(|status| status >= 300) {
            return;
        }
        let segments: Vec<_> = exchange.path().split('/').skip(1).collect();
        let bucket = match segments[..] {
            ["networks"] | ["networks", _] => "napi_networks",
            ["images"] | ["images", _] | ["images", _, "file"] => "imgapi_images",
            ["packages"] | ["packages", _] => "papi_packages",
            ["applications"] => "sapi_applications",
            ["services"] => "sapi_services",
            ["instances"] | ["instances", _] => "sapi_instances",
            ["manifests"] => "sapi_manifests",
            ["vms"] | ["vms", _] => "vmapi_vms",
            ["jobs", _] => "wf_jobs",
            _ => return,
        };
        if exchange.method() == "DELETE" {
            self.lab.dc().moray.delete(bucket, segments[1]);
        }
        let body: Value =
            serde_json::from_str(&self.translate(&exchange.answer().to_string())).unwrap();
        let objects = body.as_array().cloned().unwrap_or_else(|| vec![body]);
        for object in objects {
            let Some(uuid) = object["uuid"].as_str() else {
                continue;
            };
            if bucket == "napi_networks" {
                self.reserve(&object);
            }
            self.lab.dc().moray.put(bucket, uuid, object.clone(), 0);
            if let (Some("file"), Some(file)) = (segments.last().copied(), object["files"].get(0)) {
                self.write_image(uuid, file["size"].as_u64().unwrap());
            }
        }
    }

    /// The addresses that a new network has records of.
    fn reserve(&self, network: &Value) {
        let edge = |key: &str, step: i64| {
            let ip: Ipv4Addr = network[key].as_str()?.parse().ok()?;
            Some(Ipv4Addr::from(
                u32::try_from(i64::from(u32::from(ip)) + step).unwrap(),
            ))
        };
        let uuid = network["uuid"].as_str().unwrap();
        let broadcast = network["subnet"]
            .as_str()
            .and_then(|subnet| subnet.strip_suffix(".0/24"));
        let broadcast = broadcast.map(|start| format!("{start}.255").parse().unwrap());
        let fixed = [edge("gateway", 0), broadcast]
            .into_iter()
            .flatten()
            .map(|ip| {
                json!({ "ip": ip, "network_uuid": uuid, "reserved": true, "owner_uuid": ADMIN,
                    "belongs_to_type": "other", "belongs_to_uuid": ADMIN })
            });
        let edges = [edge("provision_start_ip", -1), edge("provision_end_ip", 1)]
            .into_iter()
            .flatten();
        let empty = edges.map(|ip| json!({ "ip": ip, "network_uuid": uuid, "reserved": false }));
        for record in fixed.chain(empty) {
            let key = format!("{uuid}/{}", record["ip"].as_str().unwrap());
            if self.lab.dc().moray.get("napi_ips", &key).is_none() {
                self.lab.dc().moray.put("napi_ips", &key, record, 0);
            }
        }
    }

    fn write_image(&self, uuid: &str, size: u64) {
        let data = self.lab.dataset_files(HOST, &ZONE.to_string());
        let folder = data.join("imgapi/images").join(&uuid[..3]).join(uuid);
        fs::create_dir_all(&folder).unwrap();
        fs::write(
            folder.join("file0"),
            vec![0; usize::try_from(size).unwrap()],
        )
        .unwrap();
    }

    /// Sends the request; what differs between the two answers, in words.
    pub fn send(&mut self, exchange: &Exchange) -> Vec<String> {
        let heard = self.ask(exchange);
        let mut differences = Vec::new();
        if Some(heard.status) != exchange.status() {
            let said = heard.body["message"].as_str().unwrap_or_default();
            differences.push(format!(
                "status {:?}, not {:?} ({said})",
                heard.status,
                exchange.status()
            ));
            return differences;
        }
        for name in TELLING {
            if exchange.header(name).is_some() != heard.headers.contains_key(name) {
                differences.push(format!("header {name}"));
            }
        }
        let text_only = exchange.0["response"]["body_encoding"] != "json";
        if exchange.method() == "HEAD" || text_only {
            return differences;
        }
        if heard.status >= 400 && exchange.answer()["code"] != heard.body["code"] {
            differences.push(format!(
                "code {}, not {}",
                heard.body["code"],
                exchange.answer()["code"]
            ));
        }
        self.learn(exchange, &heard);
        let theirs = serde_json::from_str(&self.translate(&exchange.answer().to_string())).unwrap();
        compare(&theirs, &heard.body, "", &mut differences);
        differences
    }

    fn learn(&mut self, exchange: &Exchange, heard: &Heard) {
        if let (Some(theirs), Some(ours)) = (exchange.header("etag"), heard.headers.get("etag")) {
            self.translations.insert(theirs.to_owned(), ours.clone());
        }
        if exchange.method() == "POST" {
            let entries = exchange.answer().as_object().into_iter().flatten();
            for (key, theirs) in entries.filter(|(key, _)| ["uuid", "mac"].contains(&key.as_str()))
            {
                let (Some(theirs), Some(ours)) = (theirs.as_str(), heard.body[key].as_str()) else {
                    continue;
                };
                self.translations.insert(theirs.to_owned(), ours.to_owned());
                for separator in ["", "-"] {
                    let (theirs, ours) =
                        (theirs.replace(':', separator), ours.replace(':', separator));
                    self.translations
                        .insert(theirs.to_uppercase(), ours.to_uppercase());
                    self.translations.insert(theirs, ours);
                }
            }
        }
    }

    fn translate(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (theirs, ours) in self
            .translations
            .iter()
            .filter(|(theirs, ours)| theirs != ours)
        {
            text = text.replace(theirs.as_str(), ours);
        }
        text
    }

    fn ask(&self, exchange: &Exchange) -> Heard {
        let request = &exchange.0["request"];
        let mut target = exchange.path().to_owned();
        if let Some(query) = request["query"].as_str().filter(|query| !query.is_empty()) {
            target = format!("{target}?{query}");
        }
        let body = match (&request["body"], request["body_encoding"].as_str().unwrap()) {
            (_, "empty") => String::new(),
            (Value::String(text), "text") => text.clone(),
            (body, _) => body.to_string(),
        };
        let (target, body) = (self.translate(&target), self.translate(&body));
        let mut text = format!(
            "{} {target} HTTP/1.1\r\nConnection: close\r\n",
            exchange.method()
        );
        for (name, value) in request["headers"].as_object().unwrap() {
            if !name.eq_ignore_ascii_case("content-length") {
                text.push_str(&format!(
                    "{name}: {}\r\n",
                    self.translate(value.as_str().unwrap())
                ));
            }
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        let mut stream = TcpStream::connect(self.listener.address()).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        parse(&answer)
    }
}

fn parse(answer: &[u8]) -> Heard {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Response::new(&mut headers);
    let used = head.parse(answer).unwrap().unwrap();
    let status = u64::from(head.code.unwrap());
    let pairs = head.headers.iter().map(|header| {
        (
            header.name.to_lowercase(),
            String::from_utf8_lossy(header.value).into_owned(),
        )
    });
    let headers = pairs.collect();
    Heard {
        status,
        headers,
        body: serde_json::from_slice(&answer[used..]).unwrap_or(Value::Null),
    }
}

/// One headnode with the zone that is tested and those that it can't do without.
fn datacenter(role: &str) -> Dc {
    let zone = |uuid: Uuid, role: &str| Vm {
        uuid,
        props: json!({ "tags": { "smartdc_role": role } })
            .as_object()
            .cloned()
            .unwrap(),
        state: "running".to_owned(),
        ran_user_script: true,
        boot: 1,
    };
    let others = ["moray", "workflow", "ufds"].iter().zip(1..);
    let others = others.map(|(role, number)| zone(Uuid::from_u128(number), role));
    let vms = others.chain([zone(ZONE, role)]);
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
        vms: vms.map(|vm| (vm.uuid, vm)).collect(),
        datasets: BTreeMap::from([(format!("zones/{ZONE}/data"), data)]),
        images: BTreeMap::new(),
        nic_tags: Vec::new(),
        pool_size: 0,
    };
    Dc {
        name: "coal".to_owned(),
        dns_domain: "joyent.us".to_owned(),
        admin_owner: ADMIN,
        hosts: BTreeMap::from([(HOST.to_owned(), host)]),
        ..Dc::default()
    }
}
