// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! CNAPI, which knows the servers, headnodes among them.
//!
//! It must never be sent `Accept-Version` (it then says that GET is not allowed), it refuses parameters that it does not
//! know, and it answers 500 to values that it does not like.

mod objects;

use std::time::Duration;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::answer::{self, Listed};
use crate::check::{self, Checked};
use crate::error::ApiError;
use crate::http::Client;
use crate::paging;
use crate::route::{AnyRoute, Route};
use crate::vmapi::Vm;

pub use objects::{
    Agent, BootParams, Executed, Ping, Server, ServerStatus, Task, TaskEvent, TaskStatus,
};

const PING: Route<Ping> = Route::get("Ping", "/ping");
const LIST_SERVERS: Route<Listed<Server>> = Route::list("ServerList", "/servers");
const GET_SERVER: Route<Server> = Route::get("ServerGet", "/servers/:uuid");
const UPDATE_SERVER: Route<()> =
    Route::new("ServerUpdate", "POST", "/servers/:uuid", answer::nothing);
const REBOOT: Route<()> = Route::new("Reboot", "POST", "/servers/:uuid/reboot", answer::nothing);
const EXECUTE: Route<Executed> = Route::post("CommandExecute", "/servers/:uuid/execute");
// CNAPI gives the server's agent a minute.
const LOAD_VM: Route<Vm> = Route::get("VmLoad", "/servers/:uuid/vms/:vm").minutes(2);
const GET_TASK: Route<Task> = Route::get("TaskGet", "/tasks/:id");
const WAIT_TASK: Route<Task> = Route::get("TaskWait", "/tasks/:id/wait");
const GET_BOOT_PARAMS: Route<BootParams> = Route::get("BootParamsGet", "/boot/:server");

/// Every call that is made to CNAPI.
pub const ROUTES: &[&dyn AnyRoute] = &[
    &PING,
    &LIST_SERVERS,
    &GET_SERVER,
    &UPDATE_SERVER,
    &REBOOT,
    &EXECUTE,
    &LOAD_VM,
    &GET_TASK,
    &WAIT_TASK,
    &GET_BOOT_PARAMS,
];

/// Keys that ServerUpdate takes; any other is refused by CNAPI. `headnode` is none: it comes from sysinfo.
const SETTABLE: [&str; 19] = [
    "agents",
    "boot_params",
    "boot_platform",
    "comments",
    "datacenter",
    "default_console",
    "etag_retries",
    "next_reboot",
    "nics",
    "overprovision_ratios",
    "rack_identifier",
    "reservation_ratio",
    "reserved",
    "reservoir",
    "serial",
    "setting_up",
    "setup",
    "traits",
    "transitional_status",
];

/// What to tell of a server besides its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    Agents,
    Capacity,
    Disk,
    LastHeartbeat,
    Memory,
    Sysinfo,
    Vms,
    All,
}

impl Extra {
    fn as_str(self) -> &'static str {
        match self {
            Extra::Agents => "agents",
            Extra::Capacity => "capacity",
            Extra::Disk => "disk",
            Extra::LastHeartbeat => "last_heartbeat",
            Extra::Memory => "memory",
            Extra::Sysinfo => "sysinfo",
            Extra::Vms => "vms",
            Extra::All => "all",
        }
    }
}

/// Which servers to list; the default is all. Hostnames are not unique.
#[derive(Debug, Clone, Default)]
pub struct ServerFilter {
    pub headnode: Option<bool>,
    pub setup: Option<bool>,
    pub reserved: Option<bool>,
    pub hostname: Option<String>,
    pub uuids: Vec<Uuid>,
}

/// A script to run on a server, by its interpreter's line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    pub text: String,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
pub struct Cnapi {
    client: Client,
}

