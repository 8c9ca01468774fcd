// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Fences: a headnode that was declared dead, and which of its VMs were replaced elsewhere. A fence is never removed, because
//! its epoch must go on growing; it is lifted.

use std::fmt;

use documents::inventory::Replaced;
use documents::{PowerOff, Timestamp, Uuid};
use serde::{Deserialize, Serialize};

use crate::error::QuorumError;
use crate::lock::RunLock;
use crate::session::Session;

pub const FOLDER: &str = "/triton-headnode/fences";
pub const KIND: &str = "triton.fence/1";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    pub kind: String,
    /// The server that was declared dead.
    pub server: Uuid,
    /// Its name, for people.
    pub hostname: String,
    /// How often this server was declared dead; the run's identity is made of it too.
    pub epoch: u64,
    /// The run that declared it.
    pub run: Uuid,
    /// Server that it ran on, and when.
    pub declared_by: Uuid,
    pub declared_at: Timestamp,
    /// The VMs that were, or are being, replaced: these may not run again as they were.
    pub replaced: Vec<Replaced>,
    /// How its power was confirmed to be off; absent when its addresses are not reused and nobody had to.
    #[serde(default)]
    pub power_off: Option<PowerOff>,
    /// The replaced VMs' own addresses were given to the new ones.
    #[serde(default)]
    pub addresses_reused: bool,
    /// It was lifted: the server may run what it has.
    #[serde(default)]
    pub lifted: Option<Lifted>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifted {
    pub by: String,
    pub at: Timestamp,
}

impl Fence {
    pub fn path(server: Uuid) -> String {
        format!("{FOLDER}/{server}")
    }

    pub fn stands(&self) -> bool {
        self.lifted.is_none()
    }

    /// Reads one, and makes sure that it is about `server`.
    pub fn read(bytes: &[u8], server: Uuid) -> Result<Fence, String> {
        let fence: Fence = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if fence.kind != KIND {
            return Err(format!("kind: \"{}\" is not {KIND}", fence.kind));
        }
        if fence.server != server {
            return Err(format!("it is about server {}", fence.server));
        }
        Ok(fence)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The same declaration: what a confirmation must agree on.
    pub fn is_same(&self, other: &Fence) -> bool {
        (self.server, self.epoch, self.run) == (other.server, other.epoch, other.run)
    }
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "fence {} of {} (run {}, declared {}, {} VMs replaced)",
            self.epoch,
            self.hostname,
            self.run,
            self.declared_at,
            self.replaced.len()
        )
    }
}

/// The fence that `wanted` becomes after the one that there is. The epoch that the caller chose is not taken: it is the one after
/// the last. A run that declares its fence again, after a crash, keeps it, with the VMs of both.
pub fn after(known: Option<&Fence>, wanted: Fence) -> Fence {
    let mut fence = wanted;
    let Some(known) = known else {
        fence.epoch = 1;
        return fence;
    };
    let same = known.stands() && known.run == fence.run;
    fence.epoch = if same { known.epoch } else { known.epoch + 1 };
    if same {
        fence.declared_at = known.declared_at;
        fence.declared_by = known.declared_by;
    }
    if known.stands() {
        // Another run may restore more of the same dead server: what was replaced before must stay down all the same.
        let mut replaced = known.replaced.clone();
        let is_new = |vm: &Replaced| !replaced.iter().any(|known| known.old == vm.old);
        let new: Vec<Replaced> = fence
            .replaced
            .iter()
            .filter(|vm| is_new(vm))
            .cloned()
            .collect();
        replaced.extend(new);
        // Of one that is replaced anew the newer word holds.
        for vm in &mut replaced {
            if let Some(newer) = fence.replaced.iter().find(|newer| newer.old == vm.old) {
                *vm = newer.clone();
            }
        }
        fence.replaced = replaced;
        fence.power_off = fence.power_off.or_else(|| known.power_off.clone());
        fence.addresses_reused |= known.addresses_reused;
    }
    fence
}

/// Declares a fence under the lock, and returns it as it stands.
pub fn declare(lock: &RunLock, wanted: &Fence) -> Result<Fence, QuorumError> {
    let session = lock.session();
    lock.still_held()?;
    session.make_folder(FOLDER)?;
    let path = Fence::path(wanted.server);
    let known = stored(session, wanted.server)?;
    let fence = after(known.as_ref().map(|(known, _)| known), wanted.clone());
    match known {
        None if session.create(&path, &fence.to_bytes())? => Ok(fence),
        None => Err(QuorumError::Raced { path }),
        Some((known, _)) if known == fence => Ok(fence),
        Some((_, version)) => {
            session.set(&path, &fence.to_bytes(), version)?;
            Ok(fence)
        }
    }
}

/// The fence of a server, standing or lifted.
pub fn of(session: &Session, server: Uuid) -> Result<Option<Fence>, QuorumError> {
    Ok(stored(session, server)?.map(|(fence, _)| fence))
}

/// All fences, standing or lifted. What can't be read as one is told in the second list.
pub fn all(session: &Session) -> Result<(Vec<Fence>, Vec<QuorumError>), QuorumError> {
    let (mut fences, mut damaged) = (Vec::new(), Vec::new());
    for name in session.children(FOLDER)? {
        let Ok(server) = name.parse::<Uuid>() else {
            damaged.push(QuorumError::Damaged {
                path: format!("{FOLDER}/{name}"),
                why: "its name is no server's UUID".to_owned(),
            });
            continue;
        };
        match of(session, server) {
            Ok(fence) => fences.extend(fence),
            Err(error @ QuorumError::Damaged { .. }) => damaged.push(error),
            Err(error) => return Err(error),
        }
    }
    Ok((fences, damaged))
}

/// Lets the server run again what it has. The error says when there is nothing to lift.
pub fn lift(lock: &RunLock, server: Uuid, by: &str) -> Result<Fence, QuorumError> {
    lock.still_held()?;
    let path = Fence::path(server);
    let Some((mut fence, version)) = stored(lock.session(), server)? else {
        return Err(QuorumError::Damaged {
            path,
            why: "no fence was declared".to_owned(),
        });
    };
    if fence.stands() {
        fence.lifted = Some(Lifted {
            by: by.to_owned(),
            at: Timestamp::now(),
        });
        lock.session().set(&path, &fence.to_bytes(), version)?;
    }
    Ok(fence)
}

/// True while the fence is what this run declared: not declared anew by another run, and not lifted.
pub fn still_stands(session: &Session, declared: &Fence) -> Result<(), QuorumError> {
    let lost = |why: String| Err(QuorumError::Lost { why });
    match of(session, declared.server)? {
        None => lost(format!("the fence of {} is gone", declared.hostname)),
        Some(now) if !now.stands() => lost(format!("{now} was lifted")),
        Some(now) if !now.is_same(declared) => {
            lost(format!("{now} has taken the place of this run's"))
        }
        Some(_) => Ok(()),
    }
}

fn stored(session: &Session, server: Uuid) -> Result<Option<(Fence, i32)>, QuorumError> {
    let path = Fence::path(server);
    let Some(node) = session.get(&path)? else {
        return Ok(None);
    };
    match Fence::read(&node.bytes, server) {
        Ok(fence) => Ok(Some((fence, node.version))),
        Err(why) => Err(QuorumError::Damaged { path, why }),
    }
}
