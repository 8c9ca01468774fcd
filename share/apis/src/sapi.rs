// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! SAPI, which knows applications, services and instances, and hands every core zone its configuration.
//!
//! It validates nothing and dies of wrong JSON types, so that maps are typed here and what they hold is checked.

mod objects;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::answer::{self, Answer, Listed, Misread};
use crate::check::{self, Checked};
use crate::error::ApiError;
use crate::http::Client;
use crate::route::{AnyRoute, Request, Route};

pub use objects::{
    Action, Application, Change, ConfigContent, Configs, Instance, InstanceType, Manifest, Mode,
    NewInstance, Ping, Service,
};

const PING: Route<Ping> = Route::get("Ping", "/ping").also(&[500]);
const GET_MODE: Route<Mode> = Route::get("GetMode", "/mode");
const SYNC_CACHE: Route<()> = Route::new("SyncCache", "POST", "/cache", answer::nothing);
const LIST_APPLICATIONS: Route<Listed<Application>> =
    Route::list("ListApplications", "/applications");
const GET_APPLICATION: Route<Application> = Route::get("GetApplication", "/applications/:uuid");
const UPDATE_APPLICATION: Route<Application> =
    Route::put("UpdateApplication", "/applications/:uuid");
const LIST_SERVICES: Route<Listed<Service>> = Route::list("ListServices", "/services");
const GET_SERVICE: Route<Service> = Route::get("GetService", "/services/:uuid");
const UPDATE_SERVICE: Route<Service> = Route::put("UpdateService", "/services/:uuid");
const LIST_INSTANCES: Route<Listed<Instance>> = Route::list("ListInstances", "/instances");
const GET_INSTANCE: Route<Instance> = Route::get("GetInstance", "/instances/:uuid");
// SAPI itself waits up to an hour for VMAPI's job, and up to ten minutes for a destroy.
const CREATE_INSTANCE: Route<Instance> = Route::post("CreateInstance", "/instances").minutes(61);
const UPDATE_INSTANCE: Route<Instance> = Route::put("UpdateInstance", "/instances/:uuid");
const DELETE_INSTANCE: Route<()> = Route::new(
    "DeleteInstance",
    "DELETE",
    "/instances/:uuid",
    answer::nothing,
)
.minutes(11);
const GET_PAYLOAD: Route<Map<String, Value>> =
    Route::get("GetInstancePayload", "/instances/:uuid/payload");
const LIST_MANIFESTS: Route<Listed<Manifest>> = Route::list("ListManifests", "/manifests");
const GET_MANIFEST: Route<Manifest> = Route::get("GetManifest", "/manifests/:uuid");
const GET_CONFIGS: Route<Configs> =
    Route::new("GetConfigs", "GET", "/configs/:uuid", read_configs).also(&[304]);

/// Every call that is made to SAPI.
pub const ROUTES: &[&dyn AnyRoute] = &[
    &PING,
    &GET_MODE,
    &SYNC_CACHE,
    &LIST_APPLICATIONS,
    &GET_APPLICATION,
    &UPDATE_APPLICATION,
    &LIST_SERVICES,
    &GET_SERVICE,
    &UPDATE_SERVICE,
    &LIST_INSTANCES,
    &GET_INSTANCE,
    &CREATE_INSTANCE,
    &UPDATE_INSTANCE,
    &DELETE_INSTANCE,
    &GET_PAYLOAD,
    &LIST_MANIFESTS,
    &GET_MANIFEST,
    &GET_CONFIGS,
];

/// Which services to list; the default is all.
#[derive(Debug, Clone, Default)]
pub struct ServiceFilter {
    pub name: Option<String>,
    pub application_uuid: Option<Uuid>,
    pub kind: Option<InstanceType>,
}

/// Which instances to list; the default is all. By alias or server is for the caller to pick: SAPI can't.
#[derive(Debug, Clone, Default)]
pub struct InstanceFilter {
    pub service_uuid: Option<Uuid>,
    pub kind: Option<InstanceType>,
}

#[derive(Debug, Clone)]
pub struct Sapi {
    client: Client,
}

