// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The journal of a run: the plan itself and every event, each on disk before what it brackets goes on. Content of retired
//! records is kept beside it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

use documents::plan::{Step, StepId};
use documents::{Digest, Event, Plan, Uuid, read};
use platform::Host;
use serde_json::{Map, Value, json};

use crate::step::StepError;

/// Persistent, and beside what sdcadm keeps.
pub const FOLDER: &str = "/var/sdcadm/journal";

/// What earlier runs wrote down of one step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Past {
    pub intent: Option<Value>,
    pub outputs: Option<Map<String, Value>>,
}

pub struct Journal {
    host: Host,
    folder: PathBuf,
    file: Mutex<File>,
    past: BTreeMap<(StepId, Digest), Past>,
    /// An earlier run of the same identity wrote here.
    pub resumed: bool,
}

/// What makes two steps the same: all but why they are done and what they wait for.
pub fn content(step: &Step) -> Digest {
    Digest::of(
        &json!({"id": step.id, "host": step.host, "verb": step.verb, "expects": step.expects}),
    )
}

/// Runs that have a journal on this headnode.
pub fn runs(host: &Host) -> Vec<Uuid> {
    let names = host.list(FOLDER).unwrap_or_default();
    names.iter().filter_map(|name| name.parse().ok()).collect()
}

impl Journal {
    /// Opens the journal of a plan's run, reads what is in it, and adds the plan.
    pub fn open(host: &Host, plan: &Plan) -> Result<Journal, StepError> {
        let folder = PathBuf::from(FOLDER).join(plan.run.to_string());
        host.make_dir_all(&folder, 0o700)?;
        let bytes = serde_json::to_vec(plan).map_err(StepError::firm)?;
        let digest = plan.digest();
        let short: String = digest
            .as_str()
            .chars()
            .skip("sha256:".len())
            .take(12)
            .collect();
        host.write_atomic(folder.join(format!("plan-{short}.json")), &bytes, 0o600)?;

        let path = folder.join("events.ndjson");
        let known = host.read_if_there(&path)?.unwrap_or_default();
        let events = read::events(&known).map_err(|error| {
            StepError::firm(format!(
                "{}: {error}; move the file aside to begin anew",
                path.display()
            ))
        })?;
        let open = |error: std::io::Error| {
            StepError::firm(format!("can't write {}: {error}", path.display()))
        };
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(host.path(&path))
            .map_err(open)?;
        // A line that a crash cut short is ended, so that the next one begins at its own.
        let whole = known
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        if whole < known.len() {
            file.set_len(whole as u64)
                .and_then(|()| file.sync_all())
                .map_err(open)?;
            file.flush().map_err(open)?;
        }
        Ok(Journal {
            host: host.clone(),
            folder,
            file: Mutex::new(file),
            resumed: !events.is_empty(),
            past: past(&events),
        })
    }

    /// Appends an event and returns when it is on disk.
    pub fn write(&self, event: &Event) -> Result<(), StepError> {
        let mut line = serde_json::to_vec(event).map_err(StepError::firm)?;
        line.push(b'\n');
        let mut file = self.locked();
        file.write_all(&line)
            .and_then(|()| file.sync_data())
            .map_err(|error| {
                StepError::firm(format!(
                    "can't write the journal {}: {error}",
                    self.folder.display()
                ))
            })
    }

    /// What earlier runs did about this very step.
    pub fn past(&self, step: &Step) -> Past {
        self.past
            .get(&(step.id.clone(), content(step)))
            .cloned()
            .unwrap_or_default()
    }

    /// Keeps what a step is about to take away.
    pub fn keep(&self, step: &StepId, content: &Value) -> Result<(), StepError> {
        let name = format!("kept-{}.json", step.0.replace('/', "-"));
        let bytes = serde_json::to_vec_pretty(content).map_err(StepError::firm)?;
        self.host
            .write_atomic(self.folder.join(name), &bytes, 0o600)?;
        Ok(())
    }

    pub fn folder(&self) -> PathBuf {
        self.folder.clone()
    }

    fn locked(&self) -> MutexGuard<'_, File> {
        self.file
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn past(events: &[Event]) -> BTreeMap<(StepId, Digest), Past> {
    let mut past: BTreeMap<(StepId, Digest), Past> = BTreeMap::new();
    let mut last: BTreeMap<StepId, Digest> = BTreeMap::new();
    for event in events {
        match event {
            Event::StepIntended {
                step,
                content,
                intent,
                ..
            } => {
                last.insert(step.clone(), content.clone());
                past.entry((step.clone(), content.clone()))
                    .or_default()
                    .intent = Some(intent.clone());
            }
            Event::StepDone {
                step,
                content,
                outputs,
                ..
            } => {
                last.insert(step.clone(), content.clone());
                past.entry((step.clone(), content.clone()))
                    .or_default()
                    .outputs = Some(outputs.clone());
            }
            // What was taken back was never chosen.
            Event::StepUndone { step, .. } => {
                if let Some(content) = last.get(step) {
                    past.remove(&(step.clone(), content.clone()));
                }
            }
            _ => {}
        }
    }
    past
}
