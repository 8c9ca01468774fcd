// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Workflow, which runs the jobs of VMAPI, CNAPI and IMGAPI. Asked whether a datacenter still works on something.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::answer::Listed;
use crate::check;
use crate::error::ApiError;
use crate::http::Client;
use crate::job::{Execution, Job};
use crate::route::{AnyRoute, Route};

const PING: Route<Ping> = Route::get("Ping", "/ping");
const LIST_JOBS: Route<Listed<Job>> = Route::list("ListJobs", "/jobs");
const GET_JOB: Route<Job> = Route::get("GetJob", "/jobs/:uuid");

/// Every call that is made to Workflow.
pub const ROUTES: &[&dyn AnyRoute] = &[&PING, &LIST_JOBS, &GET_JOB];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ping {
    pub backend: String,
    #[serde(default)]
    pub backend_error: Option<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Ping {
    pub fn healthy(&self) -> bool {
        self.backend == "up"
    }
}

#[derive(Debug, Clone)]
pub struct Workflow {
    client: Client,
}

impl Workflow {
    pub fn new(client: Client) -> Workflow {
        Workflow { client }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn ping(&self) -> Result<Ping, ApiError> {
        self.client.send(PING.at(&[]))
    }

    /// Jobs in a state, at most `limit` of them: enough to see whether there are any.
    pub fn list_jobs(
        &self,
        execution: Option<&Execution>,
        limit: usize,
    ) -> Result<Listed<Job>, ApiError> {
        let request = LIST_JOBS
            .at(&[])
            .query_if("execution", execution)
            .query("limit", limit)
            .check(check::limit(limit))
            .check(match execution {
                Some(Execution::Unknown(word)) => check::wrong(
                    "execution",
                    format!("is '{word}', which is no state of a job"),
                ),
                _ => Ok(()),
            });
        self.client.send(request)
    }

    pub fn get_job(&self, uuid: Uuid) -> Result<Job, ApiError> {
        self.client.send(GET_JOB.at(&[&uuid]))
    }
}
