// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What of restore data is offered, and what is wondered at.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use documents::Uuid;
use documents::inventory::{Learnt, RestorePoint};
use documents::restore_data::{POINTS_KIND, RestorePoints};
use gather::merge;
use support::*;

fn point(snapshot: &str, guid: &str) -> RestorePoint {
    RestorePoint {
        server: HEADNODE0,
        vm: IMGAPI,
        dataset: "zones/triton-restore/x".to_owned(),
        snapshot: snapshot.to_owned(),
        guid: guid.to_owned(),
        as_of: at(9),
        bytes: 1,
        learnt: Learnt::new("sync@headnode0", at(9)),
    }
}

#[test]
fn only_restore_points_whose_snapshot_is_still_there_are_offered() {
    let mut raw = headnode0_dead();
    raw.points = vec![RestorePoints {
        kind: POINTS_KIND.to_owned(),
        server: HEADNODE0,
        vm: IMGAPI,
        points: vec![
            point("gone", "1"),
            point("replaced", "2"),
            point("there", "3"),
        ],
    }];
    raw.snapshots = Some(
        [("replaced", "99"), ("there", "3")]
            .map(|(name, guid)| (format!("zones/triton-restore/x@{name}"), guid.to_owned()))
            .into(),
    );
    let inventory = merge(raw.clone());
    assert_eq!(inventory.restore_points, [point("there", "3")]);
    raw.snapshots = None;
    let inventory = merge(raw);
    assert!(inventory.restore_points.is_empty());
    assert!(warned(&inventory, "none is offered"));
}

#[test]
fn restore_data_of_another_datacenter_is_noticed() {
    let mut raw = peace();
    raw.kept[0].dc.sapi_app = Some(Uuid::from_u128(9));
    assert!(warned(&merge(raw), "restore data of another datacenter?"));
}
