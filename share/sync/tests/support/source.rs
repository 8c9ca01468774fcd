// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The end that is pulled from: takes snapshots and bookmarks, and sends.

use std::collections::BTreeMap;

use documents::Uuid;
use serde_json::Value;
use sync::SyncError;
use sync::snapshots::{Copy, Snapshot};
use sync::transport::{Send, Since, Source, Stream};

use super::*;

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
