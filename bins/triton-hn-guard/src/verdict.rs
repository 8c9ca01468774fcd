// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What the other headnodes' answers mean for this one. ZooKeeper is not asked: it asks nobody who he is, so its word convicts
//! nobody. A fence counts when a headnode confirms it over ssh, with keys that both sides know.

use documents::Uuid;
use quorum::Fence;
use sync::fences::Heard;

#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// This server was declared dead: what was replaced must not run.
    Dead(Box<Fence>),
    /// Everybody answered, and nobody knows of it.
    Clear,
    /// Nobody confirms a fence, and not everybody answered.
    Unknown,
}

/// The newest declaration counts, and of one that some still show as standing, that it was lifted.
pub fn of(heard: &[Heard], this: Uuid) -> Verdict {
    let fences = heard.iter().filter_map(|heard| heard.fences.as_ref().ok());
    let about_us = fences.flatten().filter(|fence| fence.server == this);
    let newest = about_us.max_by_key(|fence| (fence.epoch, !fence.stands()));
    match newest {
        Some(fence) if fence.stands() => Verdict::Dead(Box::new(fence.clone())),
        // Lifted by the word of a majority.
        Some(_) => Verdict::Clear,
        None if heard.iter().all(|heard| heard.fences.is_ok()) => Verdict::Clear,
        None => Verdict::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use documents::Timestamp;
    use quorum::fence::{KIND, Lifted};
    use sync::SyncError;

    const THIS: Uuid = Uuid::from_u128(1);

    fn fence(server: Uuid, epoch: u64, lifted: bool) -> Fence {
        Fence {
            kind: KIND.to_owned(),
            server,
            hostname: "headnode0".to_owned(),
            epoch,
            run: Uuid::from_u128(9),
            declared_by: Uuid::from_u128(2),
            declared_at: Timestamp::from_millis(0),
            replaced: Vec::new(),
            power_off: None,
            addresses_reused: false,
            lifted: lifted.then(|| Lifted {
                by: "an operator".to_owned(),
                at: Timestamp::from_millis(1),
            }),
        }
    }

    fn says(fences: Vec<Fence>) -> Heard {
        Heard {
            server: Uuid::from_u128(2),
            hostname: "headnode1".to_owned(),
            fences: Ok(fences),
        }
    }

    fn silent() -> Heard {
        Heard {
            fences: Err(SyncError::command("ask", "Connection timed out")),
            ..says(Vec::new())
        }
    }

    #[test]
    fn one_headnodes_word_is_enough_though_others_are_silent_or_know_of_nothing() {
        for other in [silent(), says(Vec::new())] {
            let heard = [other, says(vec![fence(THIS, 1, false)])];
            assert_eq!(
                of(&heard, THIS),
                Verdict::Dead(Box::new(fence(THIS, 1, false)))
            );
        }
    }

    #[test]
    fn somebody_elses_fence_says_nothing_of_us() {
        let heard = [says(vec![fence(Uuid::from_u128(7), 1, false)])];
        assert_eq!(of(&heard, THIS), Verdict::Clear);
    }

    #[test]
    fn a_lifted_fence_counts_until_a_newer_one_is_declared() {
        let stale = says(vec![fence(THIS, 1, false)]);
        let lifted = says(vec![fence(THIS, 1, true)]);
        assert_eq!(of(&[stale, lifted], THIS), Verdict::Clear);
        let lifted = says(vec![fence(THIS, 1, true)]);
        let again = says(vec![fence(THIS, 2, false)]);
        assert_eq!(
            of(&[lifted, again], THIS),
            Verdict::Dead(Box::new(fence(THIS, 2, false)))
        );
    }

    #[test]
    fn silence_is_no_acquittal_and_a_headnode_alone_has_nobody_to_ask() {
        assert_eq!(of(&[silent(), says(Vec::new())], THIS), Verdict::Unknown);
        assert_eq!(of(&[says(Vec::new())], THIS), Verdict::Clear);
        assert_eq!(of(&[], THIS), Verdict::Clear);
    }
}
