// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! HTTP/1.1 as the lab needs it: a server that controls every byte of its answers, and a small client for zones and
//! agents.

mod client;
mod server;
mod wire;

use serde_json::Value;

pub use client::{get, send};
pub use server::serve;

/// A request as it came over the wire.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub method: String,
    /// As sent: path and query, percent-encoded.
    pub target: String,
    /// Decoded, without the query.
    pub path: String,
    /// Decoded, in order.
    pub query: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn new(
        method: &str,
        target: &str,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Request {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Request {
            method: method.to_owned(),
            target: target.to_owned(),
            path: decode(path, false),
            query: pairs(query),
            headers,
            body,
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// An answer: status, headers in the order and case in which they go out, body.
#[derive(Debug, Clone, Default)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// No body at all, and so no content type.
    pub fn empty(status: u16) -> Response {
        Response {
            status,
            ..Response::default()
        }
    }

    pub fn json(status: u16, body: &Value) -> Response {
        Response::empty(status)
            .with_header("Content-Type", "application/json")
            .with_body(body.to_string())
    }

    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Response {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Response {
        self.body = body.into();
        self
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// `a=1&b=2`, decoded: a query string or a form.
pub fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key, true), decode(value, true))
        })
        .collect()
}

/// Percent-decodes; what is no valid escape stays as it is.
fn decode(text: &str, plus_is_blank: bool) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escape = (byte == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escape {
            Some(escaped) => {
                decoded.push(escaped);
                at += 2;
            }
            None if byte == b'+' && plus_is_blank => decoded.push(b' '),
            None => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_and_a_broken_escape_is_kept() {
        let request = Request::new(
            "GET",
            "/vms%2fa?marker=%7B%22a%22%3A1%7D&x=a+b&y=%zz&z",
            vec![],
            vec![],
        );
        assert_eq!(request.path, "/vms/a");
        assert_eq!(request.query("marker"), Some("{\"a\":1}"));
        assert_eq!(request.query("x"), Some("a b"));
        assert_eq!(request.query("y"), Some("%zz"));
        assert_eq!(request.query("z"), Some(""));
    }
}
