// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What is kept, and what may go. Only what sync made is ever removed, and only after something newer is whole.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use documents::{Timestamp, Uuid};

use crate::names;
use crate::pins::Pins;
use crate::snapshots::Snapshot;

/// Generations of a server that are kept.
pub const KEPT: usize = 12;

/// Snapshots of each other headnode that are kept in a copy.
const SHARED: usize = 2;

/// Which restore points are kept: of each period the newest one, for so many periods that have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid(Vec<Tier>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tier {
    count: usize,
    seconds: i64,
}

impl Default for Grid {
    /// An hour of every pull, a day of hours, a week of days.
    fn default() -> Grid {
        let tier = |count, seconds| Tier { count, seconds };
        Grid(vec![tier(12, 300), tier(24, 3600), tier(7, 86_400)])
    }
}

impl FromStr for Grid {
    type Err = String;

    /// `12x5m,24x1h,7x1d`
    fn from_str(text: &str) -> Result<Grid, String> {
        let tier = |part: &str| {
            let (count, period) = part.trim().split_once('x')?;
            let count: usize = count.parse().ok().filter(|count| *count > 0)?;
            let seconds = seconds(period)?;
            Some(Tier { count, seconds })
        };
        let tiers: Option<Vec<Tier>> = text.split(',').map(tier).collect();
        let wrong = || format!("\"{text}\" is not of the form 12x5m,24x1h,7x1d");
        tiers.map(Grid).ok_or_else(wrong)
    }
}

/// A period as a flag has it.
pub fn period(text: &str) -> Result<Duration, String> {
    let seconds = seconds(text).and_then(|seconds| u64::try_from(seconds).ok());
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| format!("\"{text}\" is not of the form 90s, 5m or 1h"))
}

/// `90s`, `5m`, `1h`, `7d`.
pub fn seconds(text: &str) -> Option<i64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    let number: i64 = number.parse().ok().filter(|number| *number > 0)?;
    number.checked_mul(unit)
}

impl Grid {
    /// Of moments, oldest first: true for each that is kept. The newest always is.
    fn kept(&self, moments: &[Timestamp]) -> Vec<bool> {
        let mut kept = vec![false; moments.len()];
        if let Some(newest) = kept.last_mut() {
            *newest = true;
        }
        for tier in &self.0 {
            let mut periods = 0;
            let mut last = None;
            for (moment, kept) in moments.iter().zip(&mut kept).rev() {
                let period = moment.as_millis().div_euclid(tier.seconds * 1000);
                if last == Some(period) {
                    continue;
                }
                last = Some(period);
                periods += 1;
                if periods > tier.count {
                    break;
                }
                *kept = true;
            }
        }
        kept
    }
}

/// Our snapshots of a copy that may go, oldest first. `copy` is oldest first; the newest is never among them.
pub fn old_here<'a>(
    copy: &'a [Snapshot],
    target: Uuid,
    grid: &Grid,
    pins: &Pins,
) -> Vec<&'a Snapshot> {
    let ours: Vec<&Snapshot> = copy
        .iter()
        .filter(|snapshot| names::is_ours(&snapshot.name, target))
        .collect();
    let moments: Vec<Timestamp> = ours.iter().map(|snapshot| snapshot.taken_at).collect();
    ours.into_iter()
        .zip(grid.kept(&moments))
        .filter(|(snapshot, kept)| {
            !kept && !snapshot.needed && pins.who_needs(&snapshot.name).is_none()
        })
        .map(|(snapshot, _)| snapshot)
        .collect()
}

/// Snapshots of other headnodes that a copy received along with ours, and that may go: of each headnode the two newest stay.
pub fn old_shared<'a>(copy: &'a [Snapshot], target: Uuid, pins: &Pins) -> Vec<&'a Snapshot> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let others = copy.iter().rev().filter_map(|one| {
        let whose = names::taken_by(&one.name)?;
        (whose != names::target_id(target)).then_some((whose, one))
    });
    others
        .filter(|(whose, _)| {
            let newer = seen.entry(whose).or_default();
            *newer += 1;
            *newer > SHARED
        })
        .map(|(_, one)| one)
        .filter(|one| !one.needed && pins.who_needs(&one.name).is_none())
        .collect()
}

/// Our snapshots on the source, or their bookmarks, that are older than the one that is now whole here. That one stays: it is
/// the next base.
pub fn old_there<'a>(source: &'a [Snapshot], target: Uuid, whole: &str) -> Vec<&'a Snapshot> {
    let Some(newest) = source.iter().position(|snapshot| snapshot.guid == whole) else {
        return Vec::new();
    };
    let mut old: Vec<&Snapshot> = source[..newest]
        .iter()
        .filter(|one| names::is_ours(&one.name, target) && !one.needed && one.guid != whole)
        .collect();
    // A snapshot and its bookmark have one name, and go together.
    old.sort_by(|a, b| a.name.cmp(&b.name));
    old.dedup_by(|a, b| a.name == b.name);
    old
}

