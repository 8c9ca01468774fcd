// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Reading and writing of HTTP/1.1 messages: heads by httparse, bodies by length or in chunks.

use std::io::{self, ErrorKind, Read, Write};

use super::{Request, Response};

/// A head larger than this is no client of ours.
const HEAD_LIMIT: usize = 64 * 1024;
const BODY_LIMIT: usize = 8 * 1024 * 1024;
const HEADERS: usize = 64;

/// What stopped a message from being read.
#[derive(Debug)]
pub enum Broken {
    /// The connection ended or failed: nobody is left to answer.
    Connection(io::Error),
    /// What came is not HTTP as we speak it; the status says what to answer.
    Message(u16),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Broken {
        Broken::Connection(error)
    }
}

/// Bytes that were read but not used yet: the start of the next message of a kept connection.
pub struct Incoming<R> {
    stream: R,
    buffer: Vec<u8>,
}

impl<R: Read> Incoming<R> {
    pub fn new(stream: R) -> Incoming<R> {
        Incoming {
            stream,
            buffer: Vec::new(),
        }
    }

    /// The next request; `None` when the caller closed the connection between two.
    pub fn request(&mut self) -> Result<Option<Request>, Broken> {
        let (mut request, body) = loop {
            if let Some(parsed) = parse_request(&mut self.buffer)? {
                break parsed;
            }
            if self.buffer.len() > HEAD_LIMIT {
                return Err(Broken::Message(431));
            }
            if self.fill()? == 0 {
                return match self.buffer.is_empty() {
                    true => Ok(None),
                    false => Err(Broken::Connection(ErrorKind::UnexpectedEof.into())),
                };
            }
        };
        request.body = self.body(body)?;
        Ok(Some(request))
    }

    /// Status and body of an answer.
    pub fn response(&mut self) -> Result<(u16, Vec<u8>), Broken> {
        let (status, body) = loop {
            if let Some(parsed) = parse_response(&mut self.buffer)? {
                break parsed;
            }
            if self.fill()? == 0 {
                return Err(Broken::Connection(ErrorKind::UnexpectedEof.into()));
            }
        };
        if matches!(status, 204 | 304) {
            return Ok((status, Vec::new()));
        }
        Ok((status, self.body(body)?))
    }

    fn body(&mut self, body: Body) -> Result<Vec<u8>, Broken> {
        match body {
            Body::Length(length) if length > BODY_LIMIT => Err(Broken::Message(413)),
            Body::Length(length) => self.take(length),
            Body::Chunked => self.chunks(),
        }
    }

