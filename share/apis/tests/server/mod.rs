// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A server for tests: gives the replies it was told to, one a connection, and remembers what it was asked.

// Each test file uses some of it.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use apis::{Client, Endpoint, Options, Uuid};
use serde_json::Value;

pub enum Reply {
    /// Status, headers and body, as given.
    Whole(u16, Vec<(String, String)>, Vec<u8>),
    /// These bytes, and then the connection ends.
    Raw(Vec<u8>),
    /// Nothing for this long.
    Late(Duration),
}

impl Reply {
    pub fn json(status: u16, body: Value) -> Reply {
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        Reply::Whole(status, headers, body.to_string().into_bytes())
    }

    pub fn empty(status: u16) -> Reply {
        Reply::Whole(status, Vec::new(), Vec::new())
    }
}

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `GET /ping`
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }
}

pub struct Server {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub fn giving(replies: Vec<Reply>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        thread::spawn(move || {
            for reply in replies {
                let Ok((mut stream, _)) = listener.accept() else {
                    return;
                };
                let Some(request) = read_request(&stream) else {
                    return;
                };
                seen.lock().unwrap().push(request);
                give(&mut stream, reply);
            }
        });
        Server { address, asked }
    }

    pub fn one(reply: Reply) -> Server {
        Server::giving(vec![reply])
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub fn client(&self, service: &str) -> Client {
        client_of(service, &self.url())
    }
}

pub const RUN: Uuid = Uuid::from_u128(0x8c14_5e9b_6e36_4d2e_9e41_6485_504e_f83b);

pub fn options() -> Options {
    let mut options = Options::new("triton-test/1.2.3", RUN);
    options.connect_timeout = Duration::from_millis(500);
    options.request_timeout = Duration::from_secs(5);
    options
}

pub fn client_of(service: &str, url: &str) -> Client {
    Client::new(&Endpoint::new(service, url), &options()).unwrap()
}

fn read_request(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let line = first.trim_end().strip_suffix(" HTTP/1.1")?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut asked = Asked {
        line,
        headers,
        body: Vec::new(),
    };
    if let Some(length) = asked.header("content-length") {
        asked.body = vec![0; length.parse().ok()?];
        reader.read_exact(&mut asked.body).ok()?;
    }
    Some(asked)
}

fn give(stream: &mut TcpStream, reply: Reply) {
    match reply {
        Reply::Whole(status, headers, body) => {
            let mut head = format!("HTTP/1.1 {status} As Told\r\nConnection: close\r\n");
            if status != 304 {
                head += &format!("Content-Length: {}\r\n", body.len());
            }
            for (name, value) in headers {
                head += &format!("{name}: {value}\r\n");
            }
            head += "\r\n";
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(&body);
        }
        Reply::Raw(bytes) => {
            let _ = stream.write_all(&bytes);
        }
        Reply::Late(time) => thread::sleep(time),
    }
}
