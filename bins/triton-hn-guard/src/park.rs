// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Parking a zone: it does not start by itself any more, it is halted, hidden from the agents, and named for what it is. Nothing
//! of it is destroyed: `vmadm update` takes all of it back.

use documents::Uuid;
use documents::inventory::Replaced;
use platform::vmadm::{self, Vm, VmState};
use platform::{Error, Host};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What became of a zone that was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    pub vm: Uuid,
    /// The alias that it had.
    pub alias: String,
    pub service: String,
    /// What took its place.
    pub replaced_by: Uuid,
    /// Why it is not parked, or not wholly.
    #[serde(default)]
    pub why: Option<String>,
}

/// Parks what is here of these; what has been parked stays so.
pub fn all(host: &Host, replaced: &[Replaced]) -> Vec<Parked> {
    let parked = replaced.iter().filter_map(|one| {
        let why = match vmadm::get(host, one.old) {
            Ok(None) => return None,
            Ok(Some(vm)) => park(host, &vm, &one.alias).err(),
            Err(error) => Some(error),
        };
        Some(Parked {
            vm: one.old,
            alias: one.alias.clone(),
            service: one.service.clone(),
            replaced_by: one.new,
            why: why.map(|error| error.to_string()),
        })
    });
    parked.collect()
}

/// It must neither start again nor be reported before it is halted.
fn park(host: &Host, vm: &Vm, alias: &str) -> Result<(), Error> {
    let name = format!("parked-{alias}");
    let is_marked = vm.autoboot == Some(false)
        && vm.do_not_inventory == Some(true)
        && vm.alias.as_deref() == Some(&name);
    if !is_marked {
        let marks = json!({"autoboot": false, "do_not_inventory": true, "alias": name});
        update(host, vm, marks)?;
    }
    if vm.state != VmState::Stopped
        && let Err(error) = vmadm::stop(host, vm.uuid, false)
    {
        tracing::warn!("{error}; it is halted at once");
        vmadm::stop(host, vm.uuid, true)?;
    }
    Ok(())
}

fn update(host: &Host, vm: &Vm, changes: Value) -> Result<(), Error> {
    let changes = changes.as_object().cloned().unwrap_or_else(Map::new);
    vmadm::update(host, vm.uuid, &changes)
}
