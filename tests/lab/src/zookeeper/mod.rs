// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A stand-in for binder's ZooKeeper: one member per binder zone, speaking what 3.4 speaks, as far as locks and records need
//! it. A member lets nobody in, and hangs up on those it has, while fewer than a majority of the members run. Watches are
//! taken and never fire. What registrars wrote is shown as their nodes.

mod tree;
mod wire;

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::lab::Lab;
use crate::listener::{Life, Listener};
use crate::model::{Dc, HostState};
use tree::{Node, Refusal, Tree};
use wire::{Reader, Writer, read_frame, write_frame};

pub const PORT: u16 = 2181;

/// No session runs out sooner, however fast the lab: a busy machine must not look like a dead one.
const SHORTEST: Duration = Duration::from_secs(3);

/// What the members agree on.
#[derive(Default)]
pub struct Agreed(Mutex<Tree>);

impl Agreed {
    /// Writes a node that stays, in a folder that is there; or its content anew.
    pub fn put(&self, path: &str, content: Vec<u8>) -> Result<(), String> {
        let mut tree = self.locked();
        let put = match tree.get(path).is_ok() {
            true => tree.set(path, content, -1).map(drop),
            false => tree.create(path, content, 0, false).map(drop),
        };
        put.map_err(|refusal| format!("refused with {}", refusal as i32))
    }

    fn locked(&self) -> MutexGuard<'_, Tree> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Opens the member of a binder zone.
pub fn open(lab: &Arc<Lab>, vm: Uuid, address: SocketAddr) -> io::Result<Listener> {
    let lab = Arc::clone(lab);
    Listener::open(address, move |stream, life| {
        let member = Member { lab: &lab, vm };
        // An error is a caller that went away.
        let _ = member.converse(stream, life);
    })
}

/// One binder's ZooKeeper.
struct Member<'a> {
    lab: &'a Arc<Lab>,
    vm: Uuid,
}

