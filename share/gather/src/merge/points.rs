// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Restore points: those that were recorded whole, and whose snapshot is still there with the same GUID.

use documents::inventory::RestorePoint;

use crate::facts::RawFacts;

/// Sorted by server, zone and age.
pub fn existing(raw: &RawFacts, warnings: &mut Vec<String>) -> Vec<RestorePoint> {
    let recorded = raw.points.iter().flat_map(|zone| {
        let mine = |point: &&RestorePoint| point.server == zone.server && point.vm == zone.vm;
        zone.points.iter().filter(mine)
    });
    let Some(snapshots) = &raw.snapshots else {
        let count = recorded.count();
        if count > 0 {
            warnings.push(format!(
                "{count} restore points are recorded, but the snapshots here could not be listed: none is offered"
            ));
        }
        return Vec::new();
    };
    let mut points: Vec<RestorePoint> = recorded
        .filter(|point| {
            let name = format!("{}@{}", point.dataset, point.snapshot);
            snapshots.contains(&(name, point.guid.clone()))
        })
        .cloned()
        .collect();
    points.sort_by(|a, b| {
        (a.server, a.vm, a.as_of, &a.snapshot).cmp(&(b.server, b.vm, b.as_of, &b.snapshot))
    });
    for zone in &raw.points {
        let is_left = points
            .iter()
            .any(|p| p.vm == zone.vm && p.server == zone.server);
        if !zone.points.is_empty() && !is_left {
            warnings.push(format!(
                "restore points of {} on {} are recorded, but none of their snapshots is here any more",
                zone.vm, zone.server
            ));
        }
    }
    points
}
