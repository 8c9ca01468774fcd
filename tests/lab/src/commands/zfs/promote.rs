// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `zfs promote CLONE`: the snapshots up to the origin change owners, and so does the relation of clone and origin.

use crate::lab::Lab;
use crate::model::Host;

use super::change::no_dataset;
use super::{Outcome, Refused};

pub fn promote(lab: &Lab, host: &str, args: &[&str]) -> Outcome {
    let [name] = args else {
        return Err(Refused::usage("usage: promote <clone-filesystem>"));
    };
    let mut dc = lab.dc();
    let at = dc
        .hosts
        .get_mut(host)
        .ok_or_else(|| no_dataset("open", name))?;
    let dataset = at
        .datasets
        .get(*name)
        .ok_or_else(|| no_dataset("open", name))?;
    let refused = |why: &str| Refused::new(format!("cannot promote '{name}': {why}"));
    let origin = dataset.origin.clone();
    let origin = origin.ok_or_else(|| refused("not a cloned filesystem"))?;
    let (from, snapshot) = origin
        .split_once('@')
        .ok_or_else(|| refused("its origin is no snapshot"))?;
    let own: Vec<String> = dataset.snapshots.iter().map(|s| s.name.clone()).collect();
    let before = at
        .datasets
        .get_mut(from)
        .ok_or_else(|| no_dataset("open", from))?;
    let last = before.snapshots.iter().position(|s| s.name == snapshot);
    let last = last.ok_or_else(|| no_dataset("open", &origin))?;
    if let Some(twice) = before.snapshots[..=last]
        .iter()
        .find(|s| own.contains(&s.name))
    {
        return Err(refused(&format!(
            "conflicting snapshot '{}' from parent '{from}'",
            twice.name
        )));
    }
    let moved: Vec<_> = before.snapshots.drain(..=last).collect();
    let above = before.origin.replace(format!("{name}@{snapshot}"));
    other_clones_follow(
        at,
        from,
        name,
        &moved.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(),
    );
    if let Some(dataset) = at.datasets.get_mut(*name) {
        dataset.origin = above;
        dataset.snapshots.splice(0..0, moved);
    }
    Ok(String::new())
}

/// Other clones of snapshots that moved are clones of them at their new owner.
fn other_clones_follow(host: &mut Host, from: &str, to: &str, moved: &[&str]) {
    for dataset in host.datasets.values_mut() {
        let origin = dataset.origin.as_deref().and_then(|o| o.split_once('@'));
        if let Some((owner, snapshot)) = origin
            && owner == from
            && moved.contains(&snapshot)
        {
            dataset.origin = Some(format!("{to}@{snapshot}"));
        }
    }
}
