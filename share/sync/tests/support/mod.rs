// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Two headnodes in memory: datasets as lists of snapshots, sent by GUID as ZFS does, with its refusals.

// Not every test file needs all of it.
#![allow(dead_code)]

use std::cell::RefCell;
use std::collections::BTreeMap;

use documents::{Timestamp, Uuid};
use serde_json::Value;
use sync::keep::Grid;
use sync::snapshots::{Copy, Snapshot};
use sync::store::Store;
use sync::transport::{Kept, Pool, Send, Since, Source, Stream};
use sync::{DatasetResult, Datasets, Importance, Pins, SyncError, Wanted, names};

pub const SOURCE: Uuid = Uuid::from_u128(0x44454c4c_4700_1051_8031_b4c04f334730);
pub const TARGET: Uuid = Uuid::from_u128(0x44454c4c_4700_1051_8031_b4c04f334731);
pub const IMGAPI: Uuid = Uuid::from_u128(0x0c7e5d11_4a9b_4f65_8c3d_2e1f0a9b8c7d);
pub const SAPI: Uuid = Uuid::from_u128(0x2e907f33_6cbd_4187_8e5f_40312cbcdaef);
pub const CNS: Uuid = Uuid::from_u128(0x95e4f506_1728_4394_aa5b_6c7d8e9fa0b1);

#[derive(Default)]
pub struct Dataset {
    pub snapshots: Vec<Snapshot>,
    pub bytes: u64,
}

