// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The two ends of a sync, as the engine sees them. A source is this headnode itself, or another one that answers these
//! questions and no others.

use std::collections::BTreeMap;

use documents::Uuid;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::SyncError;
use crate::snapshots::{Copy, Snapshot};

/// A snapshot to send, and what to send it from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Send {
    pub dataset: String,
    /// Without the dataset.
    pub snapshot: String,
    /// The source's snapshot that the copy has too, or that the dataset is a clone of; none sends everything.
    pub base: Option<Snapshot>,
    /// Bytes that were written since the base, or all that there are.
    pub written: u64,
}

/// How an interrupted receive goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stream {
    New(Send),
    /// The token of the copy says all there is to say.
    Resume {
        dataset: String,
        token: String,
    },
}

impl Stream {
    /// The source's dataset.
    pub fn dataset(&self) -> &str {
        match self {
            Stream::New(send) => &send.dataset,
            Stream::Resume { dataset, .. } => dataset,
        }
    }
}

/// A snapshot on the source, and the bytes written to its dataset since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Since {
    pub snapshot: Snapshot,
    pub written: u64,
}

/// A server's copies here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    pub copies: Vec<Copy>,
    /// Bytes.
    pub free: u64,
}

/// The headnode that is pulled from.
pub trait Source {
    fn server(&self) -> Uuid;
    fn hostname(&self) -> &str;

    /// All its zones, in short.
    fn zones(&self) -> Result<Vec<Value>, SyncError>;
    /// One zone in full: VMAPI's record lacks properties that a restore needs.
    fn zone(&self, vm: Uuid) -> Result<Value, SyncError>;
    /// Manifests of the images installed there.
    fn images(&self) -> Result<Vec<Value>, SyncError>;
    /// The configuration in its `/usbkey`, and what else lies there.
    fn usbkey(&self) -> Result<Value, SyncError>;

    /// Snapshots and bookmarks of these datasets, oldest first. One command, however many there are.
    fn snapshots(&self, datasets: &[String]) -> Result<Vec<Snapshot>, SyncError>;
    /// Of each of these datasets the snapshot of that name, where it is there, and the bytes written since. `written` alone
    /// counts from anybody's snapshot, and says 0 although data changed since ours. Two commands, however many there are.
    fn since(&self, snapshots: &BTreeMap<String, String>) -> Result<Vec<Since>, SyncError>;
    /// Bytes that each dataset refers to.
    fn sizes(&self, datasets: &[String]) -> Result<BTreeMap<String, u64>, SyncError>;
    /// The line of descent of those that are clones, oldest first: the snapshots of what each is a clone of, up to its origin.
    fn lineage(&self, datasets: &[String]) -> Result<BTreeMap<String, Vec<Snapshot>>, SyncError>;
    /// Takes a snapshot of each, all at one moment. All or none.
    fn take_snapshots(&self, datasets: &[String], name: &str) -> Result<Vec<Snapshot>, SyncError>;
    /// Makes a bookmark of any sync's snapshot.
    fn bookmark(&self, dataset: &str, snapshot: &str, name: &str) -> Result<(), SyncError>;
    /// Removes a snapshot and its bookmark.
    fn remove_snapshot(&self, dataset: &str, name: &str) -> Result<(), SyncError>;
    /// Sends a stream and has it received into `copy`; returns the bytes that went over; within one headnode nothing does, and it
    /// is what was written. A snapshot that was sent gets a bookmark
    /// of its name, which remains should the snapshot go.
    fn send(&self, stream: &Stream, copy: &str) -> Result<u64, SyncError>;
    /// Says what will be sent after the next stream, most likely: a source may begin with it while that one is still received.
    fn prepare(&self, _next: &Stream) {}
}

/// The ZFS of this headnode, where copies are kept.
pub trait Pool {
    /// Makes the parent of a server's copies, not mounted and read-only.
    fn prepare(&self, server: Uuid) -> Result<(), SyncError>;
    /// Everything there is of a server's datasets, snapshots included, and the bytes that are free for more; none when nothing
    /// was prepared for it yet.
    fn copies(&self, server: Uuid) -> Result<Option<Kept>, SyncError>;
    /// Those of these that are there, anew after a receive.
    fn copies_named(&self, names: &[String]) -> Result<Vec<Copy>, SyncError>;
    /// The snapshots of all copies of all servers.
    fn snapshots(&self) -> Result<Vec<Snapshot>, SyncError>;
    /// Makes a copy that begins with the snapshots of another one, up to this one; they are its own from then on.
    fn branch(&self, from: &str, snapshot: &str, copy: &str) -> Result<(), SyncError>;
    /// Ends a branch that was begun.
    fn promote(&self, copy: &str) -> Result<(), SyncError>;
    fn put_aside(&self, copy: &str, to: &str) -> Result<(), SyncError>;
    /// Gives up an interrupted receive.
    fn abort_receive(&self, copy: &str) -> Result<(), SyncError>;
    fn remove_snapshot(&self, dataset: &str, name: &str) -> Result<(), SyncError>;
    /// Removes a copy that has no snapshot left.
    fn remove_copy(&self, dataset: &str) -> Result<(), SyncError>;
    /// Images installed here.
    fn images(&self) -> Result<Vec<Uuid>, SyncError>;
    /// Installs an image from the datacenter's IMGAPI, its origin first.
    fn import_image(&self, image: Uuid) -> Result<(), SyncError>;
}