/// Generations that may go, of names that are oldest first.
pub fn old_generations<'a>(names: &'a [String], pins: &Pins) -> Vec<&'a String> {
    let surplus = names.len().saturating_sub(KEPT);
    names[..surplus]
        .iter()
        .filter(|name| pins.who_needs(name).is_none())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Uuid = Uuid::from_u128(0x44454c4c_4700_1051_8031_b4c04f334731);

    fn ours(count: usize) -> Vec<Snapshot> {
        (0..count)
            .map(|n| {
                let at = Timestamp::from_millis(n as i64 * 300_000);
                named(&names::snapshot(TARGET, at, |_| false), n)
            })
            .collect()
    }

    fn named(name: &str, n: usize) -> Snapshot {
        Snapshot {
            dataset: "zones/x".to_owned(),
            name: name.to_owned(),
            guid: n.to_string(),
            taken_at: Timestamp::from_millis(n as i64 * 300_000),
            bytes: 0,
            needed: false,
            bookmark: false,
        }
    }

    fn old<'a>(all: &'a [Snapshot], grid: &str, pins: &Pins) -> Vec<&'a Snapshot> {
        old_here(all, TARGET, &grid.parse().unwrap(), pins)
    }

    #[test]
    fn the_newest_twelve_stay_and_the_oldest_go() {
        let all = ours(14);
        assert_eq!(old(&all, "12x5m", &Pins::none()), [&all[0], &all[1]]);
        assert!(old(&all[..12], "12x5m", &Pins::none()).is_empty());
    }

    #[test]
    fn a_week_of_pulls_leaves_an_hour_of_all_a_day_of_hours_and_a_week_of_days() {
        let mut all: Vec<Snapshot> = Vec::new();
        for snapshot in ours(10 * 288) {
            all.push(snapshot);
            let gone: Vec<String> = old_here(&all, TARGET, &Grid::default(), &Pins::none())
                .iter()
                .map(|old| old.guid.clone())
                .collect();
            all.retain(|one| !gone.contains(&one.guid));
        }
        let age = |one: &Snapshot| all[all.len() - 1].taken_at.seconds_since(one.taken_at);
        let within = |seconds| all.iter().filter(|one| age(one) < seconds).count();
        assert_eq!(within(3600), 12);
        assert_eq!(within(86_400), 12 + 23);
        assert_eq!(all.len(), 12 + 23 + 6);
    }

    #[test]
    fn a_pause_of_a_month_costs_no_restore_point_that_was_there() {
        let mut all = ours(12);
        all.push(named("triton-sync-b4c04f334731-29991231T000000Z", 30 * 288));
        assert_eq!(old(&all, "12x5m", &Pins::none()), [&all[0]]);
    }

    #[test]
    fn a_grid_is_read_or_refused() {
        let grid: Grid = "12x5m,24x1h,7x1d".parse().unwrap();
        assert_eq!(grid, Grid::default());
        for bad in [
            "",
            "12",
            "0x5m",
            "12x5",
            "12x0m",
            "x5m",
            "12x5m,",
            "-1x5m",
            "12x5\u{b5}",
        ] {
            assert!(bad.parse::<Grid>().is_err(), "{bad}");
        }
    }

    #[test]
    fn snapshots_of_others_are_neither_counted_nor_removed() {
        let mut all = ours(12);
        all.insert(0, named("before-the-upgrade", 99));
        assert!(old(&all, "12x5m", &Pins::none()).is_empty());
    }

    #[test]
    fn what_a_clone_or_an_unfinished_run_needs_stays() {
        let mut all = ours(15);
        all[0].needed = true;
        let pins = Pins::of(vec![("journal/a run".to_owned(), all[1].name.clone())]);
        assert_eq!(old(&all, "12x5m", &pins), [&all[2]]);
    }

    #[test]
    fn on_the_source_only_the_one_that_is_whole_here_and_newer_ones_stay() {
        let mut there = ours(4);
        there.insert(1, named("vmsnap-nightly", 77));
        let whole = there[3].guid.clone();
        assert_eq!(
            old_there(&there, TARGET, &whole),
            [&there[0], &there[2]],
            "the newer one may be on its way, the foreign one is not ours"
        );
    }

    #[test]
    fn nothing_goes_on_the_source_before_its_newest_is_whole_here() {
        assert!(old_there(&ours(4), TARGET, "a guid that it does not have").is_empty());
    }

    #[test]
    fn a_generation_that_an_unfinished_run_names_stays() {
        let all: Vec<String> = (10..24)
            .map(|n| format!("20261123T05{n}00Z-0a0b0c0d"))
            .collect();
        let pins = Pins::of(vec![("journal/a run".to_owned(), all[0].clone())]);
        assert_eq!(old_generations(&all, &pins), [&all[1]]);
    }
}
