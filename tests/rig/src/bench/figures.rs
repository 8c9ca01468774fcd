// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What was measured, as a table or as JSON, with every target and whether it is met.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::peers::Layer;
use super::scene::{Memory, Round};
use super::tools::Tool;
use crate::error::{Attempted, Result, RigError};

/// Told of cases that have thousands of snapshots about.
pub const CROWDED: &str = ", 2000 foreign snapshots about";

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Case {
    what: What,
    crowd: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    First,
    Unchanged,
    Changed,
}

impl Case {
    pub fn first() -> Case {
        Case {
            what: What::First,
            crowd: "",
        }
    }

    pub fn unchanged(crowd: &'static str) -> Case {
        Case {
            what: What::Unchanged,
            crowd,
        }
    }

    pub fn changed(crowd: &'static str) -> Case {
        Case {
            what: What::Changed,
            crowd,
        }
    }

    pub fn writes(&self) -> bool {
        self.what == What::Changed
    }

    pub fn name(&self) -> String {
        let what = match self.what {
            What::First => "first sync",
            What::Unchanged => "no change",
            What::Changed => "5 of 25 changed by 1 MiB",
        };
        format!("{what}{}", self.crowd)
    }
}

#[derive(Debug, Default)]
pub struct Report {
    versions: Vec<String>,
    missing: Vec<String>,
    rounds: BTreeMap<(Case, Tool), Vec<Round>>,
    memory: Option<Memory>,
    local: Vec<(f64, f64)>,
    ssh: Option<f64>,
}

/// A target, and how near to it we are.
struct Target {
    name: String,
    value: f64,
    wanted: f64,
    /// At most, instead of at least.
    at_most: bool,
}

impl Target {
    fn met(&self) -> bool {
        match self.at_most {
            true => self.value <= self.wanted,
            false => self.value >= self.wanted,
        }
    }
}

impl Report {
    pub fn new(layer: &Layer) -> Report {
        Report {
            versions: layer.versions.clone(),
            missing: layer.missing.clone(),
            ..Report::default()
        }
    }

    pub fn add(&mut self, case: Case, tool: Tool, round: Round) {
        self.rounds.entry((case, tool)).or_default().push(round);
    }

    /// A round of a peer that did not end well.
    pub fn failed(&mut self, tool: Tool, what: &str, error: &RigError) {
        let text = error.to_string();
        let last = text.lines().rfind(|line| !line.trim().is_empty());
        let last = last.unwrap_or_default();
        self.missing
            .push(format!("{}: {what} failed: {last}", tool.name()));
    }

    pub fn memory(&mut self, memory: Memory) {
        self.memory = Some(memory);
    }

    pub fn local(&mut self, ours: f64, pipe: f64) {
        self.local.push((ours, pipe));
    }

    pub fn ssh_alone(&mut self, mib_a_second: f64) {
        self.ssh = Some(mib_a_second);
    }

    pub fn met(&self) -> bool {
        self.targets().iter().all(Target::met)
    }

    fn seconds(&self, case: &Case, tool: Tool) -> Option<f64> {
        let rounds = self.rounds.get(&(case.clone(), tool))?;
        median(rounds.iter().map(|round| round.seconds))
    }

    fn fastest_peer(&self, case: &Case) -> Option<(Tool, f64)> {
        let peers = self
            .rounds
            .keys()
            .filter(|(of, tool)| of == case && tool.is_peer());
        let times = peers.filter_map(|(_, tool)| Some((*tool, self.seconds(case, *tool)?)));
        times.min_by(|a, b| a.1.total_cmp(&b.1))
    }

    fn targets(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        let mut add = |name: String, value: f64, wanted: f64, at_most: bool| {
            targets.push(Target {
                name,
                value,
                wanted,
                at_most,
            });
        };
        let first = Case::first();
        if let (Some(limit), Some(ours)) = (
            self.seconds(&first, Tool::Limit),
            self.seconds(&first, Tool::Ours),
        ) {
            add(
                "first sync: the bare pipe's time over ours".to_owned(),
                limit / ours,
                0.95,
                false,
            );
        }
        if let (Some(ours), Some(pipe)) = (
            median(self.local.iter().map(|l| l.0)),
            median(self.local.iter().map(|l| l.1)),
        ) {
            add(
                "1 GiB in one guest: the bare pipe's time over ours".to_owned(),
                pipe / ours,
                0.9,
                false,
            );
        }
        for crowd in ["", CROWDED] {
            for (case, wanted) in [(Case::unchanged(crowd), 20.0), (Case::changed(crowd), 8.0)] {
                let Some(ours) = self.seconds(&case, Tool::Ours) else {
                    continue;
                };
                // Without a peer there is nothing to be faster than, and the target is not met.
                let (peer, seconds) = self
                    .fastest_peer(&case)
                    .map_or(("any peer", 0.0), |(tool, s)| (tool.name(), s));
                add(
                    format!("{}: {peer}'s time over ours", case.name()),
                    seconds / ours,
                    wanted,
                    false,
                );
            }
            if let Some(rounds) = self.rounds.get(&(Case::unchanged(crowd), Tool::Ours)) {
                let most = rounds
                    .iter()
                    .map(|round| round.zfs_there)
                    .max()
                    .unwrap_or(0);
                add(
                    format!("no change{crowd}: zfs commands on the source"),
                    most as f64,
                    2.0,
                    true,
                );
            }
        }
        if let Some(memory) = self.memory {
            add(
                "peak memory here, MiB".to_owned(),
                memory.here as f64 / 1024.0,
                48.0,
                true,
            );
            add(
                "peak memory there, MiB".to_owned(),
                memory.there as f64 / 1024.0,
                48.0,
                true,
            );
        }
        targets
    }