impl Member<'_> {
    /// True while this member runs and belongs to a majority of all there are.
    fn serves(&self) -> bool {
        let members = members(&self.lab.dc());
        let running = members.iter().filter(|(_, runs)| *runs).count();
        running * 2 > members.len() && members.contains(&(self.vm, true))
    }

    fn converse(&self, stream: &TcpStream, life: &Life) -> io::Result<()> {
        let hello = read_frame(stream)?;
        if !self.serves() {
            return Ok(());
        }
        let mut hello = Reader(&hello);
        let (_version, _seen) = (hello.int()?, hello.long()?);
        let wanted = Duration::from_millis(u64::try_from(hello.int()?).unwrap_or(0));
        let (id, password) = (hello.long()?, hello.buffer()?);
        let timeout = wanted.mul_f64(self.lab.timings.scale).max(SHORTEST);
        let opened = self.agreed().connect(id, &password, timeout);
        let (id, password) = opened.unwrap_or((0, [0; 16]));
        let mut welcome = Writer::default();
        // A timeout of 0 says that the session has run out.
        let granted = opened.map_or(0, |_| timeout.as_millis() as i32);
        welcome.int(0).int(granted).long(id).buffer(&password);
        if !hello.0.is_empty() {
            // The client asked whether it may only read.
            welcome.0.push(0);
        }
        write_frame(stream, &welcome.0)?;
        if opened.is_none() {
            return Ok(());
        }
        loop {
            let request = read_frame(stream)?;
            if life.is_silent() || !self.serves() {
                return Ok(());
            }
            let mut request = Reader(&request);
            let (number, verb) = (request.int()?, request.int()?);
            let (outcome, zxid) = {
                let mut tree = self.agreed();
                let alive = tree.heard(id);
                let outcome = match alive {
                    Ok(()) => self.obey(&mut tree, id, verb, &mut request)?,
                    Err(refusal) => Err(refusal),
                };
                (outcome, tree.zxid)
            };
            let mut answer = Writer::default();
            answer.int(number).long(zxid);
            match &outcome {
                Ok(body) => answer.int(0).0.extend(body),
                Err(refusal) => {
                    answer.int(*refusal as i32);
                }
            }
            write_frame(stream, &answer.0)?;
            if verb == CLOSE || outcome == Err(Refusal::SessionExpired) {
                return Ok(());
            }
        }
    }

    fn agreed(&self) -> MutexGuard<'_, Tree> {
        self.lab.zookeeper.locked()
    }

    fn obey(
        &self,
        tree: &mut Tree,
        session: i64,
        verb: i32,
        request: &mut Reader,
    ) -> io::Result<Result<Vec<u8>, Refusal>> {
        let mut body = Writer::default();
        let refused = match verb {
            PING | SET_WATCHES => None,
            CLOSE => {
                tree.close(session);
                None
            }
            SYNC => {
                let path = request.string()?;
                body.buffer(path.as_bytes());
                None
            }
            CREATE => {
                let (path, bytes) = (request.string()?, request.buffer()?);
                for _ in 0..request.int()? {
                    let (_rights, _scheme, _who) =
                        (request.int()?, request.string()?, request.string()?);
                }
                let flags = request.int()?;
                let owner = if flags & 1 == 1 { session } else { 0 };
                match flags {
                    0..4 => tree
                        .create(&path, bytes, owner, flags & 2 == 2)
                        .map(|path| body.buffer(path.as_bytes()))
                        .err(),
                    _ => Some(Refusal::Unimplemented),
                }
            }
            DELETE => {
                let (path, version) = (request.string()?, request.int()?);
                tree.delete(&path, version).err()
            }
            EXISTS | GET => {
                let path = request.string()?;
                match self.find(tree, &path) {
                    Ok(node) => {
                        if verb == GET {
                            body.buffer(&node.bytes);
                        }
                        let children = self.children(tree, &path).len();
                        stat(&mut body, &node, children);
                        None
                    }
                    Err(refusal) => Some(refusal),
                }
            }
            SET => {
                let (path, bytes) = (request.string()?, request.buffer()?);
                match tree.set(&path, bytes, request.int()?).cloned() {
                    Ok(node) => {
                        stat(&mut body, &node, tree.children(&path).len());
                        None
                    }
                    Err(refusal) => Some(refusal),
                }
            }
            CHILDREN | CHILDREN_AND_STAT => {
                let path = request.string()?;
                match self.find(tree, &path) {
                    Ok(node) => {
                        let names = self.children(tree, &path);
                        body.int(names.len() as i32);
                        names.iter().for_each(|name| {
                            body.buffer(name.as_bytes());
                        });
                        if verb == CHILDREN_AND_STAT {
                            stat(&mut body, &node, names.len());
                        }
                        None
                    }
                    Err(refusal) => Some(refusal),
                }
            }
            // Among them what came after 3.4: create2, containers, nodes with a time to live.
            _ => Some(Refusal::Unimplemented),
        };
        Ok(refused.map_or(Ok(body.0), Err))
    }

    fn find(&self, tree: &Tree, path: &str) -> Result<Node, Refusal> {
        match tree.get(path) {
            Ok(node) => Ok(node.clone()),
            Err(_) if path == "/" => Ok(Node::default()),
            Err(refusal) => {
                let registered = registrars(self.lab);
                let below = format!("{path}/");
                let exact = registered.iter().find(|(known, _)| known == path);
                match exact {
                    Some((_, owner)) => Ok(Node {
                        bytes: b"{}".to_vec(),
                        owner: *owner,
                        ..Node::default()
                    }),
                    None if registered
                        .iter()
                        .any(|(known, _)| known.starts_with(&below)) =>
                    {
                        Ok(Node::default())
                    }
                    None => Err(refusal),
                }
            }
        }
    }

    fn children(&self, tree: &Tree, path: &str) -> Vec<String> {
        let mut names = tree.children(path);
        let below = format!("{}/", path.trim_end_matches('/'));
        for (known, _) in registrars(self.lab) {
            let next = known
                .strip_prefix(&below)
                .and_then(|rest| rest.split('/').next());
            names.extend(next.map(str::to_owned));
        }
        names.sort();
        names.dedup();
        names
    }
}

const CREATE: i32 = 1;
const DELETE: i32 = 2;
const EXISTS: i32 = 3;
const GET: i32 = 4;
const SET: i32 = 5;
const CHILDREN: i32 = 8;
const SYNC: i32 = 9;
const PING: i32 = 11;
const CHILDREN_AND_STAT: i32 = 12;
const SET_WATCHES: i32 = 101;
const CLOSE: i32 = -11;

fn stat(body: &mut Writer, node: &Node, children: usize) {
    body.long(node.created).long(node.modified).long(0).long(0);
    body.int(node.version).int(node.came + node.went).int(0);
    body.long(node.owner).int(node.bytes.len() as i32);
    body.int(children as i32).long(node.created);
}

/// Every binder there is, and whether it runs.
fn members(dc: &Dc) -> Vec<(Uuid, bool)> {
    let mut members = Vec::new();
    for host in dc.hosts.values() {
        let up = host.state == HostState::Up;
        let binders = host.vms.values().filter(|vm| vm.role() == Some("binder"));
        members.extend(binders.map(|vm| (vm.uuid, up && vm.state == "running")));
    }
    members
}

/// Path and session of what registrars wrote: `/com/example/us-1/imgapi/<zone>`.
fn registrars(lab: &Lab) -> Vec<(String, i64)> {
    let now = Instant::now();
    let dc = lab.dc();
    let live = dc
        .registrations
        .iter()
        .filter(|known| known.expires.is_none_or(|expires| expires > now));
    live.map(|known| {
        let folder: String = known
            .name
            .split('.')
            .rev()
            .flat_map(|part| ["/", part])
            .collect();
        let session = (known.vm.as_u128() >> 65) as i64 | 1;
        (format!("{folder}/{}", known.vm), session)
    })
    .collect()
}