/// Both ends at once.
pub struct World {
    pub source: RefCell<BTreeMap<String, Dataset>>,
    pub copies: RefCell<BTreeMap<String, Copy>>,
    /// Of source datasets that are clones: what they descend from.
    pub clones: RefCell<BTreeMap<String, Vec<Snapshot>>>,
    pub commands: RefCell<Vec<String>>,
    /// Commands that fail, by how they begin.
    pub broken: RefCell<Vec<(&'static str, bool)>>,
    pub clock: RefCell<i64>,
    /// Bytes that the pool here has left.
    pub free: RefCell<u64>,
    pub folder: tempfile::TempDir,
}

impl World {
    pub fn with(zones: &[Uuid]) -> World {
        let source = zones
            .iter()
            .map(|vm| {
                let dataset = Dataset {
                    snapshots: Vec::new(),
                    bytes: 1000,
                };
                (names::delegate(*vm), dataset)
            })
            .collect();
        World {
            source: RefCell::new(source),
            copies: RefCell::default(),
            clones: RefCell::default(),
            commands: RefCell::default(),
            broken: RefCell::default(),
            clock: RefCell::new(1_795_410_600_000),
            free: RefCell::new(1 << 40),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn store(&self) -> Store {
        Store::new(self.folder.path())
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(*self.clock.borrow())
    }

    pub fn later(&self, seconds: i64) {
        *self.clock.borrow_mut() += seconds * 1000;
    }

    pub fn write(&self, vm: Uuid, bytes: u64) {
        let mut source = self.source.borrow_mut();
        source.get_mut(&names::delegate(vm)).unwrap().bytes += bytes;
    }

    /// Commands that begin like this fail; `away` makes it the whole source.
    pub fn break_command(&self, command: &'static str, away: bool) {
        self.broken.borrow_mut().push((command, away));
    }

    pub fn ran(&self, command: &str) -> usize {
        let commands = self.commands.borrow();
        commands.iter().filter(|c| c.starts_with(command)).count()
    }

    fn run(&self, command: String) -> Result<(), SyncError> {
        let broken = self.broken.borrow();
        let fault = broken.iter().find(|(start, _)| command.starts_with(start));
        self.commands.borrow_mut().push(command.clone());
        match fault {
            None => Ok(()),
            Some((_, true)) => Err(SyncError::Unreachable {
                host: "headnode0".to_owned(),
                why: "Connection timed out".to_owned(),
            }),
            Some((_, false)) => Err(SyncError::command(command, "I/O error")),
        }
    }

    pub fn sync(&self, zones: &[(Uuid, &str, Importance)]) -> Vec<DatasetResult> {
        self.sync_pinned(zones, &Pins::none())
    }

    pub fn sync_pinned(
        &self,
        zones: &[(Uuid, &str, Importance)],
        pins: &Pins,
    ) -> Vec<DatasetResult> {
        let store = self.store();
        let datasets = Datasets {
            source: self,
            pool: self,
            store: &store,
            target: TARGET,
            pins: &|| pins.clone(),
            keep: &Grid::default(),
            reserve: 1000,
            now: &|| self.now(),
        };
        let wanted = zones
            .iter()
            .map(|(vm, service, importance)| Wanted {
                vm: *vm,
                service: (*service).to_owned(),
                alias: Some(format!("{service}0")),
                importance: *importance,
            })
            .collect();
        datasets.sync(wanted, &mut |_| ()).unwrap().0
    }

    pub fn copy_of(&self, vm: Uuid) -> Copy {
        self.copies.borrow()[&names::copy(SOURCE, vm)].clone()
    }
}

impl Source for World {
    fn server(&self) -> Uuid {
        SOURCE
    }

    fn hostname(&self) -> &str {
        "headnode0"
    }

    fn zones(&self) -> Result<Vec<Value>, SyncError> {
        Ok(Vec::new())
    }

    fn zone(&self, _: Uuid) -> Result<Value, SyncError> {
        Ok(Value::Null)
    }

    fn usbkey(&self) -> Result<Value, SyncError> {
        Ok(Value::Null)
    }

    fn images(&self) -> Result<Vec<Value>, SyncError> {
        Ok(Vec::new())
    }

    fn snapshots(&self, datasets: &[String]) -> Result<Vec<Snapshot>, SyncError> {
        self.run("list there".to_owned())?;
        let source = self.source.borrow();
        Ok(datasets
            .iter()
            .flat_map(|dataset| source[dataset].snapshots.clone())
            .collect())
    }

    fn since(&self, snapshots: &BTreeMap<String, String>) -> Result<Vec<Since>, SyncError> {
        self.run("look there".to_owned())?;
        self.run("written there".to_owned())?;
        let source = self.source.borrow();
        Ok(snapshots
            .iter()
            .filter_map(|(dataset, name)| {
                let of = source.get(dataset)?;
                let snapshot = of.snapshots.iter().find(|s| s.name == *name)?;
                Some(Since {
                    snapshot: snapshot.clone(),
                    written: of.bytes - snapshot.bytes,
                })
            })
            .collect())
    }

    fn sizes(&self, datasets: &[String]) -> Result<BTreeMap<String, u64>, SyncError> {
        let source = self.source.borrow();
        Ok(datasets
            .iter()
            .map(|dataset| (dataset.clone(), source[dataset].bytes))
            .collect())
    }

    fn lineage(&self, datasets: &[String]) -> Result<BTreeMap<String, Vec<Snapshot>>, SyncError> {
        self.run("lineage there".to_owned())?;
        let clones = self.clones.borrow();
        let of = |dataset: &String| Some((dataset.clone(), clones.get(dataset)?.clone()));
        Ok(datasets.iter().filter_map(of).collect())
    }

    fn take_snapshots(&self, datasets: &[String], name: &str) -> Result<Vec<Snapshot>, SyncError> {
        self.run(format!("snapshot there {name}"))?;
        Ok(datasets
            .iter()
            .map(|dataset| self.snapshot_as(dataset, name))
            .collect())
    }

    fn bookmark(&self, dataset: &str, snapshot: &str, name: &str) -> Result<(), SyncError> {
        self.run(format!("bookmark there {snapshot}"))?;
        let mut source = self.source.borrow_mut();
        let of = &mut source.get_mut(dataset).unwrap().snapshots;
        let at = of.iter().position(|s| s.name == snapshot);
        let at = at.ok_or_else(|| SyncError::command("bookmark", "does not exist"))?;
        let bookmark = Snapshot {
            name: name.to_owned(),
            bookmark: true,
            ..of[at].clone()
        };
        of.insert(at + 1, bookmark);
        Ok(())
    }

    fn remove_snapshot(&self, dataset: &str, name: &str) -> Result<(), SyncError> {
        self.run(format!("remove there {name}"))?;
        let mut source = self.source.borrow_mut();
        let of = source.get_mut(dataset).unwrap();
        of.snapshots.retain(|s| s.name != name);
        Ok(())
    }

    fn send(&self, stream: &Stream, copy: &str) -> Result<u64, SyncError> {
        let send = match stream {
            Stream::New(send) => send.clone(),
            Stream::Resume { dataset, token } => {
                self.run(format!("resume {token}"))?;
                let source = self.source.borrow();
                let known = source[dataset].snapshots.iter().any(|s| s.guid == *token);
                drop(source);
                if !known {
                    return Err(SyncError::command("resume", "the token is no longer good"));
                }
                self.copies.borrow_mut().get_mut(copy).unwrap().resume = None;
                Send {
                    dataset: dataset.clone(),
                    snapshot: self.named(dataset, token),
                    base: self.common(dataset, copy),
                    written: 0,
                }
            }
        };
        self.run(format!("send {}", send.dataset))?;
        let source = self.source.borrow();
        let of = &source[&send.dataset];
        let sent = of
            .snapshots
            .iter()
            .find(|s| s.name == send.snapshot)
            .unwrap();
        let mut copies = self.copies.borrow_mut();
        let have = copies.get(copy).map_or(0, |c| c.snapshots.len());
        let origin = send
            .base
            .as_ref()
            .filter(|base| base.dataset != send.dataset);
        if let Some(origin) = origin {
            assert_eq!(have, 0, "a clone is received under a free name");
            let mut here = copies.values().flat_map(|copy| &copy.snapshots);
            assert!(here.any(|one| one.guid == origin.guid), "no such origin");
            let clone = Copy {
                dataset: copy.to_owned(),
                origin: Some(origin.name.clone()),
                ..Copy::default()
            };
            let bytes = sent.bytes - origin.bytes;
            copies
                .entry(copy.to_owned())
                .or_insert(clone)
                .snapshots
                .push(sent.clone());
            return Ok(bytes);
        }
        assert_eq!(
            have > 0,
            send.base.is_some(),
            "full streams need a free name"
        );
        let into = copies.entry(copy.to_owned()).or_insert_with(|| Copy {
            dataset: copy.to_owned(),
            ..Copy::default()
        });
        let base = into.snapshots.last();
        assert_eq!(
            base.map(|b| &b.guid),
            send.base.as_ref().map(|b| &b.guid),
            "the newest is the base"
        );
        if into.snapshots.iter().any(|known| known.name == sent.name) {
            return Err(SyncError::command(copy, "destination already exists"));
        }
        let bytes = sent.bytes - base.map_or(0, |b| b.bytes);
        into.snapshots.push(Snapshot {
            dataset: copy.to_owned(),
            ..sent.clone()
        });
        Ok(bytes)
    }
}

impl World {
    /// A snapshot of a source's dataset, by whomever.
    pub fn snapshot_as(&self, dataset: &str, name: &str) -> Snapshot {
        let mut source = self.source.borrow_mut();
        let of = source.get_mut(dataset).unwrap();
        assert!(of.snapshots.iter().all(|s| s.name != name), "{name} exists");
        let snapshot = Snapshot {
            dataset: dataset.to_owned(),
            name: name.to_owned(),
            guid: Uuid::new_v4().as_u64_pair().0.to_string(),
            taken_at: self.now(),
            bytes: of.bytes,
            needed: false,
            bookmark: false,
        };
        of.snapshots.push(snapshot.clone());
        snapshot
    }

    /// The source's counterpart of the copy's newest snapshot.
    fn common(&self, dataset: &str, copy: &str) -> Option<Snapshot> {
        let copies = self.copies.borrow();
        let newest = copies[copy].snapshots.last()?;
        let source = self.source.borrow();
        let there = source[dataset].snapshots.iter();
        there.clone().find(|s| s.guid == newest.guid).cloned()
    }

    fn named(&self, dataset: &str, guid: &str) -> String {
        let source = self.source.borrow();
        let snapshots = &source[dataset].snapshots;
        snapshots
            .iter()
            .find(|s| s.guid == guid)
            .unwrap()
            .name
            .clone()
    }
}

impl Pool for World {
    fn prepare(&self, _: Uuid) -> Result<(), SyncError> {
        Ok(())
    }

    fn copies(&self, server: Uuid) -> Result<Option<Kept>, SyncError> {
        self.run("list here".to_owned())?;
        let copies = self.copies.borrow();
        let container = names::container(server);
        let below = copies
            .values()
            .filter(|copy| copy.dataset.starts_with(&container));
        Ok(Some(Kept {
            copies: below.cloned().collect(),
            free: *self.free.borrow(),
        }))
    }

    fn snapshots(&self) -> Result<Vec<Snapshot>, SyncError> {
        let copies = self.copies.borrow();
        Ok(copies
            .values()
            .flat_map(|copy| copy.snapshots.clone())
            .collect())
    }

    fn branch(&self, from: &str, snapshot: &str, copy: &str) -> Result<(), SyncError> {
        let clone = Copy {
            dataset: copy.to_owned(),
            origin: Some(format!("{from}@{snapshot}")),
            ..Copy::default()
        };
        self.copies.borrow_mut().insert(copy.to_owned(), clone);
        self.run(format!("branch {from}"))?;
        self.promote(copy)
    }

    fn promote(&self, copy: &str) -> Result<(), SyncError> {
        let mut copies = self.copies.borrow_mut();
        let origin = copies[copy].origin.clone().unwrap();
        let (from, snapshot) = origin.split_once('@').unwrap();
        let from = copies.get_mut(from).unwrap();
        let last = from
            .snapshots
            .iter()
            .position(|s| s.name == snapshot)
            .unwrap();
        let mut moved: Vec<Snapshot> = from.snapshots.drain(..=last).collect();
        from.origin = Some(format!("{copy}@{snapshot}"));
        for one in &mut moved {
            one.dataset = copy.to_owned();
        }
        let branch = copies.get_mut(copy).unwrap();
        branch.snapshots.splice(0..0, moved);
        branch.origin = None;
        Ok(())
    }

    fn copies_named(&self, names: &[String]) -> Result<Vec<Copy>, SyncError> {
        let copies = self.copies.borrow();
        Ok(names
            .iter()
            .filter_map(|name| copies.get(name).cloned())
            .collect())
    }

    fn put_aside(&self, copy: &str, to: &str) -> Result<(), SyncError> {
        self.run(format!("put aside {copy}"))?;
        let mut copies = self.copies.borrow_mut();
        let old = copies.remove(copy).unwrap();
        copies.insert(to.to_owned(), old);
        Ok(())
    }

    fn abort_receive(&self, copy: &str) -> Result<(), SyncError> {
        self.run(format!("abort {copy}"))?;
        let mut copies = self.copies.borrow_mut();
        let of = copies.get_mut(copy).unwrap();
        of.resume = None;
        // A first receive that is given up leaves nothing behind.
        if of.snapshots.is_empty() {
            copies.remove(copy);
        }
        Ok(())
    }

    fn remove_snapshot(&self, dataset: &str, name: &str) -> Result<(), SyncError> {
        self.run(format!("remove here {name}"))?;
        let mut copies = self.copies.borrow_mut();
        let of = copies.get_mut(dataset).unwrap();
        of.snapshots.retain(|s| s.name != name);
        Ok(())
    }

    fn remove_copy(&self, dataset: &str) -> Result<(), SyncError> {
        self.run(format!("remove the copy {dataset}"))?;
        let removed = self.copies.borrow_mut().remove(dataset).unwrap();
        assert!(removed.snapshots.is_empty(), "{dataset} has snapshots");
        Ok(())
    }

    fn images(&self) -> Result<Vec<Uuid>, SyncError> {
        Ok(Vec::new())
    }

    fn import_image(&self, _: Uuid) -> Result<(), SyncError> {
        Ok(())
    }
}
