// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Where a service's name is found: the system is asked and, where that fails or takes long, the datacenter's binders, all at
//! once. After the loss of a headnode the system may well ask the binder that died, and nobody else.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Packet, PacketFlag, QCLASS, QTYPE, Question, TYPE};
use uuid::Uuid;

/// A system that can resolve does it within this time; one whose first server is dead takes five seconds and more.
const HEAD_START: Duration = Duration::from_millis(500);
/// How long a binder on the admin network may take, with one repeat for a datagram that was lost.
const PATIENCE: Duration = Duration::from_secs(1);
const TRIES: u32 = 2;

const DNS_PORT: u16 = 53;

/// The most that a server may send to somebody who did not ask for more (RFC 1035, 4.2.1).
const LONGEST_ANSWER: usize = 512;

#[derive(Debug, Clone)]
pub(crate) struct Names {
    binders: Vec<SocketAddr>,
}

impl Names {
    pub(crate) fn new(binders: &[IpAddr]) -> Names {
        Names {
            binders: binders
                .iter()
                .map(|&binder| SocketAddr::new(binder, DNS_PORT))
                .collect(),
        }
    }

    fn find(
        &self,
        name: &str,
        system: fn(&str) -> io::Result<Vec<IpAddr>>,
    ) -> io::Result<Vec<IpAddr>> {
        let (tell, told) = mpsc::channel();
        let asked = name.to_owned();
        // Nobody can call it back: where the binders are faster it ends by itself, unheard.
        thread::spawn(move || tell.send(system(&asked)));
        let failed = match told.recv_timeout(HEAD_START) {
            Ok(Ok(addresses)) => return Ok(addresses),
            Ok(Err(error)) => Some(error),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(fault()),
        };
        match self.ask_binders(name) {
            Ok(addresses) if !addresses.is_empty() => Ok(addresses),
            // The system's answer is the one that an operator can look into.
            _ => match failed {
                Some(error) => Err(error),
                None => told.recv().unwrap_or_else(|_| Err(fault())),
            },
        }
    }

