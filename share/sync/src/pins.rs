// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What unfinished runs need: a snapshot or a generation that one of their plans names is not removed.

use std::fs;
use std::path::Path;

use documents::Event;
use documents::event::Outcome;
use documents::read;

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

    /// Reads the plans of all runs below `journal` that did not come to their end. What can't be read counts as unfinished:
    /// keeping too much does no harm.
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

/// A run has ended when its last event is a summary that leaves nothing to do.
fn is_finished(run: &Path) -> bool {
    let Ok(bytes) = fs::read(run.join("events.ndjson")) else {
        return false;
    };
    match read::events(&bytes) {
        Ok(events) => matches!(
            events.last(),
            Some(Event::Summary(summary)) if summary.outcome != Outcome::Partial
        ),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use documents::event::Summary;
    use documents::{Timestamp, Uuid};

    fn journal(outcome: Option<Outcome>) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("a run");
        fs::create_dir(&run).unwrap();
        fs::write(
            run.join("plan-0a1b.json"),
            r#"{"from":"s/20261123T051000Z-0a/x"}"#,
        )
        .unwrap();
        if let Some(outcome) = outcome {
            let summary = Event::Summary(Summary {
                at: Timestamp::from_millis(0),
                run: Uuid::nil(),
                outcome,
                changed: 1,
                unchanged: 0,
                failed: 0,
                held: 0,
                seconds: 1.0,
                next: None,
            });
            let mut line = serde_json::to_string(&summary).unwrap();
            line.push('\n');
            fs::write(run.join("events.ndjson"), line).unwrap();
        }
        folder
    }

    #[test]
    fn a_run_that_broke_off_pins_what_its_plan_names() {
        for outcome in [None, Some(Outcome::Partial)] {
            let folder = journal(outcome);
            let pins = Pins::below(folder.path());
            assert!(pins.who_needs("20261123T051000Z-0a").is_some());
            assert!(pins.who_needs("20261123T060000Z-0b").is_none());
        }
    }

    #[test]
    fn a_run_that_is_done_pins_nothing() {
        let folder = journal(Some(Outcome::Done));
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
