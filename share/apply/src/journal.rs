// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The journal of a run: the plan itself and every event, each on disk before what it brackets goes on. Content of retired
//! records is kept beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
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

const EVENTS: &str = "events.ndjson";

/// What earlier runs wrote down of one step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Past {
    /// What was chosen last.
    pub intent: Option<Value>,
    /// Absent again once something new was intended.
    pub outputs: Option<Map<String, Value>>,
}

impl Past {
    /// What was chosen and not brought to its end: to be finished with the same values.
    pub fn unfinished(&self) -> Option<&Value> {
        self.intent.as_ref().filter(|_| self.outputs.is_none())
    }
}

pub struct Journal {
    pub run: Uuid,
    host: Host,
    folder: PathBuf,
    /// Absent until the run begins: a plan that is refused leaves no trace.
    file: Mutex<Option<File>>,
    past: BTreeMap<(StepId, Digest), Past>,
    /// What each step was when it was begun last, and not taken back since.
    begun: BTreeMap<StepId, Digest>,
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

/// The plan of a run of which some steps were begun, and not taken back, and some are not done.
pub fn unfinished(host: &Host, run: Uuid) -> Result<Option<Plan>, StepError> {
    let folder = PathBuf::from(FOLDER).join(run.to_string());
    let known = host.read_if_there(folder.join(EVENTS))?.unwrap_or_default();
    let events = read::events(&known).map_err(StepError::firm)?;
    let started = |event: &&Event| matches!(event, Event::RunStarted { .. });
    let Some(Event::RunStarted { plan, .. }) = events.iter().rev().find(started) else {
        return Ok(None);
    };
    let bytes = host.read(folder.join(plan_file(plan)))?;
    let plan = read::plan(&bytes).map_err(StepError::firm)?;
    let mut open: BTreeSet<&StepId> = plan.steps.iter().map(|step| &step.id).collect();
    let mut begun = BTreeSet::new();
    for event in &events {
        match event {
            Event::StepIntended { step, .. } => {
                begun.insert(step);
            }
            Event::StepDone { step, .. } => {
                open.remove(step);
            }
            Event::StepUndone { step, .. } => {
                begun.remove(step);
            }
            _ => {}
        }
    }
    let unfinished = !open.is_empty() && !begun.is_empty();
    Ok(unfinished.then(|| plan.clone()))
}

fn plan_file(digest: &Digest) -> String {
    let hex = digest.as_str().trim_start_matches("sha256:");
    format!("plan-{}.json", hex.get(..12).unwrap_or(hex))
}

impl Journal {
    /// Reads what earlier runs of this identity wrote down.
    pub fn open(host: &Host, run: Uuid) -> Result<Journal, StepError> {
        let folder = PathBuf::from(FOLDER).join(run.to_string());
        let path = folder.join(EVENTS);
        let known = host.read_if_there(&path)?.unwrap_or_default();
        let events = read::events(&known).map_err(|error| {
            StepError::firm(format!(
                "{}: {error}; move the file aside to begin anew",
                path.display()
            ))
        })?;
        let (past, begun) = past(&events);
        Ok(Journal {
            run,
            host: host.clone(),
            folder,
            file: Mutex::default(),
            resumed: !events.is_empty(),
            past,
            begun,
        })
    }

    /// Keeps the plan, and opens the file of events for more of them.
    pub fn begin(&self, plan: &Plan) -> Result<(), StepError> {
        self.host.make_dir_all(&self.folder, 0o700)?;
        let bytes = serde_json::to_vec(plan).map_err(StepError::firm)?;
        let name = plan_file(&plan.digest());
        self.host
            .write_atomic(self.folder.join(name), &bytes, 0o600)?;

        let path = self.folder.join(EVENTS);
        let known = self.host.read_if_there(&path)?.unwrap_or_default();
        let whole = known
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let opened = || -> io::Result<File> {
            let file = OpenOptions::new()
                .create(true)
                .append(true)
                .mode(0o600)
                .open(self.host.path(&path))?;
            // A line that a crash cut short goes, so that the next one begins at its own.
            if whole < known.len() {
                file.set_len(whole as u64)?;
                file.sync_all()?;
            }
            // A new file is there after a power loss only if its folder is on disk too.
            File::open(self.host.path(&self.folder))?.sync_all()?;
            Ok(file)
        };
        let file = opened()
            .map_err(|error| StepError::firm(format!("can't write {}: {error}", path.display())))?;
        *self.locked() = Some(file);
        Ok(())
    }

