// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! VMAPI, which knows every VM of the datacenter: what agents reported, for as long as nobody says otherwise.

mod vm;

use serde_json::json;
use uuid::Uuid;

use crate::answer::Listed;
use crate::check::{self, Checked};
use crate::error::{ApiError, ErrorKind};
use crate::http::Client;
use crate::job::Job;
use crate::paging;
use crate::route::{AnyRoute, Route};

pub use vm::{Ping, Vm, VmNic, VmState};

const PING: Route<Ping> = Route::get("Ping", "/ping").also(&[500, 503]);
const LIST_VMS: Route<Listed<Vm>> = Route::list("ListVms", "/vms");
const GET_VM: Route<Vm> = Route::get("GetVm", "/vms/:uuid");
const PUT_VM: Route<Vm> = Route::put("PutVm", "/vms/:uuid");
const GET_JOB: Route<Job> = Route::get("GetJob", "/jobs/:uuid");
const WAIT_JOB: Route<Job> = Route::get("WaitJob", "/jobs/:uuid/wait").minutes(61);

/// Every call that is made to VMAPI.
pub const ROUTES: &[&dyn AnyRoute] = &[&PING, &LIST_VMS, &GET_VM, &PUT_VM, &GET_JOB, &WAIT_JOB];

/// The only words that VMAPI takes to list by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListState {
    Running,
    Stopped,
    /// Neither destroyed nor failed.
    Active,
    Destroyed,
}

impl ListState {
    fn as_str(self) -> &'static str {
        match self {
            ListState::Running => "running",
            ListState::Stopped => "stopped",
            ListState::Active => "active",
            ListState::Destroyed => "destroyed",
        }
    }
}

/// Which VMs to list; the default is all that ever were, the destroyed ones too.
#[derive(Debug, Clone, Default)]
pub struct VmFilter {
    pub state: Option<ListState>,
    pub owner_uuid: Option<Uuid>,
    pub server_uuid: Option<Uuid>,
    pub alias: Option<String>,
    pub uuids: Vec<Uuid>,
    /// Such as `smartdc_role` and `imgapi`.
    pub tags: Vec<(String, String)>,
    /// To be told only these fields; `uuid` always comes.
    pub fields: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct Vmapi {
    client: Client,
}

impl Vmapi {
    pub fn new(client: Client) -> Vmapi {
        Vmapi { client }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn ping(&self) -> Result<Ping, ApiError> {
        self.client.send(PING.at(&[]))
    }

    /// All pages, to the end.
    pub fn list_vms(&self, filter: &VmFilter) -> Result<Listed<Vm>, ApiError> {
        let limit = paging::LARGEST;
        let next = |page: &Listed<Vm>| page.last().map(|vm| vm.uuid);
        paging::by_marker(limit, next, |marker| {
            let csv = |uuids: &[Uuid]| {
                let texts: Vec<String> = uuids.iter().map(Uuid::to_string).collect();
                (!texts.is_empty()).then(|| texts.join(","))
            };
            let mut request = LIST_VMS
                .at(&[])
                .query_if("state", filter.state.map(ListState::as_str))
                .query_if("owner_uuid", filter.owner_uuid)
                .query_if("server_uuid", filter.server_uuid)
                .query_if("alias", filter.alias.as_ref())
                .query_if("uuids", csv(&filter.uuids))
                .query("limit", limit)
                // An object with all sort fields; VMAPI sorts by UUID unless told otherwise.
                .query_if("marker", marker.map(|uuid| json!({ "uuid": uuid })))
                .check(check_filter(filter));
            for (key, value) in &filter.tags {
                request = request.query(&format!("tag.{key}"), value);
            }
            if !filter.fields.is_empty() {
                request = request.query("fields", format!("uuid,{}", filter.fields.join(",")));
            }
            self.client.send(request)
        })
    }

    pub fn get_vm(&self, uuid: Uuid) -> Result<Vm, ApiError> {
        self.client.send(GET_VM.at(&[&uuid]))
    }

    /// The same, but VMAPI asks the VM's server first. Of no use when that server is dead.
    pub fn get_vm_synced(&self, uuid: Uuid) -> Result<Vm, ApiError> {
        self.client.send(GET_VM.at(&[&uuid]).query("sync", "true"))
    }

    /// Puts a VM's record as its server's vm-agent would. The whole record: what is not in it is forgotten.
    pub fn put_vm(&self, vm: &Vm) -> Result<Vm, ApiError> {
        let request = PUT_VM.at(&[&vm.uuid]);
        let body = serde_json::to_value(vm).map_err(|e| {
            let why = format!("the VM could not be written as JSON: {e}");
            ApiError::new(
                request.call_name(self.client.service(), self.client.asked()),
                ErrorKind::Local { why },
            )
        })?;
        self.client.send(request.body(body).check(check_put(vm)))
    }

    /// Tells VMAPI that a VM is gone for good, as its server's vm-agent would if it lived.
    pub fn mark_destroyed(&self, vm: &Vm) -> Result<Vm, ApiError> {
        let mut gone = vm.clone();
        gone.state = Some(VmState::Destroyed);
        gone.zone_state = Some("destroyed".to_owned());
        self.put_vm(&gone)
    }

    pub fn get_job(&self, uuid: Uuid) -> Result<Job, ApiError> {
        self.client.send(GET_JOB.at(&[&uuid]))
    }

    /// Returns when the job has ended, well or not: look at `execution`.
    pub fn wait_job(&self, uuid: Uuid) -> Result<Job, ApiError> {
        match self.client.send(WAIT_JOB.at(&[&uuid])) {
            // VMAPI may answer so to a job that failed; the job itself tells more.
            Err(e) if e.status() == Some(500) && e.code() == Some("Error") => {
                let job = self.get_job(uuid)?;
                if job.is_over() { Ok(job) } else { Err(e) }
            }
            other => other,
        }
    }
}

fn check_filter(filter: &VmFilter) -> Checked {
    check::not_empty("alias", filter.alias.as_deref())?;
    let plain = |word: &str| {
        !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
    };
    if let Some(field) = filter.fields.iter().find(|field| !plain(field)) {
        return check::wrong("fields", format!("holds '{field}', which names no field"));
    }
    match filter.tags.iter().find(|(key, _)| !plain(key)) {
        Some((key, _)) => check::wrong("tags", format!("holds '{key}', which names no tag")),
        None => Ok(()),
    }
}

/// VMAPI keeps whatever it is put, and a record without owner or server is of no use to anyone.
fn check_put(vm: &Vm) -> Checked {
    let needed = [
        ("owner_uuid", vm.owner_uuid.is_some()),
        ("server_uuid", vm.server_uuid.is_some()),
        ("state", vm.state.is_some()),
        ("brand", vm.brand.is_some()),
    ];
    if let Some((field, _)) = needed.iter().find(|(_, there)| !there) {
        return check::wrong(*field, "is missing, and VMAPI would forget it");
    }
    check::vm_params(&vm.rest)
}
