// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What unfinished runs need: a snapshot or a generation that one of their plans names is not removed.

use std::fs;
use std::path::Path;

use documents::event::Outcome;
use documents::read;
use documents::{Digest, Event};

/// Below the platform's root.
pub const JOURNAL: &str = "/var/sdcadm/journal";

/// The text of the plans of unfinished runs, each with the folder of its run.
#[derive(Debug, Clone, Default)]
pub struct Pins(Vec<(String, String)>);

impl Pins {
    pub fn none() -> Pins {
        Pins::default()
    }

    pub fn of(plans: Vec<(String, String)>) -> Pins {
        Pins(plans)
    }

    /// Reads the plans of all runs below `journal` that did not come to their end. What can't be read counts as unfinished,
    /// and so does a run of only some of its plan's steps: keeping too much does no harm.
    pub fn below(journal: &Path) -> Pins {
        let Ok(runs) = fs::read_dir(journal) else {
            return Pins::default();
        };
        let mut plans = Vec::new();
        for run in runs.flatten() {
            if is_finished(&run.path()) {
                continue;
            }
            let Ok(files) = fs::read_dir(run.path()) else {
                continue;
            };
            for file in files.flatten() {
                let name = file.file_name().to_string_lossy().into_owned();
                if name.starts_with("plan-") && name.ends_with(".json") {
                    let text = fs::read(file.path()).unwrap_or_default();
                    plans.push((
                        run.path().display().to_string(),
                        String::from_utf8_lossy(&text).into_owned(),
                    ));
                }
            }
        }
        Pins(plans)
    }

    /// The run that needs the thing of this name, if one does.
    pub fn who_needs(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(_, plan)| plan.contains(name))
            .map(|(run, _)| run.as_str())
    }
}

/// A run has ended when its last event is a summary that leaves nothing to do, of all the steps of its plan.
fn is_finished(run: &Path) -> bool {
    let events = fs::read(run.join("events.ndjson")).unwrap_or_default();
    let events = read::events(&events).unwrap_or_default();
    let ended = matches!(
        events.last(),
        Some(Event::Summary(summary)) if summary.outcome != Outcome::Partial
    );
    let last = events.iter().rev().find_map(|event| match event {
        Event::RunStarted { plan, steps, .. } => Some((plan, *steps)),
        _ => None,
    });
    ended && last.is_some_and(|(plan, steps)| steps_of(run, plan) == Some(steps))
}

/// How many steps the run's plan of this digest has.
fn steps_of(run: &Path, plan: &Digest) -> Option<usize> {
    let plans = fs::read_dir(run).ok()?.flatten();
    let mut plans = plans.filter_map(|file| {
        let name = file.file_name().to_string_lossy().into_owned();
        let is_plan = name.starts_with("plan-") && name.ends_with(".json");
        read::plan(&is_plan.then(|| fs::read(file.path()).ok())??).ok()
    });
    plans
        .find(|found| found.digest() == *plan)
        .map(|found| found.steps.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use documents::event::Summary;
    use documents::{Plan, Timestamp};
    use serde_json::json;

    const SERVER: &str = "00000000-0000-0000-0000-000000000003";

    fn plan() -> Plan {
        let plan = json!({
            "kind": "triton.plan/1",
            "dc": {"name": "east-1", "sapi_app": SERVER},
            "run": SERVER,
            "made_by": "s/20261123T051000Z-0a/x",
            "inventory": "sha256:00",
            "goal": {"restore": {"lost": [], "on": SERVER, "services": []}},
            "steps": [
                {
                    "id": "imgapi/start", "host": SERVER, "verb": "zone.start", "with": {"vm": SERVER},
                    "needs": [], "service": "imgapi", "why": "so"
                }
            ],
            "notices": [],
            "refusals": []
        });
        read::plan(plan.to_string().as_bytes()).unwrap()
    }

    /// A run of that many of its plan's steps; without an outcome it broke off.
    fn journal(steps: usize, outcome: Option<Outcome>) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("a run");
        fs::create_dir(&run).unwrap();
        let text = serde_json::to_vec(&plan()).unwrap();
        fs::write(run.join("plan-0a1b.json"), text).unwrap();
        let at = Timestamp::from_millis(0);
        let mut events = vec![Event::RunStarted {
            at,
            run: plan().run,
            plan: plan().digest(),
            resumed: false,
            steps,
            scope: "this headnode".to_owned(),
        }];
        events.extend(outcome.map(|outcome| {
            Event::Summary(Summary {
                at,
                run: plan().run,
                outcome,
                changed: 1,
                unchanged: 0,
                checked: 0,
                failed: 0,
                held: 0,
                seconds: 1.0,
                next: None,
            })
        }));
        let lines = events
            .iter()
            .map(|event| serde_json::to_string(event).unwrap() + "\n");
        fs::write(run.join("events.ndjson"), lines.collect::<String>()).unwrap();
        folder
    }

    #[test]
    fn a_run_that_broke_off_pins_what_its_plan_names() {
        for outcome in [None, Some(Outcome::Partial)] {
            let folder = journal(1, outcome);
            let pins = Pins::below(folder.path());
            assert!(pins.who_needs("20261123T051000Z-0a").is_some());
            assert!(pins.who_needs("20261123T060000Z-0b").is_none());
        }
    }

    #[test]
    fn a_run_of_some_of_its_steps_goes_on_pinning() {
        let folder = journal(0, Some(Outcome::Done));
        let pins = Pins::below(folder.path());
        assert!(pins.who_needs("20261123T051000Z-0a").is_some());
    }

    #[test]
    fn a_run_that_is_done_pins_nothing() {
        let folder = journal(1, Some(Outcome::Done));
        assert!(
            Pins::below(folder.path())
                .who_needs("20261123T051000Z-0a")
                .is_none()
        );
    }

    #[test]
    fn without_a_journal_nothing_is_pinned() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            Pins::below(&folder.path().join("none"))
                .who_needs("x")
                .is_none()
        );
    }
}
