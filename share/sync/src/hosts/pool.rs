// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The pool of this headnode, where copies are kept. They are never mounted, and read-only.

use documents::{Uuid, restore_data};
use platform::{Host, imgadm, zfs};

use super::{failed, manifests, snapshot};
use crate::error::SyncError;
use crate::names;
use crate::snapshots::{Copy, Snapshot};
use crate::transport::{Kept, Pool};

/// The pool of this headnode.
pub struct HostPool {
    here: Host,
}

impl HostPool {
    pub fn new(here: Host) -> HostPool {
        HostPool { here }
    }
}

impl Pool for HostPool {
    fn prepare(&self, server: Uuid) -> Result<(), SyncError> {
        let off = [
            ("canmount", "off"),
            ("mountpoint", "none"),
            ("readonly", "on"),
        ];
        let container = names::container(server);
        let create = |name: &str| zfs::create(&self.here, name, &off, false);
        // The common parent is there, but for the first server's first sync.
        if let Err(first) = create(&container) {
            let what = |name: &str| format!("make the dataset {name}");
            match zfs::dataset(&self.here, restore_data::CONTAINER) {
                Ok(None) => {
                    create(restore_data::CONTAINER)
                        .map_err(|error| failed(&what(restore_data::CONTAINER), error))?;
                    create(&container).map_err(|error| failed(&what(&container), error))?;
                }
                _ => return Err(failed(&what(&container), first)),
            }
        }
        Ok(())
    }

    fn copies(&self, server: Uuid) -> Result<Option<Kept>, SyncError> {
        let container = names::container(server);
        // A copy's snapshots are two levels below the container.
        let all = zfs::with_snapshots(&self.here, std::slice::from_ref(&container), 2);
        let all = all.map_err(|error| failed("list the copies", error))?;
        let Some(parent) = all.datasets.iter().find(|one| one.name == container) else {
            return Ok(None);
        };
        let below = |name: &str| names::copied(name).is_some() || names::is_parked(name);
        let copies = all.datasets.iter().filter(|one| below(&one.name));
        Ok(Some(Kept {
            copies: copies
                .map(|dataset| copy(dataset, &all.snapshots))
                .collect(),
            free: parent.avail,
        }))
    }

    fn copies_named(&self, names: &[String]) -> Result<Vec<Copy>, SyncError> {
        let all = zfs::with_snapshots(&self.here, names, 1);
        let what = || format!("look at the copies {}", names.join(", "));
        let all = all.map_err(|error| failed(&what(), error))?;
        let wanted = all.datasets.iter().filter(|one| names.contains(&one.name));
        Ok(wanted
            .map(|dataset| copy(dataset, &all.snapshots))
            .collect())
    }

    fn snapshots(&self) -> Result<Vec<Snapshot>, SyncError> {
        let all = zfs::snapshot_tree(&self.here, restore_data::CONTAINER);
        let all = all.map_err(|error| failed("list the snapshots of all copies", error))?;
        Ok(all.iter().map(|one| snapshot(one, 0)).collect())
    }

    fn branch(&self, from: &str, snapshot: &str, copy: &str) -> Result<(), SyncError> {
        let origin = format!("{from}@{snapshot}");
        zfs::clone(&self.here, &origin, copy, &[("readonly", "on")])
            .map_err(|error| failed(&format!("clone {origin} as {copy}"), error))?;
        self.promote(copy)
    }

    fn promote(&self, copy: &str) -> Result<(), SyncError> {
        zfs::promote(&self.here, copy).map_err(|error| failed(&format!("promote {copy}"), error))
    }

    fn put_aside(&self, copy: &str, to: &str) -> Result<(), SyncError> {
        zfs::rename(&self.here, copy, to)
            .map_err(|error| failed(&format!("rename {copy} aside to {to}"), error))
    }

    fn abort_receive(&self, copy: &str) -> Result<(), SyncError> {
        zfs::receive_abort(&self.here, copy)
            .map_err(|error| failed(&format!("give up the receive of {copy}"), error))
    }

    fn remove_snapshot(&self, dataset: &str, name: &str) -> Result<(), SyncError> {
        super::remove_snapshot(&self.here, dataset, name)
    }

    fn remove_copy(&self, dataset: &str) -> Result<(), SyncError> {
        let what = format!("remove the copy {dataset}");
        if !names::is_going(dataset) {
            return Err(SyncError::command(what, "it was not put aside to go"));
        }
        zfs::destroy_empty(&self.here, dataset).map_err(|error| failed(&what, error))
    }

    fn images(&self) -> Result<Vec<Uuid>, SyncError> {
        let manifests = manifests(&self.here)?;
        Ok(manifests
            .iter()
            .filter_map(|manifest| manifest["uuid"].as_str()?.parse().ok())
            .collect())
    }

    fn import_image(&self, image: Uuid) -> Result<(), SyncError> {
        imgadm::import(&self.here, image)
            .map_err(|error| failed(&format!("import the image {image}"), error))
    }
}

/// The newest snapshot of a copy is all that it refers to, as nobody writes to it.
fn copy(dataset: &zfs::Dataset, all: &[zfs::Snapshot]) -> Copy {
    let snapshots = all.iter().filter(|one| one.dataset() == dataset.name);
    Copy {
        dataset: dataset.name.clone(),
        written: dataset.written,
        resume: dataset.receive_resume_token.clone(),
        origin: dataset.origin.clone(),
        snapshots: snapshots.map(|one| snapshot(one, dataset.refer)).collect(),
    }
}
