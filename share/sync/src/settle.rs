// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Settling after a restore. A restored zone's data is a clone of a restore point, and pins it. Once the operator is content with
//! what came back, the clone is promoted: it owns its past, and the emptied copy that it came from goes.

use std::collections::BTreeMap;

use documents::restore_data::FOLDER;
use documents::{Timestamp, Uuid};
use platform::vmadm::{self, Vm, VmState};
use platform::{Host, zfs};
use serde::Serialize;

use crate::error::SyncError;
use crate::hosts::{self, HostPool};
use crate::pins::{self, Pins};
use crate::store::Store;
use crate::transport::Pool;
use crate::{names, run};

/// A restored dataset that is not settled yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unsettled {
    pub vm: Uuid,
    /// Its alias, or its UUID.
    pub zone: String,
    /// `zones/<vm>/data`
    pub dataset: String,
    /// What it was cloned from.
    pub copy: String,
    pub snapshot: String,
    /// Why it is left as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_up_by: Option<String>,
}

/// What became of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Settled {
    #[serde(flatten)]
    pub of: Unsettled,
    /// It owns its past now.
    pub promoted: bool,
    /// The copy it came from held nothing more, and is gone.
    pub copy_removed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Restored datasets of this headnode that are still clones of restore points, or whose copy was left behind by a run that was
/// killed; by name.
pub fn unsettled(host: &Host) -> Result<Vec<Unsettled>, SyncError> {
    let datasets = zfs::list(host).map_err(|e| hosts::failed("list the datasets", e))?;
    let zones = vmadm::lookup(host, &[]).map_err(|e| hosts::failed("list the zones", e))?;
    let zones: BTreeMap<Uuid, &Vm> = zones.iter().map(|vm| (vm.uuid, vm)).collect();
    let pins = Pins::below(&host.path(pins::JOURNAL));
    let mut found: Vec<Unsettled> = datasets
        .iter()
        .filter_map(|dataset| pair(&dataset.name, dataset.origin.as_deref()?))
        .map(|mut one| {
            let vm = zones.get(&one.vm).copied();
            one.zone = vm
                .and_then(|vm| vm.alias.clone())
                .unwrap_or(one.vm.to_string());
            one.held_up_by = held_up_by(&one, vm, &pins);
            one
        })
        .collect();
    found.sort_by(|a, b| (&a.zone, &a.dataset).cmp(&(&b.zone, &b.dataset)));
    Ok(found)
}

/// A dataset and its origin, where one of them is a zone's and the other a copy: before the promotion the zone's is the clone,
/// after it the copy.
fn pair(dataset: &str, origin: &str) -> Option<Unsettled> {
    let (from, snapshot) = origin.split_once('@')?;
    let (live, copy) = match (names::is_copy(dataset), names::is_copy(from)) {
        (false, true) => (dataset, from),
        (true, false) => (from, dataset),
        _ => return None,
    };
    let vm: Uuid = live
        .strip_prefix("zones/")?
        .strip_suffix("/data")?
        .parse()
        .ok()?;
    Some(Unsettled {
        vm,
        zone: vm.to_string(),
        dataset: live.to_owned(),
        copy: copy.to_owned(),
        snapshot: snapshot.to_owned(),
        held_up_by: None,
    })
}

/// A restore point is given up only for a zone that works, by a run that came to its end.
fn held_up_by(one: &Unsettled, vm: Option<&Vm>, pins: &Pins) -> Option<String> {
    if let Some(run) = pins.who_needs(&one.snapshot) {
        return Some(format!(
            "the restore that made it has not come to its end ({run})"
        ));
    }
    match vm {
        None => Some(format!("there is no zone {} here", one.vm)),
        Some(vm) if vm.state != VmState::Running => Some(format!("the zone is {}", vm.state)),
        Some(_) => None,
    }
}

