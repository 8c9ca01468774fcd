// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Giving a zone its data. The empty dataset that vmadm made is renamed aside, and the restore point cloned in its place: no
//! copy, so it takes the same time for a megabyte as for a terabyte. Never mounted in the global zone.

use documents::Timestamp;
use documents::verb::DatasetAttach;
use platform::vmadm::{self, VmState};
use platform::{Host, zfs};
use serde_json::{Value, json};

use crate::step::{Context, Deed, Look, StepError};

/// Settings that vmadm gave the empty dataset and that its successor keeps.
const CARRIED_OVER: &str = "compression,recordsize,quota";

impl Deed for DatasetAttach {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let host = context.world.host(context.step.host)?;
        let expected = context.step.expects.guid.as_deref().unwrap_or_default();
        let dataset = zfs::dataset(&host, &self.dataset)?;
        if let Some(dataset) = &dataset
            && attached(&host, dataset, expected)?
        {
            return Ok(if dataset.zoned {
                Look::done()
            } else {
                Look::Ready
            });
        }
        match zfs::snapshot_named(&host, &self.snapshot)? {
            None => {
                return Ok(Look::Conflict(format!(
                    "the restore point {} is gone; plan again",
                    self.snapshot
                )));
            }
            Some(found) if found.guid.to_string() != expected => {
                return Ok(Look::Conflict(format!(
                    "the restore point {} has the guid {}, the plan expects {expected}; plan again",
                    self.snapshot, found.guid
                )));
            }
            Some(_) => {}
        }
        let Some(vm) = vmadm::get(&host, self.vm)? else {
            return Ok(Look::NotYet(format!(
                "{} has no zone {}",
                host.name(),
                self.vm
            )));
        };
        if vm.state != VmState::Stopped {
            return Ok(Look::Conflict(format!(
                "zone {} is {}: its data can be attached only while it is stopped, before its first boot",
                self.vm, vm.state
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
        let expected = context.step.expects.guid.as_deref().unwrap_or_default();
        if let Some(dataset) = zfs::dataset(&host, &self.dataset)? {
            if attached(&host, &dataset, expected)? {
                return Ok(zfs::set(&host, &self.dataset, &[("zoned", "on")])?);
            }
            zfs::rename(&host, &self.dataset, parked)?;
        }
        let kept = zfs::get(&host, parked, &CARRIED_OVER.split(',').collect::<Vec<_>>())?
            .unwrap_or_default();
        let mut properties = vec![("zoned", "on")];
        let local = kept.iter().filter(|property| property.source == "local");
        properties.extend(local.map(|property| (property.name.as_str(), property.value.as_str())));
        Ok(zfs::clone(
            &host,
            &self.snapshot,
            &self.dataset,
            &properties,
        )?)
    }

    fn undo(&self, context: &Context<'_>, intent: &Value) -> Result<String, StepError> {
        let host = context.world.host(context.step.host)?;
        let parked = parked(intent)?;
        if zfs::dataset(&host, parked)?.is_none() {
            return Ok("the empty dataset was never put aside".to_owned());
        }
        let mut said = String::new();
        if zfs::dataset(&host, &self.dataset)?.is_some() {
            let aside = format!(
                "{}-parked-{}-undone",
                self.dataset,
                Timestamp::now().compact()
            );
            zfs::rename(&host, &self.dataset, &aside)?;
            said = format!("renamed the clone aside to {aside}, ");
        }
        zfs::rename(&host, parked, &self.dataset)?;
        Ok(format!("{said}put the empty dataset back"))
    }
}

/// True when the dataset is a clone of the snapshot with this GUID, whatever that is called by now.
fn attached(host: &Host, dataset: &zfs::Dataset, guid: &str) -> Result<bool, StepError> {
    let Some(origin) = &dataset.origin else {
        return Ok(false);
    };
    let origin = zfs::snapshot_named(host, origin)?;
    Ok(origin.is_some_and(|origin| origin.guid.to_string() == guid))
}

fn parked(intent: &Value) -> Result<&str, StepError> {
    intent["parked"]
        .as_str()
        .ok_or_else(|| StepError::firm("the journal has no name for the dataset put aside"))
}