    fn chunks(&mut self) -> Result<Vec<u8>, Broken> {
        let mut body = Vec::new();
        loop {
            let (used, size) = loop {
                match httparse::parse_chunk_size(&self.buffer) {
                    Ok(httparse::Status::Complete(found)) => break found,
                    Ok(httparse::Status::Partial) => {
                        if self.fill()? == 0 {
                            return Err(Broken::Connection(ErrorKind::UnexpectedEof.into()));
                        }
                    }
                    Err(_) => return Err(Broken::Message(400)),
                }
            };
            self.buffer.drain(..used);
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            if body.len().saturating_add(size) > BODY_LIMIT {
                return Err(Broken::Message(413));
            }
            body.extend(self.take(size)?);
            // The line end after the chunk; trailers are not used by anybody here.
            self.take(2)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    fn take(&mut self, length: usize) -> Result<Vec<u8>, Broken> {
        while self.buffer.len() < length {
            if self.fill()? == 0 {
                return Err(Broken::Connection(ErrorKind::UnexpectedEof.into()));
            }
        }
        Ok(self.buffer.drain(..length).collect())
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut bytes = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(count) => {
                    self.buffer
                        .extend_from_slice(bytes.get(..count).unwrap_or_default());
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

enum Body {
    Length(usize),
    Chunked,
}

fn parse_request(buffer: &mut Vec<u8>) -> Result<Option<(Request, Body)>, Broken> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let used = match parsed.parse(buffer) {
        Ok(httparse::Status::Complete(used)) => used,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Broken::Message(400)),
    };
    let (method, target) = (
        parsed.method.unwrap_or_default(),
        parsed.path.unwrap_or_default(),
    );
    let headers = owned(parsed.headers);
    let body = body_of(&headers).ok_or(Broken::Message(400))?;
    let request = Request::new(method, target, headers, Vec::new());
    buffer.drain(..used);
    Ok(Some((request, body)))
}

fn parse_response(buffer: &mut Vec<u8>) -> Result<Option<(u16, Body)>, Broken> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    let used = match parsed.parse(buffer) {
        Ok(httparse::Status::Complete(used)) => used,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Broken::Message(502)),
    };
    let status = parsed.code.unwrap_or_default();
    let body = body_of(&owned(parsed.headers)).ok_or(Broken::Message(502))?;
    buffer.drain(..used);
    Ok(Some((status, body)))
}

fn owned(headers: &[httparse::Header<'_>]) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    headers
        .iter()
        .map(|header| (header.name.to_owned(), text(header.value)))
        .collect()
}

fn body_of(headers: &[(String, String)]) -> Option<Body> {
    let header = |name: &str| {
        headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
    };
    if header("transfer-encoding").is_some_and(|(_, how)| how.eq_ignore_ascii_case("chunked")) {
        return Some(Body::Chunked);
    }
    match header("content-length") {
        Some((_, length)) => length.trim().parse().ok().map(Body::Length),
        None => Some(Body::Length(0)),
    }
}

/// Writes an answer. A body-less one goes out as node sends it: chunked and empty, unless its status forbids a body.
pub fn write_response(
    out: &mut impl Write,
    response: &Response,
    head_only: bool,
) -> io::Result<()> {
    let mut text = format!(
        "HTTP/1.1 {} {}\r\n",
        response.status,
        reason(response.status)
    );
    for (name, value) in &response.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let bodyless = matches!(response.status, 204 | 304);
    let chunked =
        response.body.is_empty() && !bodyless && response.header("Content-Length").is_none();
    if chunked {
        text.push_str("Transfer-Encoding: chunked\r\n");
    } else if !bodyless && response.header("Content-Length").is_none() {
        text.push_str(&format!("Content-Length: {}\r\n", response.body.len()));
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    if chunked && !head_only {
        bytes.extend_from_slice(b"0\r\n\r\n");
    } else if !bodyless && !head_only {
        bytes.extend_from_slice(&response.body);
    }
    out.write_all(&bytes)
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        202 => "Accepted",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        409 => "Conflict",
        412 => "Precondition Failed",
        413 => "Request Entity Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Entity",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        507 => "Insufficient Storage",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_requests_in_one_packet_are_read_one_after_the_other() {
        let bytes =
            b"PUT /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiGET /b HTTP/1.1\r\n\r\n".as_slice();
        let mut incoming = Incoming::new(bytes);
        let first = incoming.request().unwrap().unwrap();
        assert_eq!(
            (first.path.as_str(), first.body.as_slice()),
            ("/a", b"hi".as_slice())
        );
        assert_eq!(incoming.request().unwrap().unwrap().path, "/b");
        assert!(incoming.request().unwrap().is_none());
    }

    #[test]
    fn a_chunked_body_is_joined() {
        let bytes = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n".as_slice();
        assert_eq!(
            Incoming::new(bytes).request().unwrap().unwrap().body,
            b"abcde"
        );
    }

    #[test]
    fn garbage_and_endless_bodies_are_told_apart_from_a_lost_connection() {
        let garbage = Incoming::new(b"\x00\x01\x02\r\n\r\n".as_slice()).request();
        assert!(matches!(garbage, Err(Broken::Message(400))));
        let huge = Incoming::new(b"PUT / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n".as_slice())
            .request();
        assert!(matches!(huge, Err(Broken::Message(413))));
        let cut =
            Incoming::new(b"PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc".as_slice()).request();
        assert!(matches!(cut, Err(Broken::Connection(_))));
    }

    #[test]
    fn an_empty_200_is_chunked_and_a_204_has_no_body_headers() {
        let mut out = Vec::new();
        write_response(&mut out, &Response::empty(200), false).unwrap();
        assert_eq!(
            out,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        );
        out.clear();
        write_response(&mut out, &Response::empty(204), false).unwrap();
        assert_eq!(out, b"HTTP/1.1 204 No Content\r\n\r\n");
    }
}
