// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Giving a zone its data. The empty dataset that vmadm made is renamed aside, and the restore point cloned in its place: no
//! copy, so it takes the same time for a megabyte as for a terabyte. Never mounted in the global zone.

use documents::verb::DatasetAttach;
use documents::{Timestamp, Uuid};
use platform::vmadm::{self, VmState};
use platform::{Host, zfs};
use serde_json::{Value, json};

use crate::step::{Context, Deed, Look, StepError, Undone};

/// Settings of the empty dataset that its successor keeps where they are its own: a clone inherits from its new parent, and
/// not from what it was cloned from.
const CARRIED_OVER: [&str; 5] = [
    "compression",
    "mountpoint",
    "quota",
    "recordsize",
    "reservation",
];

/// What first boots leave behind.
const SETUP_MARKS: [&str; 2] = ["setup_complete", "setup_failed"];

impl Deed for DatasetAttach {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let host = context.world.host(context.step.host)?;
        let dataset = zfs::dataset(&host, &self.dataset)?;
        if let Some(dataset) = &dataset
            && let Some(origin) = &dataset.origin
        {
            return Ok(if !is_clone(self, context, &host, dataset)? {
                Look::Conflict(format!(
                    "{} holds the restore point {origin} already, and the plan wants {}; take the earlier plan back first \
                     (triton-apply --undo with its file in {})",
                    self.dataset,
                    self.snapshot,
                    context.journal.folder().display()
                ))
            } else if is_fit(dataset) {
                Look::done()
            } else {
                Look::Ready
            });
        }
        if let Some(conflict) = stale(self, context, &host)? {
            return Ok(conflict);
        }
        let Some(vm) = vmadm::get(&host, self.vm)? else {
            let why = format!("{} has no zone {}", host.name(), self.vm);
            return Ok(Look::NotYet(why));
        };
        if !vm.datasets.contains(&self.dataset) {
            return Ok(Look::Conflict(format!(
                "zone {} was made without the delegated dataset {}",
                self.vm, self.dataset
            )));
        }
        if let Some(why) = has_lived(&host, self.vm, &vm.state)? {
            return Ok(Look::Conflict(format!(
                "zone {} {why}: its data can be attached only while it is stopped, before its first boot",
                self.vm
            )));
        }
        let snapshots = zfs::snapshots(&host, &self.dataset)?;
        Ok(match snapshots.first() {
            Some(snapshot) => Look::Conflict(format!(
                "{} is no empty dataset: it has the snapshot {}",
                self.dataset,
                snapshot.own_name()
            )),
            None => Look::Ready,
        })
    }

    fn intend(&self, _: &Context<'_>) -> Result<Value, StepError> {
        let now = Timestamp::now().compact();
        Ok(json!({"parked": format!("{}-parked-{now}-empty-before-restore", self.dataset)}))
    }

    fn act(&self, context: &Context<'_>, intent: &Value) -> Result<(), StepError> {
        let host = context.world.host(context.step.host)?;
        let parked = parked(intent)?;
        if let Some(dataset) = zfs::dataset(&host, &self.dataset)? {
            if is_clone(self, context, &host, &dataset)? {
                let fit = [("zoned", "on"), ("readonly", "off")];
                return Ok(zfs::set(&host, &self.dataset, &fit)?);
            }
            zfs::rename_delegated(&host, &self.dataset, parked)?;
        } else if zfs::dataset(&host, parked)?.is_some() {
            // An earlier run was killed over the renaming.
            zfs::delegate(&host, parked)?;
        }
        let kept = zfs::get(&host, parked, &CARRIED_OVER)?.unwrap_or_default();
        let own = kept
            .iter()
            .filter(|property| property.source == "local" && property.set().is_some())
            .map(|property| (property.name.as_str(), property.value.as_str()));
        let mut properties = vec![("zoned", "on")];
        properties.extend(own);
        Ok(zfs::clone(
            &host,
            &self.snapshot,
            &self.dataset,
            &properties,
        )?)
    }

    fn undo(&self, context: &Context<'_>, intent: &Value) -> Result<Undone, StepError> {
        let host = context.world.host(context.step.host)?;
        let parked = parked(intent)?;
        if zfs::dataset(&host, parked)?.is_none() {
            return Ok(Undone::Back(
                "the empty dataset was not put aside".to_owned(),
            ));
        }
        let mut said = String::new();
        if zfs::dataset(&host, &self.dataset)?.is_some() {
            let aside = format!(
                "{}-parked-{}-undone",
                self.dataset,
                Timestamp::now().compact()
            );
            zfs::rename_delegated(&host, &self.dataset, &aside)?;
            said = format!("renamed the clone aside to {aside}, ");
        }
        zfs::rename_delegated(&host, parked, &self.dataset)?;
        Ok(Undone::Back(format!("{said}put the empty dataset back")))
    }
}

/// True when the dataset is a clone of the snapshot that the plan means, whatever that is called by now.
fn is_clone(
    with: &DatasetAttach,
    context: &Context<'_>,
    host: &Host,
    dataset: &zfs::Dataset,
) -> Result<bool, StepError> {
    let Some(origin) = &dataset.origin else {
        return Ok(false);
    };
    Ok(match &context.step.expects.guid {
        None => *origin == with.snapshot,
        Some(guid) => zfs::snapshot_named(host, origin)?
            .is_some_and(|origin| origin.guid.to_string() == *guid),
    })
}

/// The restore point must be the one that was planned with.
fn stale(
    with: &DatasetAttach,
    context: &Context<'_>,
    host: &Host,
) -> Result<Option<Look>, StepError> {
    let Some(found) = zfs::snapshot_named(host, &with.snapshot)? else {
        let why = format!("the restore point {} is gone; plan again", with.snapshot);
        return Ok(Some(Look::Conflict(why)));
    };
    let guid = found.guid.to_string();
    Ok(match &context.step.expects.guid {
        Some(expected) if *expected != guid => Some(Look::Conflict(format!(
            "the restore point {} has the guid {guid}, the plan expects {expected}; plan again",
            with.snapshot
        ))),
        _ => None,
    })
}

/// The zone can use it, and write to it.
fn is_fit(dataset: &zfs::Dataset) -> bool {
    dataset.zoned && !dataset.readonly
}

/// Why a zone is past the point where its data can be exchanged.
fn has_lived(host: &Host, vm: Uuid, state: &VmState) -> Result<Option<String>, StepError> {
    if *state != VmState::Stopped {
        return Ok(Some(format!("is {state}")));
    }
    for mark in SETUP_MARKS {
        let path = format!("/zones/{vm}/root/var/svc/{mark}");
        if host.exists(&path)? {
            return Ok(Some(format!("was booted before ({path} is there)")));
        }
    }
    Ok(None)
}

fn parked(intent: &Value) -> Result<&str, StepError> {
    intent["parked"]
        .as_str()
        .ok_or_else(|| StepError::firm("the journal has no name for the dataset put aside"))
}
