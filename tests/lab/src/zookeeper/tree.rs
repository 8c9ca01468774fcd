// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The nodes and sessions that the ensemble agrees on. What one member did the others have done: the stand-in has no log that
//! could lag, only members that may be away.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Default)]
pub struct Node {
    pub bytes: Vec<u8>,
    pub created: i64,
    pub modified: i64,
    pub version: i32,
    /// Counts children that came and went: sequential names are made of the former.
    pub came: i32,
    pub went: i32,
    /// Session that it ends with; 0 for none.
    pub owner: i64,
}

struct Session {
    password: [u8; 16],
    timeout: Duration,
    heard: Instant,
}

/// Error codes of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    Unimplemented = -6,
    BadArguments = -8,
    NoNode = -101,
    BadVersion = -103,
    NoChildrenForEphemerals = -108,
    NodeExists = -110,
    NotEmpty = -111,
    SessionExpired = -112,
}

#[derive(Default)]
pub struct Tree {
    nodes: BTreeMap<String, Node>,
    sessions: BTreeMap<i64, Session>,
    /// Number of the last change.
    pub zxid: i64,
    last_session: i64,
}

impl Tree {
    /// Opens a session, or goes on with one; `None` when that one has run out.
    pub fn connect(
        &mut self,
        id: i64,
        password: &[u8],
        timeout: Duration,
    ) -> Option<(i64, [u8; 16])> {
        self.expire();
        if id != 0 {
            let session = self.sessions.get_mut(&id)?;
            session.heard = Instant::now();
            return (session.password == password).then_some((id, session.password));
        }
        self.last_session += 1;
        let id = 0x0100_0000_0000 + self.last_session;
        let mut password = [7; 16];
        password[..8].copy_from_slice(&id.to_be_bytes());
        let heard = Instant::now();
        self.sessions.insert(
            id,
            Session {
                password,
                timeout,
                heard,
            },
        );
        Some((id, password))
    }

    /// A sign of life; the error is for one who is dead already.
    pub fn heard(&mut self, id: i64) -> Result<(), Refusal> {
        self.expire();
        let session = self.sessions.get_mut(&id).ok_or(Refusal::SessionExpired)?;
        session.heard = Instant::now();
        Ok(())
    }

    pub fn close(&mut self, id: i64) {
        if self.sessions.remove(&id).is_some() {
            self.zxid += 1;
            let theirs = self.nodes.iter().filter(|(_, node)| node.owner == id);
            let theirs: Vec<String> = theirs.map(|(path, _)| path.clone()).collect();
            for path in theirs {
                self.take_away(&path);
            }
        }
    }

    fn expire(&mut self) {
        let over = |session: &Session| session.heard.elapsed() > session.timeout;
        let dead = self.sessions.iter().filter(|(_, session)| over(session));
        let dead: Vec<i64> = dead.map(|(id, _)| *id).collect();
        for id in dead {
            self.close(id);
        }
    }

    pub fn get(&self, path: &str) -> Result<&Node, Refusal> {
        self.nodes.get(path).ok_or(Refusal::NoNode)
    }

    /// Names below a node.
    pub fn children(&self, path: &str) -> Vec<String> {
        let prefix = format!("{}/", path.trim_end_matches('/'));
        let below = self.nodes.range(prefix.clone()..);
        below
            .map_while(|(path, _)| path.strip_prefix(&prefix))
            .filter(|name| !name.contains('/'))
            .map(str::to_owned)
            .collect()
    }

    /// Returns the path, which for a sequential node is longer than what was asked for.
    pub fn create(
        &mut self,
        path: &str,
        bytes: Vec<u8>,
        owner: i64,
        sequential: bool,
    ) -> Result<String, Refusal> {
        let (folder, name) = path.rsplit_once('/').ok_or(Refusal::BadArguments)?;
        if name.is_empty() && !sequential {
            return Err(Refusal::BadArguments);
        }
        let mut path = path.to_owned();
        if !folder.is_empty() {
            let folder = self.nodes.get(folder).ok_or(Refusal::NoNode)?;
            if folder.owner != 0 {
                return Err(Refusal::NoChildrenForEphemerals);
            }
            if sequential {
                path = format!("{path}{:010}", folder.came);
            }
        }
        if self.nodes.contains_key(&path) {
            return Err(Refusal::NodeExists);
        }
        self.zxid += 1;
        if let Some(folder) = self.nodes.get_mut(folder) {
            folder.came += 1;
        }
        let node = Node {
            bytes,
            owner,
            created: self.zxid,
            modified: self.zxid,
            ..Node::default()
        };
        self.nodes.insert(path.clone(), node);
        Ok(path)
    }

    pub fn delete(&mut self, path: &str, version: i32) -> Result<(), Refusal> {
        let node = self.get(path)?;
        if version != -1 && version != node.version {
            return Err(Refusal::BadVersion);
        }
        if !self.children(path).is_empty() {
            return Err(Refusal::NotEmpty);
        }
        self.zxid += 1;
        self.take_away(path);
        Ok(())
    }

    fn take_away(&mut self, path: &str) {
        self.nodes.remove(path);
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        if let Some(folder) = self.nodes.get_mut(folder) {
            folder.went += 1;
        }
    }

    pub fn set(&mut self, path: &str, bytes: Vec<u8>, version: i32) -> Result<&Node, Refusal> {
        let zxid = self.zxid + 1;
        let node = self.nodes.get_mut(path).ok_or(Refusal::NoNode)?;
        if version != -1 && version != node.version {
            return Err(Refusal::BadVersion);
        }
        node.bytes = bytes;
        node.version += 1;
        node.modified = zxid;
        self.zxid = zxid;
        Ok(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_is_silent_takes_its_nodes_along() {
        let mut tree = Tree::default();
        tree.create("/lock", vec![], 0, false).unwrap();
        let (short, _) = tree.connect(0, &[], Duration::from_millis(20)).unwrap();
        let (long, _) = tree.connect(0, &[], Duration::from_secs(60)).unwrap();
        let first = tree.create("/lock/run-", vec![], short, true).unwrap();
        let second = tree.create("/lock/run-", vec![], long, true).unwrap();
        assert_eq!(
            [first.as_str(), second.as_str()],
            ["/lock/run-0000000000", "/lock/run-0000000001"]
        );
        std::thread::sleep(Duration::from_millis(40));
        assert_eq!(tree.heard(short), Err(Refusal::SessionExpired));
        assert_eq!(tree.children("/lock"), ["run-0000000001"]);
        // A number is not given twice.
        let third = tree.create("/lock/run-", vec![], long, true).unwrap();
        assert_eq!(third, "/lock/run-0000000002");
        tree.close(long);
        assert!(tree.children("/lock").is_empty());
    }

    #[test]
    fn a_write_can_ask_for_the_version_it_was_made_for() {
        let mut tree = Tree::default();
        tree.create("/a", vec![1], 0, false).unwrap();
        tree.set("/a", vec![2], 0).unwrap();
        assert_eq!(tree.set("/a", vec![3], 0).err(), Some(Refusal::BadVersion));
        assert_eq!(tree.get("/a").unwrap().bytes, [2]);
        assert_eq!(tree.delete("/a", 0), Err(Refusal::BadVersion));
        tree.create("/a/b", vec![], 0, false).unwrap();
        assert_eq!(tree.delete("/a", 1), Err(Refusal::NotEmpty));
        assert_eq!(tree.delete("/x", -1), Err(Refusal::NoNode));
    }
}
