// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The server's side: connections are kept, each has a thread, and a port's fate decides whether an answer goes out.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::wire::{Broken, Incoming, write_response};
use super::{Request, Response};
use crate::listener::{Life, Listener};

/// node's http server ends a connection that was idle for this long.
const IDLE: Duration = Duration::from_secs(120);

/// Serves HTTP on `address`. Where `answer` gives nothing, the connection ends without a word.
pub fn serve<F>(address: SocketAddr, answer: F) -> io::Result<Listener>
where
    F: Fn(&Request) -> Option<Response> + Send + Sync + 'static,
{
    // Errors of a connection are its caller's: there is nobody else to tell.
    Listener::open(address, move |stream, life| {
        let _ = converse(stream, life, &answer);
    })
}

fn converse(
    stream: &TcpStream,
    life: &Life,
    answer: &dyn Fn(&Request) -> Option<Response>,
) -> Result<(), Broken> {
    stream.set_read_timeout(Some(IDLE))?;
    stream.set_nodelay(true)?;
    let mut incoming = Incoming::new(stream);
    loop {
        let request = match incoming.request() {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(()),
            Err(Broken::Message(status)) => {
                let refusal = Response::empty(status).with_header("Connection", "close");
                write_response(&mut { stream }, &refusal, false)?;
                return Ok(());
            }
            Err(lost) => return Err(lost),
        };
        if !life.is_live() {
            return Ok(());
        }
        let Some(response) = answer(&request) else {
            return Ok(());
        };
        // The host may have died while the answer was made.
        if !life.is_live() {
            return Ok(());
        }
        write_response(&mut { stream }, &response, request.method == "HEAD")?;
        let last = |text: &str| text.eq_ignore_ascii_case("close");
        if request.header("connection").is_some_and(last) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{get, send};
    use serde_json::json;

    fn any() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[test]
    fn the_client_hears_what_the_server_says() {
        let listener = serve(any(), |request| {
            let heard = String::from_utf8_lossy(&request.body).into_owned();
            Some(Response::json(
                200,
                &json!({ "path": request.path, "heard": heard }),
            ))
        })
        .unwrap();
        let (status, body) = get(listener.address(), "a.b", "/ping").unwrap();
        assert_eq!(
            (status, body),
            (200, br#"{"heard":"","path":"/ping"}"#.to_vec())
        );
        let body = Some(json!({ "a": 1 }));
        let (_, heard) = send(
            listener.address(),
            "a.b",
            "PUT",
            "/x",
            body.as_ref(),
            "test",
        )
        .unwrap();
        assert_eq!(heard, br#"{"heard":"{\"a\":1}","path":"/x"}"#.to_vec());
    }

    #[test]
    fn no_answer_closes_the_connection() {
        let listener = serve(any(), |_| None).unwrap();
        assert!(get(listener.address(), "a.b", "/").is_err());
    }
}
