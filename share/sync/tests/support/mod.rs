// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Two headnodes in memory: datasets as lists of snapshots, sent by GUID as ZFS does, with its refusals.

// Not every test file needs all of it.
#![allow(dead_code)]

mod pool;
mod source;

use std::cell::RefCell;
use std::collections::BTreeMap;

use documents::{Timestamp, Uuid};
use sync::keep::Grid;
use sync::snapshots::{Copy, Snapshot};
use sync::store::Store;
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
        datasets.sync(wanted, None, &mut |_| ()).unwrap().0
    }

    pub fn copy_of(&self, vm: Uuid) -> Copy {
        self.copies.borrow()[&names::copy(SOURCE, vm)].clone()
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