/// Settles those that nothing holds up; `each` is told of every one.
pub fn settle(
    host: &Host,
    product: &str,
    chosen: &[Unsettled],
    each: &mut dyn FnMut(&Settled),
) -> Result<Vec<Settled>, SyncError> {
    let _lock = run::lock(host, &format!("{product} settles what was restored"))?;
    let pool = HostPool::new(host.clone());
    let store = Store::new(host.path(FOLDER));
    // Looked at again under the lock: what a sync or another settle did meanwhile is done.
    let now_there = unsettled(host)?;
    let still = |one: &&Unsettled| now_there.iter().any(|now| now == *one);
    let mut all = Vec::new();
    for one in chosen.iter().filter(still) {
        let mut settled = Settled {
            of: one.clone(),
            promoted: false,
            copy_removed: false,
            why: one.held_up_by.clone(),
        };
        if settled.why.is_none()
            && let Err(error) = settle_one(host, &pool, &store, &mut settled)
        {
            settled.why = Some(error.to_string());
        }
        each(&settled);
        all.push(settled);
    }
    Ok(all)
}

fn settle_one(
    host: &Host,
    pool: &HostPool,
    store: &Store,
    settled: &mut Settled,
) -> Result<(), SyncError> {
    let one = settled.of.clone();
    let look = |name: &str| {
        let found = zfs::dataset(host, name);
        found.map_err(|error| hosts::failed(&format!("look at {name}"), error))
    };
    if look(&one.dataset)?.is_some_and(|live| live.origin.is_some()) {
        pool.promote(&one.dataset)?;
    }
    settled.promoted = true;
    let Some(copy) = look(&one.copy)? else {
        return Ok(());
    };
    let left = pool.copies_named(std::slice::from_ref(&one.copy))?;
    let own = left.iter().map(|copy| copy.snapshots.len()).sum::<usize>();
    if own > 0 || copy.written > 0 || copy.receive_resume_token.is_some() {
        settled.why = Some(format!(
            "{} holds {own} newer restore points and stays",
            one.copy
        ));
        return Ok(());
    }
    // Its snapshots are the zone's own by now: they are no restore points any more.
    if let Some((server, vm)) = names::copied(&one.copy) {
        let mut recorded = store.points(server, vm)?;
        recorded.points.retain(|point| point.dataset != one.copy);
        store.record_points(&recorded)?;
    }
    let going = match names::is_going(&one.copy) {
        true => one.copy.clone(),
        false => {
            let going = names::going(&one.copy, Timestamp::now());
            pool.put_aside(&one.copy, &going)?;
            going
        }
    };
    pool.remove_copy(&going)?;
    settled.copy_removed = true;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const VM: Uuid = Uuid::from_u128(7);
    const SERVER: Uuid = Uuid::from_u128(1);

    fn live() -> String {
        names::delegate(VM)
    }

    fn copy() -> String {
        names::copy(SERVER, Uuid::from_u128(2))
    }

    #[test]
    fn a_restored_zone_is_found_before_its_promotion_and_after() {
        let before = pair(&live(), &format!("{}@s1", copy())).unwrap();
        let after = pair(&copy(), &format!("{}@s1", live())).unwrap();
        assert_eq!(before, after);
        assert_eq!((before.vm, before.copy), (VM, copy()));
    }

    #[test]
    fn clones_that_no_restore_made_are_left_alone() {
        for (dataset, origin) in [
            (live(), format!("zones/{VM}/other@s1")),
            (copy(), format!("{}@s1", names::copy(SERVER, VM))),
            (format!("zones/{VM}"), format!("{}@s1", copy())),
            (format!("zones/{VM}/data/more"), format!("{}@s1", copy())),
        ] {
            assert_eq!(pair(&dataset, &origin), None, "{dataset} of {origin}");
        }
    }

    #[test]
    fn a_restore_that_has_not_come_to_its_end_holds_it_up() {
        let one = pair(&live(), &format!("{}@s1", copy())).unwrap();
        let pins = Pins::of(vec![(
            "run 5".to_owned(),
            "{\"snapshot\":\"x@s1\"}".to_owned(),
        )]);
        assert!(held_up_by(&one, None, &pins).unwrap().contains("run 5"));
        assert!(
            held_up_by(&one, None, &Pins::none())
                .unwrap()
                .contains("no zone")
        );
    }
}
