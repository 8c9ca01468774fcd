// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! PAPI, which knows packages: the sizes that VMs are sold in.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::answer::Listed;
use crate::check;
use crate::error::ApiError;
use crate::http::Client;
use crate::lenient;
use crate::paging;
use crate::route::{AnyRoute, Route};

const PING: Route<Ping> = Route::get("Ping", "/ping");
const LIST_PACKAGES: Route<Listed<Package>> = Route::list("ListPackages", "/packages");
const GET_PACKAGE: Route<Package> = Route::get("GetPackage", "/packages/:uuid");

/// Every call that is made to PAPI.
pub const ROUTES: &[&dyn AnyRoute] = &[&PING, &LIST_PACKAGES, &GET_PACKAGE];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ping {
    pub backend: String,
    #[serde(default)]
    pub backend_error: Option<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Ping {
    /// The status is 200 even while its backend is down.
    pub fn healthy(&self) -> bool {
        self.backend == "up"
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Package {
    pub uuid: Uuid,
    pub name: String,
    #[serde(default)]
    pub version: Option<String>,
    #[serde(default)]
    pub active: Option<bool>,
    /// MiB.
    #[serde(default)]
    pub max_physical_memory: Option<u64>,
    /// MiB.
    #[serde(default)]
    pub max_swap: Option<u64>,
    /// MiB, while the quota of a VM is in GiB.
    #[serde(default)]
    pub quota: Option<u64>,
    #[serde(default)]
    pub cpu_cap: Option<u64>,
    #[serde(default)]
    pub max_lwps: Option<u64>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub owner_uuids: Vec<Uuid>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

#[derive(Debug, Clone, Default)]
pub struct PackageFilter {
    pub name: Option<String>,
    pub active: Option<bool>,
}

#[derive(Debug, Clone)]
pub struct Papi {
    client: Client,
}

impl Papi {
    pub fn new(client: Client) -> Papi {
        Papi { client }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn ping(&self) -> Result<Ping, ApiError> {
        self.client.send(PING.at(&[]))
    }

    /// All pages, to the end.
    pub fn list_packages(&self, filter: &PackageFilter) -> Result<Listed<Package>, ApiError> {
        let name = filter.name.as_deref();
        paging::by_offset(paging::LARGEST, |offset| {
            let request = LIST_PACKAGES
                .at(&[])
                .query_if("name", name)
                .query_if("active", filter.active)
                .query("limit", paging::LARGEST)
                .query("offset", offset)
                .check(check::not_empty("name", name));
            self.client.send(request)
        })
    }

    pub fn get_package(&self, uuid: Uuid) -> Result<Package, ApiError> {
        self.client.send(GET_PACKAGE.at(&[&uuid]))
    }
}