    /// Appends an event and returns when it is on disk.
    pub fn write(&self, event: &Event) -> Result<(), StepError> {
        let mut line = serde_json::to_vec(event).map_err(StepError::firm)?;
        line.push(b'\n');
        let failed = |error: io::Error| {
            StepError::firm(format!(
                "can't write the journal {}: {error}",
                self.folder.display()
            ))
        };
        let mut file = self.locked();
        let Some(file) = file.as_mut() else {
            return Err(failed(io::Error::other("the run has not begun")));
        };
        let before = file.metadata().map_err(failed)?.len();
        file.write_all(&line)
            .and_then(|()| file.sync_data())
            .map_err(|error| {
                // On a full disk half a line may stand there; the next one must not be joined to it.
                let _ = file.set_len(before);
                failed(error)
            })
    }

    /// What earlier runs did about this very step.
    pub fn past(&self, step: &Step) -> Past {
        self.past
            .get(&(step.id.clone(), content(step)))
            .cloned()
            .unwrap_or_default()
    }

    /// Steps that another plan of this run began, and that this plan does not have, or has with another content; each with the
    /// file of that plan if it can be found.
    pub fn begun_otherwise(&self, plan: &Plan) -> Vec<(StepId, Option<PathBuf>)> {
        let ours = |id: &StepId, digest: &Digest| {
            plan.step(id).is_some_and(|step| content(step) == *digest)
        };
        let others = self.begun.iter().filter(|(id, digest)| !ours(id, digest));
        others
            .map(|(id, digest)| (id.clone(), self.plan_with(id, digest)))
            .collect()
    }