    pub fn print(&self, as_json: bool, keep: Option<&Path>) -> Result<()> {
        let json = self.json();
        if let Some(path) = keep {
            std::fs::write(path, json.to_string())
                .attempted(format!("writing {}", path.display()))?;
        }
        let text = match as_json {
            true => format!("{json}\n"),
            false => self.text(),
        };
        std::io::stdout()
            .write_all(text.as_bytes())
            .attempted("printing the figures")
    }

    fn text(&self) -> String {
        let mut text = format!(
            "Two guests of one processor each; median of all runs (least to most). {}\n",
            self.versions.join(", ")
        );
        for missing in &self.missing {
            text += &format!("not measured: {missing}\n");
        }
        let mut last = None;
        for ((case, tool), rounds) in &self.rounds {
            if last != Some(case) {
                text += &format!("\n{}\n", case.name());
                last = Some(case);
            }
            let times = spread(rounds.iter().map(|round| round.seconds));
            let one = &rounds[rounds.len() - 1];
            text += &format!(
                "  {:<24} {times:<28} {} runs; {} ssh, zfs: {} here, {} there\n",
                tool.name(),
                rounds.len(),
                one.ssh,
                one.zfs_here,
                one.zfs_there
            );
        }
        text += &format!(
            "\n1 GiB in one guest\n  triton-sync-data         {}\n  bare pipe                {}\n",
            spread(self.local.iter().map(|l| l.0)),
            spread(self.local.iter().map(|l| l.1)),
        );
        text += &format!("\nbottleneck: {}\n\n", self.bottleneck());
        for target in self.targets() {
            let verdict = if target.met() { "met" } else { "MISSED" };
            let sign = if target.at_most { "<=" } else { ">=" };
            text += &format!(
                "{:<72} {:>8.2}  {sign} {}: {verdict}\n",
                target.name, target.value, target.wanted
            );
        }
        text
    }

    /// How near the first sync over ssh comes to ssh with nothing at its ends.
    fn bottleneck(&self) -> String {
        let ours = self.seconds(&Case::first(), Tool::Ours);
        let (Some(ssh), Some(seconds)) = (self.ssh, ours) else {
            return "not measured".to_owned();
        };
        let ours = super::scene::TOTAL_MIB as f64 / seconds;
        let pipe = median(self.local.iter().map(|l| 1024.0 / l.1)).unwrap_or(0.0);
        format!(
            "ssh without ZFS {ssh:.0} MiB/s, ZFS without ssh {pipe:.0} MiB/s, our first sync over both {ours:.0} MiB/s: {}",
            if ssh < pipe {
                "ssh on a guest's one processor"
            } else {
                "ZFS"
            }
        )
    }

    fn json(&self) -> Value {
        let rounds = self.rounds.iter().map(|((case, tool), rounds)| {
            json!({
                "case": case.name(),
                "tool": tool.name(),
                "seconds": rounds.iter().map(|round| short(round.seconds)).collect::<Vec<_>>(),
                "ssh": rounds.iter().map(|round| round.ssh).collect::<Vec<_>>(),
                "zfs_here": rounds.iter().map(|round| round.zfs_here).collect::<Vec<_>>(),
                "zfs_there": rounds.iter().map(|round| round.zfs_there).collect::<Vec<_>>(),
            })
        });
        let targets = self.targets();
        let targets = targets.iter().map(|target| {
            json!({
                "name": target.name, "value": short(target.value), "target": target.wanted,
                "at_most": target.at_most, "met": target.met(),
            })
        });
        json!({
            "kind": "triton.bench-sync/1",
            "peers": self.versions,
            "not_measured": self.missing,
            "rounds": rounds.collect::<Vec<_>>(),
            "local_seconds": self.local.iter().map(|(ours, pipe)| json!({"ours": short(*ours), "pipe": short(*pipe)})).collect::<Vec<_>>(),
            "bottleneck": self.bottleneck(),
            "targets": targets.collect::<Vec<_>>(),
            "met": self.met(),
        })
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values = sorted(values);
    values.get(values.len() / 2).copied()
}

fn spread(values: impl Iterator<Item = f64>) -> String {
    let values = sorted(values);
    match values[..] {
        [] => "not measured".to_owned(),
        [one] => format!("{one:.2} s"),
        [least, .., most] => format!(
            "{:.2} s ({least:.2} to {most:.2})",
            values[values.len() / 2]
        ),
    }
}

fn short(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(seconds: f64) -> Round {
        Round {
            seconds,
            ssh: 1,
            zfs_here: 1,
            zfs_there: 2,
        }
    }

    fn report(ours: f64, peer: Option<f64>) -> Report {
        let mut report = Report::default();
        let case = Case::unchanged("");
        for seconds in [ours, ours * 3.0, ours / 2.0] {
            report.add(case.clone(), Tool::Ours, round(seconds));
        }
        if let Some(peer) = peer {
            report.add(case, Tool::Syncoid, round(peer));
        }
        report
    }

    #[test]
    fn the_median_is_held_to_the_fastest_peer() {
        assert!(report(1.0, Some(20.0)).met());
        assert!(!report(1.0, Some(19.0)).met());
        let text = report(1.0, Some(19.0)).text();
        assert!(
            text.contains("MISSED") && text.contains("1.00 s (0.50 to 3.00)"),
            "{text}"
        );
    }

    #[test]
    fn without_a_peer_nothing_is_claimed() {
        let report = report(1.0, None);
        assert!(!report.met());
        assert_eq!(report.json()["met"], false);
    }
}
