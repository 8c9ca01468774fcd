// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! DNS as binder speaks it on port 53, by UDP and TCP, and the lookup that zones and agents do.

mod message;

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::listener::{Life, Listener};
pub use message::Answer;

/// How long a lookup waits for one resolver before it asks the next.
const PATIENCE: Duration = Duration::from_millis(300);
const PORT: u16 = 53;

/// What a name resolves to.
pub type Names = dyn Fn(&str) -> Answer + Send + Sync;

/// A DNS server. Dropping it closes its ports.
pub struct Server {
    tcp: Listener,
    udp: UdpSocket,
    stopped: Arc<AtomicBool>,
    answering: Option<JoinHandle<()>>,
}

impl Server {
    pub fn open(address: SocketAddr, names: Arc<Names>) -> io::Result<Server> {
        let over_tcp = Arc::clone(&names);
        let tcp = Listener::open(address, move |stream, life| {
            // An error is a caller that went away.
            let _ = converse(stream, life, over_tcp.as_ref());
        })?;
        let udp = UdpSocket::bind(tcp.address())?;
        let stopped = Arc::new(AtomicBool::new(false));
        let (socket, flag) = (udp.try_clone()?, Arc::clone(&stopped));
        let answering = thread::Builder::new()
            .name(format!("dns {address}"))
            .spawn(move || answer_datagrams(&socket, &flag, names.as_ref()))?;
        Ok(Server {
            tcp,
            udp,
            stopped,
            answering: Some(answering),
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.tcp.address()
    }

    /// The host died: both ports stay taken, and nobody answers on them.
    pub fn silence(&mut self) {
        self.stop_answering();
        self.tcp.silence();
    }

    fn stop_answering(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        if let Some(answering) = self.answering.take() {
            // recv_from() has no other way to learn of it than one more datagram.
            let _ = self.udp.send_to(&[], self.address());
            let _ = answering.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop_answering();
    }
}

fn answer_datagrams(socket: &UdpSocket, stopped: &AtomicBool, names: &Names) {
    let mut datagram = [0; 1500];
    loop {
        let received = socket.recv_from(&mut datagram);
        if stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok((length, caller)) = received else {
            continue;
        };
        let query = datagram.get(..length).unwrap_or_default();
        if let Some(reply) = message::reply(query, names) {
            let _ = socket.send_to(&reply, caller);
        }
    }
}

/// TCP carries the same messages, each after two bytes of length.
fn converse(mut stream: &TcpStream, life: &Life, names: &Names) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut query)?;
        let Some(reply) = message::reply(&query, names).filter(|_| life.is_live()) else {
            return Ok(());
        };
        let mut framed = u16::try_from(reply.len())
            .unwrap_or(u16::MAX)
            .to_be_bytes()
            .to_vec();
        framed.extend(reply);
        stream.write_all(&framed)?;
    }
}

/// Asks one resolver after the other for the addresses of `name`. A resolver that says that the name does not exist
/// ends the search; one that is silent or refuses does not, as in libc.
pub fn lookup(lab_resolvers: &[Ipv4Addr], name: &str) -> Option<Vec<Ipv4Addr>> {
    for resolver in lab_resolvers {
        match ask(SocketAddr::new(IpAddr::V4(*resolver), PORT), name) {
            Some(Answer::Addresses(addresses)) => return Some(addresses),
            Some(Answer::NoSuchName) => return None,
            Some(Answer::Refused) | None => {}
        }
    }
    None
}

/// One query by UDP; `None` when nothing usable came back in time.
fn ask(resolver: SocketAddr, name: &str) -> Option<Answer> {
    static NUMBER: AtomicU16 = AtomicU16::new(1);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let query = message::query(number, name)?;
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    // Connected, so that a closed port is heard of at once.
    socket.connect(resolver).ok()?;
    socket.send(&query).ok()?;
    let deadline = Instant::now() + PATIENCE;
    let mut datagram = [0; 1500];
    loop {
        let left = deadline
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())?;
        socket.set_read_timeout(Some(left)).ok()?;
        let length = socket.recv(&mut datagram).ok()?;
        let heard = message::parse_reply(datagram.get(..length).unwrap_or_default(), number);
        if heard.is_some() {
            return heard;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Server {
        let names: Arc<Names> = Arc::new(|name: &str| match name {
            "vmapi.east-1.triton.example" => Answer::Addresses(vec![Ipv4Addr::new(10, 99, 99, 25)]),
            name if name.ends_with(".triton.example") => Answer::NoSuchName,
            _ => Answer::Refused,
        });
        Server::open(SocketAddr::from(([127, 0, 0, 1], 0)), names).unwrap()
    }

    #[test]
    fn a_name_resolves_and_an_unknown_one_does_not() {
        let server = server();
        let found = Answer::Addresses(vec![Ipv4Addr::new(10, 99, 99, 25)]);
        assert_eq!(
            ask(server.address(), "VMAPI.east-1.triton.example"),
            Some(found)
        );
        assert_eq!(
            ask(server.address(), "x.east-1.triton.example"),
            Some(Answer::NoSuchName)
        );
        assert_eq!(ask(server.address(), "example.com"), Some(Answer::Refused));
    }

    #[test]
    fn tcp_answers_as_udp_does() {
        let server = server();
        let query = message::query(9, "vmapi.east-1.triton.example").unwrap();
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream
            .write_all(&u16::try_from(query.len()).unwrap().to_be_bytes())
            .unwrap();
        stream.write_all(&query).unwrap();
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut reply).unwrap();
        assert!(matches!(
            message::parse_reply(&reply, 9),
            Some(Answer::Addresses(_))
        ));
    }

    #[test]
    fn garbage_does_not_stop_the_server() {
        let server = server();
        let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        for garbage in [b"".as_slice(), b"\xff", b"abcdefghijklmnop", &[0xc0; 40]] {
            socket.send_to(garbage, server.address()).unwrap();
        }
        assert_eq!(
            ask(server.address(), "a.triton.example"),
            Some(Answer::NoSuchName)
        );
    }

    #[test]
    fn a_silenced_server_says_nothing_and_a_closed_one_is_known_at_once() {
        let mut server = server();
        let address = server.address();
        server.silence();
        assert_eq!(ask(address, "vmapi.east-1.triton.example"), None);
        drop(server);
        let before = Instant::now();
        assert_eq!(ask(address, "vmapi.east-1.triton.example"), None);
        assert!(before.elapsed() < PATIENCE);
    }
}
