// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The client that zones and agents use: one request, one connection.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::wire::{Broken, Incoming};

const CONNECT: Duration = Duration::from_secs(1);
const ANSWER: Duration = Duration::from_secs(10);

/// `GET path` from `host` at an address that was found already: status and body.
pub fn get(address: SocketAddr, host: &str, path: &str) -> io::Result<(u16, Vec<u8>)> {
    send(address, host, "GET", path, None, "curl/8.4.0")
}

/// One request with a JSON body, or without one.
pub fn send(
    address: SocketAddr,
    host: &str,
    method: &str,
    path: &str,
    body: Option<&Value>,
    agent: &str,
) -> io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect_timeout(&address, CONNECT)?;
    stream.set_read_timeout(Some(ANSWER))?;
    stream.set_write_timeout(Some(ANSWER))?;
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\n");
    text.push_str("Accept: application/json\r\nConnection: close\r\n");
    if !body.is_empty() {
        text.push_str("Content-Type: application/json\r\n");
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    text.push_str(&body);
    stream.write_all(text.as_bytes())?;
    Incoming::new(&stream)
        .response()
        .map_err(|broken| match broken {
            Broken::Connection(error) => error,
            Broken::Message(_) => {
                io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP")
            }
        })
}