    /// The first answer that has an address. One without may be that of a binder which has lost the others.
    fn ask_binders(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let number = Uuid::new_v4().as_u128() as u16;
        let query = query(number, name)?;
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        let mut silent: BTreeSet<SocketAddr> = self.binders.iter().copied().collect();
        for _ in 0..TRIES {
            for binder in &silent {
                // One that can't be reached is one that does not answer.
                let _ = socket.send_to(&query, binder);
            }
            let end = Instant::now() + PATIENCE;
            while !silent.is_empty() {
                let Some(left) = end
                    .checked_duration_since(Instant::now())
                    .filter(|t| !t.is_zero())
                else {
                    break;
                };
                socket.set_read_timeout(Some(left))?;
                let mut answer = [0; LONGEST_ANSWER];
                // Also a port that is closed is told here, on some systems.
                let Ok((length, from)) = socket.recv_from(&mut answer) else {
                    continue;
                };
                if !silent.contains(&from) {
                    continue;
                }
                let Some(addresses) = addresses(number, &answer[..length]) else {
                    continue;
                };
                if !addresses.is_empty() {
                    return Ok(addresses);
                }
                silent.remove(&from);
            }
        }
        Ok(Vec::new())
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let names = self.clone();
        Box::pin(async move {
            let find = move || names.find(name.as_str(), of_system);
            let found = tokio::task::spawn_blocking(find).await??;
            let found: Addrs = Box::new(found.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(found)
        })
    }
}

fn of_system(name: &str) -> io::Result<Vec<IpAddr>> {
    let found = (name, 0).to_socket_addrs()?;
    Ok(found.map(|address| address.ip()).collect())
}

fn fault() -> io::Error {
    io::Error::other("asking the system for it ended in a fault of this program")
}

fn query(number: u16, name: &str) -> io::Result<Vec<u8>> {
    let no_name = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
    let mut packet = Packet::new_query(number);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    packet.questions.push(Question::new(
        simple_dns::Name::new(name).map_err(no_name)?,
        QTYPE::TYPE(TYPE::A),
        QCLASS::CLASS(CLASS::IN),
        false,
    ));
    packet.build_bytes_vec().map_err(no_name)
}

/// The addresses in an answer to our question; none where the name has none; `None` where it is no such answer.
fn addresses(number: u16, answer: &[u8]) -> Option<Vec<IpAddr>> {
    let packet = Packet::parse(answer).ok()?;
    if packet.id() != number || !packet.has_flags(PacketFlag::RESPONSE) {
        return None;
    }
    let addresses = packet.answers.iter().filter_map(|one| match &one.rdata {
        RData::A(a) => Some(IpAddr::V4(Ipv4Addr::from_bits(a.address))),
        _ => None,
    });
    Some(addresses.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use simple_dns::ResourceRecord;
    use simple_dns::rdata::A;

    const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
    const FOUND: Ipv4Addr = Ipv4Addr::new(10, 99, 99, 51);
    const NAME: &str = "sapi.east-1.triton.example";

    fn fails(_: &str) -> io::Result<Vec<IpAddr>> {
        Err(io::Error::other("the system knows no such name"))
    }

    fn knows(_: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec![HERE.into()])
    }

    fn is_slow(_: &str) -> io::Result<Vec<IpAddr>> {
        thread::sleep(Duration::from_secs(60));
        fails("")
    }

    /// A binder that answers one question with `address`, after `noise` that is no answer to it.
    fn binder(address: Option<Ipv4Addr>, noise: bool) -> SocketAddr {
        let socket = UdpSocket::bind((HERE, 0)).unwrap();
        let at = socket.local_addr().unwrap();
        thread::spawn(move || {
            let mut bytes = [0; LONGEST_ANSWER];
            let (length, from) = socket.recv_from(&mut bytes).unwrap();
            let asked = Packet::parse(&bytes[..length]).unwrap();
            let question = &asked.questions[0];
            assert_eq!(question.qname.to_string(), NAME);
            let answer = |number: u16, address: Ipv4Addr| {
                let mut answer = Packet::new_reply(number);
                answer.answers.push(ResourceRecord::new(
                    question.qname.clone(),
                    CLASS::IN,
                    30,
                    RData::A(A {
                        address: address.to_bits(),
                    }),
                ));
                answer.build_bytes_vec().unwrap()
            };
            if noise {
                socket.send_to(b"?", from).unwrap();
                let another = answer(asked.id().wrapping_add(1), HERE);
                socket.send_to(&another, from).unwrap();
            }
            let answer = match address {
                Some(address) => answer(asked.id(), address),
                None => Packet::new_reply(asked.id()).build_bytes_vec().unwrap(),
            };
            socket.send_to(&answer, from).unwrap();
        });
        at
    }

    fn silent() -> (UdpSocket, SocketAddr) {
        let socket = UdpSocket::bind((HERE, 0)).unwrap();
        let at = socket.local_addr().unwrap();
        (socket, at)
    }

    #[test]
    fn what_the_system_knows_no_binder_is_asked_for() {
        let (_open, binder) = silent();
        let names = Names {
            binders: vec![binder],
        };
        assert_eq!(names.find(NAME, knows).unwrap(), [IpAddr::from(HERE)]);
    }

    #[test]
    fn where_the_system_fails_or_hangs_a_binder_that_lives_answers() {
        for system in [fails, is_slow] {
            let (_open, dead) = silent();
            let alone = binder(None, false);
            let names = Names {
                binders: vec![dead, alone, binder(Some(FOUND), true)],
            };
            assert_eq!(names.find(NAME, system).unwrap(), [IpAddr::from(FOUND)]);
        }
    }

    #[test]
    fn what_no_binder_knows_is_told_in_the_systems_words() {
        let names = Names {
            binders: vec![binder(None, false)],
        };
        let error = names.find(NAME, fails).unwrap_err();
        assert_eq!(error.to_string(), "the system knows no such name");
    }

    #[test]
    fn a_name_that_is_none_is_asked_of_nobody() {
        let long = "x".repeat(64);
        let names = Names {
            binders: Vec::new(),
        };
        assert!(names.ask_binders(&long).is_err());
    }
}
