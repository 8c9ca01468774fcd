// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A workflow job, as VMAPI and Workflow both show it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::lenient;
use crate::words::words;

words!(
    Execution {
        Queued = "queued",
        Running = "running",
        Succeeded = "succeeded",
        Failed = "failed",
        Canceled = "canceled",
        Retried = "retried",
        Waiting = "waiting",
    }
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    pub uuid: Uuid,
    #[serde(default)]
    pub name: Option<String>,
    pub execution: Execution,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub params: Map<String, Value>,
    #[serde(
        default,
        deserialize_with = "lenient::uuid",
        skip_serializing_if = "Option::is_none"
    )]
    pub vm_uuid: Option<Uuid>,
    #[serde(
        default,
        deserialize_with = "lenient::uuid",
        skip_serializing_if = "Option::is_none"
    )]
    pub server_uuid: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub chain_results: Vec<TaskResult>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What one task of a job's chain came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskResult {
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub result: Value,
    /// `""`, a text, or an object with a message.
    #[serde(default)]
    pub error: Value,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What VMAPI answers to a call that starts a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    pub vm_uuid: Uuid,
    pub job_uuid: Uuid,
}

impl Job {
    pub fn is_over(&self) -> bool {
        matches!(
            self.execution,
            Execution::Succeeded | Execution::Failed | Execution::Canceled
        )
    }

    pub fn succeeded(&self) -> bool {
        self.execution == Execution::Succeeded
    }

    /// The last task that failed, and its own words.
    pub fn failure(&self) -> Option<(String, String)> {
        self.chain_results.iter().rev().find_map(|task| {
            let words = match &task.error {
                Value::Null => return None,
                Value::String(text) if text.is_empty() => return None,
                Value::String(text) => text.clone(),
                error => match error.get("message").and_then(Value::as_str) {
                    Some(message) => message.to_owned(),
                    None => error.to_string(),
                },
            };
            Some((task.name.clone().unwrap_or_default(), words))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_in_the_words_of_the_task_that_failed() {
        let job: Job = serde_json::from_value(serde_json::json!({
            "uuid": "ac15a52e-59f3-43d6-8344-2a598ffab484", "execution": "failed",
            "chain_results": [
                {"name": "common.validate_params", "result": "OK", "error": ""},
                {"name": "cnapi.poll_task", "result": "", "error": {"name": "Error", "message": "no such VM"}},
                {"name": "cleanup", "result": "done", "error": null}
            ]
        }))
        .unwrap();
        assert!(job.is_over() && !job.succeeded());
        assert_eq!(
            job.failure(),
            Some(("cnapi.poll_task".to_owned(), "no such VM".to_owned()))
        );
    }

    #[test]
    fn a_state_of_a_newer_workflow_is_not_taken_for_an_end() {
        let job: Job = serde_json::from_value(serde_json::json!({
            "uuid": "ac15a52e-59f3-43d6-8344-2a598ffab484", "execution": "paused"
        }))
        .unwrap();
        assert!(!job.is_over());
        assert_eq!(job.failure(), None);
    }
}
