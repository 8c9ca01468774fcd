// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Names that come out the same however often they are asked for. A run is named by its datacenter, fence epoch and goal; all
//! new UUIDs are derived from the run, so planning again after a crash gives the same.

use documents::canonical::canonical_bytes;
use documents::plan::PlanDc;
use documents::{Goal, Uuid};
use serde_json::json;

/// Namespace of run identities; made once for this purpose.
const RUNS: Uuid = Uuid::from_u128(0x6f0a_1c5e_2b7d_4f86_9e31_d84c_70a5_b2e9);

/// The run identity of a goal.
pub fn run(dc: &PlanDc, epoch: u64, goal: &Goal) -> Uuid {
    Uuid::new_v5(
        &RUNS,
        &canonical_bytes(&json!({"dc": dc, "epoch": epoch, "goal": goal})),
    )
}

/// UUID of the zone that takes the place of `lost`.
pub fn new_instance(run: Uuid, lost: Uuid) -> Uuid {
    Uuid::new_v5(&run, format!("instance/{lost}").as_bytes())
}

/// MAC of a new zone's NIC, for when no NAPI gives one: NAPI's own prefix, and three bytes that follow from run and zone.
pub fn mac(run: Uuid, vm: Uuid, interface: &str) -> String {
    let [a, b, c, ..] = *Uuid::new_v5(&run, format!("mac/{vm}/{interface}").as_bytes()).as_bytes();
    format!("90:b8:d0:{a:02x}:{b:02x}:{c:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use documents::plan::RestoreGoal;

    fn goal(services: &[&str]) -> Goal {
        Goal::Restore(RestoreGoal {
            lost: vec![Uuid::from_u128(1)],
            zones: Vec::new(),
            on: Uuid::from_u128(2),
            services: services.iter().map(|s| (*s).to_owned()).collect(),
        })
    }

    #[test]
    fn the_same_goal_is_the_same_run_and_another_epoch_is_not() {
        let dc = PlanDc {
            name: "east-1".to_owned(),
            sapi_app: Uuid::from_u128(3),
        };
        assert_eq!(
            run(&dc, 0, &goal(&["imgapi"])),
            run(&dc, 0, &goal(&["imgapi"]))
        );
        assert_ne!(
            run(&dc, 0, &goal(&["imgapi"])),
            run(&dc, 1, &goal(&["imgapi"]))
        );
        assert_ne!(
            run(&dc, 0, &goal(&["imgapi"])),
            run(&dc, 0, &goal(&["sapi"]))
        );
    }
}