    fn plan_with(&self, id: &StepId, digest: &Digest) -> Option<PathBuf> {
        let names = self.host.list(&self.folder).ok()?;
        let plans = names.iter().filter(|name| name.starts_with("plan-"));
        plans.map(|name| self.folder.join(name)).find(|path| {
            let plan = self.host.read(path).ok().map(|bytes| read::plan(&bytes));
            let Some(Ok(plan)) = plan else { return false };
            plan.step(id).is_some_and(|step| content(step) == *digest)
        })
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

    fn locked(&self) -> MutexGuard<'_, Option<File>> {
        self.file
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

type Pasts = BTreeMap<(StepId, Digest), Past>;

fn past(events: &[Event]) -> (Pasts, BTreeMap<StepId, Digest>) {
    let mut past = Pasts::new();
    let mut begun: BTreeMap<StepId, Digest> = BTreeMap::new();
    for event in events {
        match event {
            Event::StepIntended {
                step,
                content,
                intent,
                ..
            } => {
                begun.insert(step.clone(), content.clone());
                let known = past.entry((step.clone(), content.clone())).or_default();
                *known = Past {
                    intent: Some(intent.clone()),
                    outputs: None,
                };
            }
            Event::StepDone {
                step,
                content,
                outputs,
                ..
            } => {
                past.entry((step.clone(), content.clone()))
                    .or_default()
                    .outputs = Some(outputs.clone());
            }
            // What was taken back was never chosen, and what found it there does not any more.
            Event::StepUndone { step, .. } => {
                let back = begun.remove(step);
                past.retain(|(id, content), known| {
                    id != step || (known.intent.is_some() && Some(content) != back.as_ref())
                });
            }
            _ => {}
        }
    }
    (past, begun)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{plan, step};
    use documents::Timestamp;

    fn intended(step: &Step, parked: &str) -> Event {
        Event::StepIntended {
            at: Timestamp::now(),
            step: step.id.clone(),
            content: content(step),
            intent: json!({"parked": parked}),
        }
    }

    fn done(step: &Step) -> Event {
        Event::StepDone {
            at: Timestamp::now(),
            step: step.id.clone(),
            content: content(step),
            changed: true,
            outputs: Map::new(),
            millis: 1,
        }
    }

    fn undone(step: &Step) -> Event {
        Event::StepUndone {
            at: Timestamp::now(),
            step: step.id.clone(),
            what: "renamed".to_owned(),
        }
    }

    #[test]
    fn what_was_chosen_and_not_finished_is_used_again_and_nothing_else() {
        let step = step("imgapi/attach", &[]);
        let key = (step.id.clone(), content(&step));
        let chosen = |events: &[Event]| {
            let past = past(events).0.get(&key).cloned().unwrap_or_default();
            past.unfinished().map(|intent| intent["parked"].clone())
        };
        assert_eq!(chosen(&[]), None);
        assert_eq!(chosen(&[intended(&step, "a")]), Some(json!("a")));
        assert_eq!(chosen(&[intended(&step, "a"), done(&step)]), None);
        // Done, gone, and begun once more.
        let again = [intended(&step, "a"), done(&step), intended(&step, "b")];
        assert_eq!(chosen(&again), Some(json!("b")));
        assert_eq!(chosen(&[intended(&step, "a"), undone(&step)]), None);
    }

    #[test]
    fn a_step_whose_content_changed_is_another_step() {
        let before = step("imgapi/start", &[]);
        let mut after = before.clone();
        after.why = "said better".to_owned();
        after.needs = vec!["imgapi/create".into()];
        assert_eq!(content(&before), content(&after));
        after.expects.state = Some("stopped".to_owned());
        assert_ne!(content(&before), content(&after));
    }

    #[test]
    fn what_another_plan_of_the_run_began_is_known_with_its_file() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::local(root.path());
        let first = plan(vec![step("imgapi/attach", &[])]);
        let mut other = first.clone();
        other.steps[0].expects.state = Some("stopped".to_owned());
        let journal = Journal::open(&host, first.run).unwrap();
        journal.begin(&first).unwrap();
        journal.write(&intended(&first.steps[0], "a")).unwrap();
        journal.write(&done(&first.steps[0])).unwrap();
        // Found as it should be by the other plan, which did not begin it.
        journal.write(&done(&other.steps[0])).unwrap();

        let journal = Journal::open(&host, first.run).unwrap();
        assert_eq!(journal.begun_otherwise(&first), []);
        let [(id, Some(file))] = &journal.begun_otherwise(&other)[..] else {
            panic!("one step, with its plan")
        };
        assert_eq!(id.0, "imgapi/attach");
        assert_eq!(read::plan(&host.read(file).unwrap()).unwrap(), first);

        journal.begin(&first).unwrap();
        journal.write(&undone(&first.steps[0])).unwrap();
        let journal = Journal::open(&host, first.run).unwrap();
        assert_eq!(journal.begun_otherwise(&other), []);
        assert_eq!(journal.past(&first.steps[0]), Past::default());
        assert_eq!(journal.past(&other.steps[0]), Past::default());
    }

    #[test]
    fn a_line_that_was_cut_short_is_taken_out_and_the_rest_kept() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::local(root.path());
        let plan = plan(vec![step("imgapi/attach", &[])]);
        let journal = Journal::open(&host, plan.run).unwrap();
        assert!(!journal.resumed);
        journal.begin(&plan).unwrap();
        journal.write(&intended(&plan.steps[0], "a")).unwrap();
        let path = journal.folder().join(EVENTS);
        let whole = host.read(&path).unwrap();
        host.write_atomic(&path, &[whole.as_slice(), &whole[..30]].concat(), 0o600)
            .unwrap();

        let journal = Journal::open(&host, plan.run).unwrap();
        assert!(journal.resumed);
        journal.begin(&plan).unwrap();
        journal.write(&done(&plan.steps[0])).unwrap();
        let events = read::events(&host.read(&path).unwrap()).unwrap();
        assert_eq!(events.len(), 2);
        assert!(journal.past(&plan.steps[0]).unfinished().is_some());
        let outputs = past(&events).0.into_values().next().unwrap().outputs;
        assert_eq!(outputs, Some(Map::new()));
    }

    #[test]
    fn a_journal_that_is_broken_inside_is_not_guessed_at() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::local(root.path());
        let run = Uuid::from_u128(7);
        let folder = PathBuf::from(FOLDER).join(run.to_string());
        host.make_dir_all(&folder, 0o700).unwrap();
        host.write_atomic(folder.join(EVENTS), b"{\"event\":\n{}\n", 0o600)
            .unwrap();
        let error = Journal::open(&host, run).err().unwrap();
        assert!(error.why.contains("move the file aside"), "{error}");
    }
}