impl Cnapi {
    pub fn new(client: Client) -> Cnapi {
        Cnapi { client }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn ping(&self) -> Result<Ping, ApiError> {
        self.client.send(PING.at(&[]))
    }

    /// All pages, to the end.
    pub fn list_servers(
        &self,
        filter: &ServerFilter,
        extras: &[Extra],
    ) -> Result<Listed<Server>, ApiError> {
        let limit = paging::LARGEST;
        let csv = |words: Vec<String>| (!words.is_empty()).then(|| words.join(","));
        let uuids = csv(filter.uuids.iter().map(Uuid::to_string).collect());
        let extras = csv(extras
            .iter()
            .map(|extra| extra.as_str().to_owned())
            .collect());
        paging::by_offset(limit, |offset| {
            let request = LIST_SERVERS
                .at(&[])
                .query_if("headnode", filter.headnode)
                .query_if("setup", filter.setup)
                .query_if("reserved", filter.reserved)
                .query_if("hostname", filter.hostname.as_ref())
                .query_if("uuids", uuids.as_ref())
                .query_if("extras", extras.as_ref())
                .query("limit", limit)
                .query("offset", offset)
                .check(check::not_empty("hostname", filter.hostname.as_deref()));
            self.client.send(request)
        })
    }

    /// With all extras.
    pub fn get_server(&self, uuid: Uuid) -> Result<Server, ApiError> {
        self.client.send(GET_SERVER.at(&[&uuid]))
    }

    pub fn update_server(&self, uuid: Uuid, changes: &Map<String, Value>) -> Result<(), ApiError> {
        let request = UPDATE_SERVER
            .at(&[&uuid])
            .body(json!(changes))
            .check(check_server(changes));
        self.client.send(request)
    }

    /// Has a server's agent reboot it, without a job of workflow's. The answer comes before the server goes down.
    pub fn reboot(&self, server: Uuid, origin: &str) -> Result<(), ApiError> {
        let body = json!({"nojob": true, "origin": origin});
        self.client.send(REBOOT.at(&[&server]).body(body))
    }

    /// Runs a script on a server and tells how it went, whatever its exit code. Goes through rabbitmq on most installations.
    /// The script is not stopped when `within` is over.
    pub fn execute(
        &self,
        server: Uuid,
        script: &Script,
        within: Duration,
    ) -> Result<Executed, ApiError> {
        let env: Map<String, Value> = script
            .env
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        let body = json!({"script": script.text, "args": script.args, "env": env, "json": true});
        let request = EXECUTE
            .at(&[&server])
            .body(body)
            .patience(within)
            .check(check_script(script));
        self.client.send(request)
    }

    /// A VM as its server has it now (`vmadm get`), with what VMAPI does not keep.
    pub fn load_vm(&self, server: Uuid, vm: Uuid) -> Result<Vm, ApiError> {
        self.client.send(LOAD_VM.at(&[&server, &vm]))
    }

    pub fn get_task(&self, id: &str) -> Result<Task, ApiError> {
        self.client.send(GET_TASK.at(&[&id]))
    }

    /// Returns when the task is over, or still active when `within` is.
    pub fn wait_task(&self, id: &str, within: Duration) -> Result<Task, ApiError> {
        let seconds = within.as_secs().max(1);
        let request = WAIT_TASK
            .at(&[&id])
            .query("timeout", seconds)
            .patience(Duration::from_secs(seconds + 10));
        self.client.send(request)
    }

    /// Of a server, or the defaults of servers that CNAPI does not know.
    pub fn boot_params(&self, server: Option<Uuid>) -> Result<BootParams, ApiError> {
        let whose = server.map_or_else(|| "default".to_owned(), |uuid| uuid.to_string());
        self.client.send(GET_BOOT_PARAMS.at(&[&whose]))
    }
}

fn check_server(changes: &Map<String, Value>) -> Checked {
    if changes.is_empty() {
        return check::wrong("change", "is empty");
    }
    for (key, value) in changes {
        if !SETTABLE.contains(&key.as_str()) {
            return check::wrong(key.as_str(), "is nothing that CNAPI lets be set");
        }
        let fits = match key.as_str() {
            "reserved" | "reservoir" | "setup" | "setting_up" => value.is_boolean(),
            "comments"
            | "datacenter"
            | "rack_identifier"
            | "boot_platform"
            | "next_reboot"
            | "transitional_status" => value.is_string(),
            "traits" | "boot_params" | "overprovision_ratios" => value.is_object(),
            "reservation_ratio" => value.is_number(),
            "agents" | "nics" => value.is_array(),
            _ => true,
        };
        if !fits {
            return check::wrong(key.as_str(), "is of the wrong JSON type");
        }
    }
    Ok(())
}

fn check_script(script: &Script) -> Checked {
    if !script.text.starts_with("#!/") {
        return check::wrong("script", "must begin with its interpreter: #!/...");
    }
    match script
        .env
        .iter()
        .find(|(name, _)| name.is_empty() || name.contains('='))
    {
        Some((name, _)) => check::wrong("env", format!("holds '{name}', which names no variable")),
        None => Ok(()),
    }
}
