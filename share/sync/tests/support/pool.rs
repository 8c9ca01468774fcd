// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The end that pulls: receives, branches and puts aside.

use documents::Uuid;
use sync::SyncError;
use sync::snapshots::{Copy, Snapshot};
use sync::transport::{Kept, Pool};

use super::*;

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
