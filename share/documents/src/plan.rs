// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The plan: a DAG of small steps, each of which an operator could read aloud and do by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::canonical::Digest;
use crate::verb::{Expects, Verb};

pub const KIND: &str = "triton.plan/1";

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Plan {
    pub kind: String,
    pub dc: PlanDc,
    /// Run identity: derived from the DC, the fence epoch and the goal, so that planning again gives the same.
    pub run: Uuid,
    /// Tool and version.
    pub made_by: String,
    /// Digest of the inventory it was made from.
    pub inventory: Digest,
    pub goal: Goal,
    pub steps: Vec<Step>,
    pub notices: Vec<Notice>,
    /// While there is one, the plan can't be applied.
    pub refusals: Vec<Refusal>,
}

/// Which datacenter a plan is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanDc {
    pub name: String,
    /// UUID of the SAPI application `sdc`: two DCs of one name are told apart by it.
    pub sapi_app: Uuid,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Goal {
    Restore(RestoreGoal),
    Setup(SetupGoal),
}

impl Goal {
    /// The headnode that a plan with this goal is applied on.
    pub fn applied_on(&self) -> Uuid {
        match self {
            Goal::Restore(goal) => goal.on,
            Goal::Setup(goal) => goal.from,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetupGoal {
    /// Compute nodes that are to be headnodes.
    pub servers: Vec<Uuid>,
    /// The headnode whose medium and configuration theirs are made of.
    pub from: Uuid,
    /// Nothing is asked of an API.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub offline: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreGoal {
    /// Servers given up as lost.
    pub lost: Vec<Uuid>,
    /// Zones that are gone from the server where they come back, though it lives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<Uuid>,
    /// Where their services come back.
    pub on: Uuid,
    /// Services asked for; empty means all that can be restored.
    pub services: Vec<String>,
}

/// `service/what`, unique in a plan.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct StepId(pub String);

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for StepId {
    fn from(text: &str) -> StepId {
        StepId(text.to_owned())
    }
}

impl From<String> for StepId {
    fn from(text: String) -> StepId {
        StepId(text)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Step {
    pub id: StepId,
    /// Server it acts on.
    pub host: Uuid,
    #[serde(flatten)]
    pub verb: Verb,
    /// Checked again right before acting.
    #[serde(skip_serializing_if = "Expects::is_empty")]
    pub expects: Expects,
    pub needs: Vec<StepId>,
    pub service: String,
    /// One sentence for a person.
    pub why: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    pub level: Level,
    pub service: String,
    pub text: String,
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The operator must do this, or something stays broken.
    Must,
    /// Worth knowing before going on.
    Warn,
    Info,
}

/// Why the plan must not be applied as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// Service, or `dc` for all of it.
    pub service: String,
    pub text: String,
    /// The flag that accepts this risk by name; none where nothing may accept it.
    pub accepted_by: Option<String>,
}

/// What is wrong with the shape of a plan beyond its fields.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanFault {
    #[error("steps[{index}].id: \"{id}\" is used twice")]
    Duplicate { index: usize, id: StepId },
    #[error("steps[{index}].needs: \"{need}\" is no step of this plan")]
    Dangling { index: usize, need: StepId },
    #[error("steps: these need each other in a circle: {}", .ids.join(", "))]
    Circle { ids: Vec<String> },
    #[error(
        "steps[{index}].with: takes the output \"{output}\" of \"{step}\", which it does not need"
    )]
    Unneeded {
        index: usize,
        step: StepId,
        output: String,
    },
}

impl Plan {
    /// Digest of the plan's content: the journal is keyed by it.
    pub fn digest(&self) -> Digest {
        Digest::of(self)
    }

    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == *id)
    }

    /// Checks ids, needs, circles and references to outputs.
    pub fn check_shape(&self) -> Result<(), PlanFault> {
        let mut seen = BTreeSet::new();
        for (index, step) in self.steps.iter().enumerate() {
            if !seen.insert(&step.id) {
                return Err(PlanFault::Duplicate {
                    index,
                    id: step.id.clone(),
                });
            }
        }
        for (index, step) in self.steps.iter().enumerate() {
            if let Some(need) = step.needs.iter().find(|need| !seen.contains(need)) {
                return Err(PlanFault::Dangling {
                    index,
                    need: need.clone(),
                });
            }
        }
        self.check_order()?;
        self.check_outputs()
    }

    fn check_order(&self) -> Result<(), PlanFault> {
        let mut waiting: BTreeMap<&StepId, BTreeSet<&StepId>> = self
            .steps
            .iter()
            .map(|s| (&s.id, s.needs.iter().collect()))
            .collect();
        loop {
            let ready: Vec<&StepId> = waiting
                .iter()
                .filter(|(_, needs)| needs.is_empty())
                .map(|(id, _)| *id)
                .collect();
            if ready.is_empty() {
                break;
            }
            for id in &ready {
                waiting.remove(id);
            }
            for needs in waiting.values_mut() {
                needs.retain(|need| !ready.contains(need));
            }
        }
        if waiting.is_empty() {
            return Ok(());
        }
        Err(PlanFault::Circle {
            ids: waiting.keys().map(|id| id.to_string()).collect(),
        })
    }

    fn check_outputs(&self) -> Result<(), PlanFault> {
        let needs: BTreeMap<&StepId, &Vec<StepId>> = self
            .steps
            .iter()
            .map(|step| (&step.id, &step.needs))
            .collect();
        for (index, step) in self.steps.iter().enumerate() {
            let with = serde_json::to_value(&step.verb).unwrap_or_default();
            let mut found = Vec::new();
            output_references(&with, &mut found);
            for (from, output) in found {
                if !reaches(&needs, &step.id, &from) {
                    return Err(PlanFault::Unneeded {
                        index,
                        step: from,
                        output,
                    });
                }
            }
        }
        Ok(())
    }
}

fn reaches(needs: &BTreeMap<&StepId, &Vec<StepId>>, from: &StepId, to: &StepId) -> bool {
    let mut todo = vec![from];
    let mut seen = BTreeSet::new();
    while let Some(id) = todo.pop() {
        for need in needs.get(id).into_iter().flat_map(|list| list.iter()) {
            if need == to {
                return true;
            }
            if seen.insert(need) {
                todo.push(need);
            }
        }
    }
    false
}

/// `{"from": "<step>.<output>"}` and nothing else in the object: a reference to an output.
pub fn output_reference(value: &Value) -> Option<(StepId, String)> {
    let object = value.as_object()?;
    if object.len() != 1 {
        return None;
    }
    let (step, output) = object.get("from")?.as_str()?.split_once('.')?;
    Some((StepId::from(step), output.to_owned()))
}

fn output_references(value: &Value, found: &mut Vec<(StepId, String)>) {
    if let Some(reference) = output_reference(value) {
        found.push(reference);
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| output_references(item, found)),
        Value::Object(map) => map.values().for_each(|item| output_references(item, found)),
        _ => {}
    }
}
