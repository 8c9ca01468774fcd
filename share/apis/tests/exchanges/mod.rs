// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Reads the exchanges that were recorded from real servers, and those made up from their source, into one shape.

// Each test file uses some of it.
#![allow(dead_code)]

use std::fs;
use std::path::PathBuf;

use apis::Answer;
use serde_json::Value;

pub struct Exchange {
    /// `sapi`, `vmapi`...
    pub service: String,
    /// File and name, for messages.
    pub name: String,
    pub method: String,
    pub path: String,
    /// As it was sent, URL-encoded.
    pub query: String,
    pub request_body: Value,
    /// None: the server died or hung instead of answering.
    pub answer: Option<Answer>,
    /// The body is known only to have been there.
    pub elided: bool,
}

impl Exchange {
    /// `action`, which may be sent in the query or in the body.
    pub fn action(&self) -> Option<String> {
        let of_query = self
            .query
            .split('&')
            .find_map(|pair| pair.strip_prefix("action="));
        let of_body = self.request_body.get("action").and_then(Value::as_str);
        of_query.or(of_body).map(str::to_owned)
    }
}

fn fixtures() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures"))
}

fn sorted(folder: PathBuf) -> Vec<PathBuf> {
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn stem(path: &std::path::Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Every file of recordings with its exchanges.
pub fn recorded() -> Vec<(String, Vec<Exchange>)> {
    sorted(fixtures().join("recorded"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "ndjson"))
        .map(|path| {
            let file = stem(&path);
            let service = file.split('-').next().unwrap().to_owned();
            let lines = fs::read_to_string(&path).unwrap();
            let exchanges = lines
                .lines()
                .map(|line| {
                    recorded_exchange(&file, &service, &serde_json::from_str(line).unwrap())
                })
                .collect();
            (file, exchanges)
        })
        .collect()
}

fn recorded_exchange(file: &str, service: &str, line: &Value) -> Exchange {
    let (request, response) = (&line["request"], &line["response"]);
    let headers = response["headers"].as_array().unwrap();
    let encoding = response["body_encoding"].as_str().unwrap();
    let answer = response["status"].as_u64().map(|status| Answer {
        status: status as u16,
        headers: headers
            .iter()
            .map(|pair| (text(&pair[0]), text(&pair[1])))
            .collect(),
        body: match encoding {
            "json" => serde_json::to_vec(&response["body"]).unwrap(),
            "text" => text(&response["body"]).into_bytes(),
            "base64" => base64(&text(&response["body"])),
            _ => Vec::new(),
        },
    });
    Exchange {
        service: service.to_owned(),
        name: format!("{file}/{}", text(&line["name"])),
        method: text(&request["method"]),
        path: text(&request["path"]),
        query: text(&request["query"]),
        request_body: request["body"].clone(),
        answer,
        elided: encoding == "elided",
    }
}

/// Every exchange that was made up from a service's source.
pub fn made_up(service: &str) -> Vec<Exchange> {
    sorted(fixtures().join("api").join(service))
        .into_iter()
        .map(|path| {
            let file: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            let (request, response) = (&file["request"], &file["response"]);
            let headers = response["headers"].as_object().cloned().unwrap_or_default();
            let query = request["query"].as_object().cloned().unwrap_or_default();
            let pairs: Vec<String> = query
                .iter()
                .map(|(k, v)| format!("{k}={}", text(v)))
                .collect();
            Exchange {
                service: service.to_owned(),
                name: format!("{service}/{}", stem(&path)),
                method: text(&request["method"]),
                path: text(&request["path"]),
                query: pairs.join("&"),
                request_body: request["body"].clone(),
                answer: Some(Answer {
                    status: response["status"].as_u64().unwrap() as u16,
                    headers: headers.iter().map(|(k, v)| (k.clone(), text(v))).collect(),
                    body: match response.get("body") {
                        None => Vec::new(),
                        Some(body) => serde_json::to_vec(body).unwrap(),
                    },
                }),
                elided: path.ends_with("GetImageFile.json"),
            }
        })
        .collect()
}

pub fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0);
    for digit in text.bytes().filter(|b| *b != b'=') {
        let value = DIGITS
            .iter()
            .position(|d| *d == digit)
            .expect("a base64 digit");
        bits = (bits << 6) | value as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}
