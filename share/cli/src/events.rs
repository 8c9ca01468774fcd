// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Events as they happen: JSON lines for programs; live lines and a closing table for a person.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use documents::event::Outcome;
use documents::plan::StepId;
use documents::{Event, Summary};
use indicatif::ProgressBar;

use crate::exit::Exit;
use crate::output;
use crate::progress::Progress;

pub struct EventPrinter {
    json: bool,
    progress: Progress,
    running: Mutex<BTreeMap<StepId, ProgressBar>>,
}

impl EventPrinter {
    /// JSON lines when asked for, and whenever no person reads stdout.
    pub fn new(json: bool, steps: usize) -> EventPrinter {
        EventPrinter {
            json: json || !output::for_a_person(),
            progress: Progress::new(steps),
            running: Mutex::default(),
        }
    }

    /// Prints one event. A reader that went away is not told, and the run goes on: its journal has everything.
    pub fn print(&self, event: &Event) {
        if self.json {
            let _ = output::json_line(event);
            return;
        }
        if let Event::StepStarted { step, why, .. } = event {
            self.running()
                .insert(step.clone(), self.progress.begin(&format!("{step}  {why}")));
            return;
        }
        if let Some(line) = event.step().and_then(|step| self.running().remove(step)) {
            self.progress.end(&line);
        }
        if let Event::Summary(_) = event {
            self.progress.finish();
        }
        if let Some(text) = for_a_person(event) {
            let _ = output::text(&format!("{text}\n"));
        }
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<StepId, ProgressBar>> {
        self.running
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// One line of the closing record, for what is worth one.
fn for_a_person(event: &Event) -> Option<String> {
    Some(match event {
        Event::StepDone {
            step,
            changed: true,
            millis,
            ..
        } => {
            format!("done       {step}  ({:.1} s)", *millis as f64 / 1000.0)
        }
        Event::StepDone {
            step,
            changed: false,
            ..
        } => format!("as it was  {step}"),
        Event::StepFailed { step, error, .. } => format!("FAILED     {step}: {error}"),
        Event::StepHeld { step, because, .. } => format!("held       {step}: {because}"),
        Event::StepUndone { step, what, .. } => format!("undone     {step}: {what}"),
        Event::Summary(summary) => text(summary),
        _ => return None,
    })
}

fn text(summary: &Summary) -> String {
    let outcome = match summary.outcome {
        Outcome::Done => "done",
        Outcome::Partial => "partly done",
        Outcome::Undone => "undone",
    };
    let mut text = format!(
        "{outcome}: {} changed, {} as they were, {} checked, {} failed, {} held, {:.1} s",
        summary.changed,
        summary.unchanged,
        summary.checked,
        summary.failed,
        summary.held,
        summary.seconds
    );
    if let Some(next) = &summary.next {
        text.push_str(&format!("\nnext: {next}"));
    }
    text
}

/// How a run that ended so exits.
pub fn exit(summary: &Summary, interrupted: Option<u8>) -> Exit {
    match (summary.outcome, interrupted) {
        (Outcome::Partial, Some(signal)) => Exit::Signal(signal),
        (Outcome::Partial, None) if summary.changed == 0 && summary.unchanged == 0 => Exit::Failed,
        (Outcome::Partial, None) => Exit::Partial,
        (Outcome::Done | Outcome::Undone, _) => Exit::Done,
    }
}