impl Sapi {
    /// Asks for version 2 throughout: version 1 hides agents and types.
    pub fn new(client: Client) -> Sapi {
        Sapi {
            client: client.accept_version("~2"),
        }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn ping(&self) -> Result<Ping, ApiError> {
        self.client.send(PING.at(&[]))
    }

    pub fn mode(&self) -> Result<Mode, ApiError> {
        self.client.send(GET_MODE.at(&[]))
    }

    /// Has SAPI refresh its local copy from Moray.
    pub fn sync_cache(&self) -> Result<(), ApiError> {
        self.client.send(SYNC_CACHE.at(&[]).body(json!({})))
    }

    /// All applications, or those of a name. Names are not unique.
    pub fn list_applications(&self, name: Option<&str>) -> Result<Listed<Application>, ApiError> {
        let request = LIST_APPLICATIONS
            .at(&[])
            .query_if("name", name)
            .check(check::not_empty("name", name));
        self.client.send(request)
    }

    pub fn get_application(&self, uuid: Uuid) -> Result<Application, ApiError> {
        self.client.send(GET_APPLICATION.at(&[&uuid]))
    }

    pub fn update_application(&self, uuid: Uuid, change: &Change) -> Result<Application, ApiError> {
        self.client
            .send(changed(UPDATE_APPLICATION.at(&[&uuid]), change))
    }

    pub fn list_services(&self, filter: &ServiceFilter) -> Result<Listed<Service>, ApiError> {
        let request = LIST_SERVICES
            .at(&[])
            .query_if("name", filter.name.as_ref())
            .query_if("application_uuid", filter.application_uuid)
            .query_if("type", filter.kind.as_ref())
            .check(check::not_empty("name", filter.name.as_deref()));
        self.client.send(request)
    }

    pub fn get_service(&self, uuid: Uuid) -> Result<Service, ApiError> {
        self.client.send(GET_SERVICE.at(&[&uuid]))
    }

    pub fn update_service(&self, uuid: Uuid, change: &Change) -> Result<Service, ApiError> {
        self.client
            .send(changed(UPDATE_SERVICE.at(&[&uuid]), change))
    }

    pub fn list_instances(&self, filter: &InstanceFilter) -> Result<Listed<Instance>, ApiError> {
        let request = LIST_INSTANCES
            .at(&[])
            .query_if("service_uuid", filter.service_uuid)
            .query_if("type", filter.kind.as_ref());
        self.client.send(request)
    }

    pub fn get_instance(&self, uuid: Uuid) -> Result<Instance, ApiError> {
        self.client.send(GET_INSTANCE.at(&[&uuid]))
    }

    /// Records an instance and, in full mode, provisions it; returns when its job has ended.
    pub fn create_instance(&self, new: &NewInstance) -> Result<Instance, ApiError> {
        self.client.send(created(new))
    }

    /// The same, but returns as soon as VMAPI took the job, with `job_uuid`. Nothing is cleaned up if the job fails.
    pub fn create_instance_async(&self, new: &NewInstance) -> Result<Instance, ApiError> {
        self.client.send(created(new).query("async", "true"))
    }

    pub fn update_instance(&self, uuid: Uuid, change: &Change) -> Result<Instance, ApiError> {
        self.client
            .send(changed(UPDATE_INSTANCE.at(&[&uuid]), change))
    }

    /// Destroys the VM, then forgets the instance. Fails or hangs when the VM's server is dead.
    pub fn delete_instance(&self, uuid: Uuid) -> Result<(), ApiError> {
        self.client.send(DELETE_INSTANCE.at(&[&uuid]))
    }

    /// What VMAPI would be asked to provision; empty for an agent.
    pub fn payload(&self, instance: Uuid) -> Result<Map<String, Value>, ApiError> {
        self.client.send(GET_PAYLOAD.at(&[&instance]))
    }

    pub fn list_manifests(&self) -> Result<Listed<Manifest>, ApiError> {
        self.client.send(LIST_MANIFESTS.at(&[]))
    }

    pub fn get_manifest(&self, uuid: Uuid) -> Result<Manifest, ApiError> {
        self.client.send(GET_MANIFEST.at(&[&uuid]))
    }

    /// An instance's configuration, unless it still is that of the etag.
    pub fn configs(&self, instance: Uuid, etag: Option<&str>) -> Result<Configs, ApiError> {
        let request = GET_CONFIGS
            .at(&[&instance])
            .header_if("if-none-match", etag);
        self.client.send(request)
    }
}

fn created(new: &NewInstance) -> Request<'static, Instance> {
    let mut body = json!({
        "service_uuid": new.service_uuid,
        "params": new.params,
        "metadata": new.metadata,
    });
    if let Some(uuid) = new.uuid {
        body["uuid"] = json!(uuid);
    }
    if !new.manifests.is_empty() {
        body["manifests"] = json!(new.manifests);
    }
    CREATE_INSTANCE
        .at(&[])
        .body(body)
        .check(check::vm_params(&new.params))
        .check(check::manifests(&new.manifests))
}

fn changed<'r, T>(request: Request<'r, T>, change: &Change) -> Request<'r, T> {
    let mut body = Map::new();
    body.insert("action".to_owned(), json!(change.action.as_str()));
    let parts = [
        ("params", &change.params),
        ("metadata", &change.metadata),
        ("manifests", &change.manifests),
    ];
    for (name, part) in parts {
        if let Some(part) = part {
            body.insert(name.to_owned(), json!(part));
        }
    }
    request
        .body(Value::Object(body))
        .check(check_change(change))
}

fn check_change(change: &Change) -> Checked {
    let parts = [&change.params, &change.metadata, &change.manifests];
    if parts.iter().all(|part| part.is_none()) {
        return check::wrong("change", "is empty");
    }
    if change.action == Action::Delete {
        return Ok(());
    }
    if let Some(params) = &change.params {
        check::vm_params(params)?;
    }
    match &change.manifests {
        Some(manifests) => check::manifests(manifests),
        None => Ok(()),
    }
}

fn read_configs(answer: &Answer) -> Result<Configs, Misread> {
    if answer.status == 304 {
        return Ok(Configs::Unchanged);
    }
    Ok(Configs::Changed {
        etag: answer.header("etag").map(str::to_owned),
        content: answer::json(answer)?,
    })
}
