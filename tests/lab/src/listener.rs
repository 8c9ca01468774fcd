// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A TCP port that can end as ports in a datacenter end: closed, so that callers are refused, or silenced with its
//! host, so that their packets vanish.

use std::collections::BTreeMap;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const LIVE: u8 = 0;
const CLOSED: u8 = 1;
const SILENT: u8 = 2;

/// An open port. Dropping it closes it.
pub struct Listener {
    address: SocketAddr,
    socket: Option<TcpListener>,
    life: Arc<Life>,
    accepting: Option<JoinHandle<()>>,
}

/// What a connection may ask about the port that it came by.
#[derive(Default)]
pub struct Life {
    fate: AtomicU8,
    next: AtomicU64,
    /// Connections being served, so that closing the port ends them.
    open: Mutex<BTreeMap<u64, TcpStream>>,
    /// Connections of a dead host: nobody answers on them, nobody ends them.
    held: Mutex<Vec<TcpStream>>,
}

impl Life {
    /// The host is dead: nothing may be sent any more.
    pub fn is_silent(&self) -> bool {
        self.fate.load(Ordering::SeqCst) == SILENT
    }

    pub fn is_live(&self) -> bool {
        self.fate.load(Ordering::SeqCst) == LIVE
    }

    fn hold(&self, stream: TcpStream) {
        locked(&self.held).push(stream);
    }
}

impl Listener {
    /// Binds `address` and serves every connection in a thread of its own.
    pub fn open<F>(address: SocketAddr, serve: F) -> io::Result<Listener>
    where
        F: Fn(&TcpStream, &Life) + Send + Sync + 'static,
    {
        let socket = TcpListener::bind(address)?;
        let address = socket.local_addr()?;
        let life = Arc::new(Life::default());
        let (accepted, its_life) = (socket.try_clone()?, Arc::clone(&life));
        let accepting = thread::Builder::new()
            .name(format!("accept {address}"))
            .spawn(move || accept(&accepted, &its_life, &Arc::new(serve)))?;
        Ok(Listener {
            address,
            socket: Some(socket),
            life,
            accepting: Some(accepting),
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The host died: the port stays taken, new connections time out, open ones never hear again.
    pub fn silence(&mut self) {
        self.stop_accepting(SILENT);
        let Some(socket) = &self.socket else { return };
        // With a backlog of none the kernel queues a single connection and drops the handshakes of all others.
        let _ = rustix::net::listen(socket, 0);
        for _ in 0..3 {
            match TcpStream::connect_timeout(&self.address, Duration::from_millis(20)) {
                Ok(stream) => self.life.hold(stream),
                Err(_) => break,
            }
        }
    }

    fn stop_accepting(&mut self, fate: u8) {
        self.life.fate.store(fate, Ordering::SeqCst);
        if let Some(accepting) = self.accepting.take() {
            // accept() has no other way to learn of it than one more connection.
            let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
            let _ = accepting.join();
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop_accepting(CLOSED);
        self.socket = None;
        for stream in locked(&self.life.open).values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        locked(&self.life.held).clear();
    }
}

fn accept<F>(socket: &TcpListener, life: &Arc<Life>, serve: &Arc<F>)
where
    F: Fn(&TcpStream, &Life) + Send + Sync + 'static,
{
    while life.is_live() {
        match socket.accept() {
            Ok((stream, _)) if life.is_live() => attend(stream, life, serve),
            // The connection that woke us, or one that came too late.
            Ok((stream, _)) if life.is_silent() => life.hold(stream),
            Ok(_) => {}
            // Out of descriptors, or a caller that is gone already: wait rather than spin.
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
    }
}

fn attend<F>(stream: TcpStream, life: &Arc<Life>, serve: &Arc<F>)
where
    F: Fn(&TcpStream, &Life) + Send + Sync + 'static,
{
    let Ok(handle) = stream.try_clone() else {
        return;
    };
    let number = life.next.fetch_add(1, Ordering::SeqCst);
    locked(&life.open).insert(number, handle);
    let (its_life, serve) = (Arc::clone(life), Arc::clone(serve));
    let spawned = thread::Builder::new()
        .name("connection".to_owned())
        .spawn(move || {
            serve(&stream, &its_life);
            locked(&its_life.open).remove(&number);
            if its_life.is_silent() {
                its_life.hold(stream);
            }
        });
    if spawned.is_err() {
        locked(&life.open).remove(&number);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{ErrorKind, Read, Write};

    fn echo() -> Listener {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Listener::open(any, |mut stream, life| {
            let mut byte = [0];
            while stream.read_exact(&mut byte).is_ok() && !life.is_silent() {
                let _ = stream.write_all(&byte);
            }
        })
        .unwrap()
    }

    #[test]
    fn a_closed_port_refuses_callers_and_ends_open_connections() {
        let listener = echo();
        let address = listener.address();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"a").unwrap();
        stream.read_exact(&mut [0]).unwrap();
        drop(listener);
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
        assert_eq!(
            TcpStream::connect(address).unwrap_err().kind(),
            ErrorKind::ConnectionRefused
        );
    }

    #[test]
    fn a_silenced_port_neither_refuses_nor_answers() {
        let mut listener = echo();
        let address = listener.address();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"a").unwrap();
        stream.read_exact(&mut [0]).unwrap();
        listener.silence();
        let patience = Duration::from_millis(40);
        let refused = TcpStream::connect_timeout(&address, patience).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::TimedOut);
        stream.set_read_timeout(Some(patience)).unwrap();
        stream.write_all(b"b").unwrap();
        assert_eq!(
            stream.read(&mut [0]).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        drop(listener);
        assert!(
            TcpListener::bind(address).is_ok(),
            "the address can be taken over"
        );
    }
}
