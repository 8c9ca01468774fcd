// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! NAPI, which gives out addresses and NICs. A restored zone's NIC is made here before the zone is.

mod changes;
mod objects;

use std::net::IpAddr;

use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::answer::{self, Listed, Tagged};
use crate::check::{self, Checked};
use crate::error::ApiError;
use crate::http::Client;
use crate::paging;
use crate::route::{AnyRoute, Route};

pub use changes::{IpChange, NicFields};
pub use objects::{BelongsTo, Ip, Network, NetworkPool, Nic, NicState, NicTag, Ping};

const PING: Route<Ping> = Route::get("Ping", "/ping");
const LIST_NETWORKS: Route<Listed<Network>> = Route::list("ListNetworks", "/networks");
const GET_NETWORK: Route<Tagged<Network>> =
    Route::new("GetNetwork", "GET", "/networks/:network", answer::tagged);
const UPDATE_NETWORK: Route<Tagged<Network>> =
    Route::new("UpdateNetwork", "PUT", "/networks/:network", answer::tagged);
const LIST_IPS: Route<Listed<Ip>> = Route::list("ListIPs", "/networks/:network/ips");
const GET_IP: Route<Tagged<Ip>> =
    Route::new("GetIP", "GET", "/networks/:network/ips/:ip", answer::tagged);
const UPDATE_IP: Route<Tagged<Ip>> = Route::new(
    "UpdateIP",
    "PUT",
    "/networks/:network/ips/:ip",
    answer::tagged,
);
const PROVISION_NIC: Route<Nic> = Route::post("ProvisionNic", "/networks/:network/nics");
const LIST_NICS: Route<Listed<Nic>> = Route::list("ListNics", "/nics");
const GET_NIC: Route<Tagged<Nic>> = Route::new("GetNic", "GET", "/nics/:mac", answer::tagged);
const UPDATE_NIC: Route<Tagged<Nic>> = Route::new("UpdateNic", "PUT", "/nics/:mac", answer::tagged);
const DELETE_NIC: Route<()> = Route::new("DeleteNic", "DELETE", "/nics/:mac", answer::nothing);
const LIST_NIC_TAGS: Route<Listed<NicTag>> = Route::list("ListNicTags", "/nic_tags");
const LIST_POOLS: Route<Listed<NetworkPool>> = Route::list("ListNetworkPools", "/network_pools");

/// Every call that is made to NAPI.
pub const ROUTES: &[&dyn AnyRoute] = &[
    &PING,
    &LIST_NETWORKS,
    &GET_NETWORK,
    &UPDATE_NETWORK,
    &LIST_IPS,
    &GET_IP,
    &UPDATE_IP,
    &PROVISION_NIC,
    &LIST_NICS,
    &GET_NIC,
    &UPDATE_NIC,
    &DELETE_NIC,
    &LIST_NIC_TAGS,
    &LIST_POOLS,
];

/// Which NICs to list; the default is all.
#[derive(Debug, Clone, Default)]
pub struct NicFilter {
    /// Of any of these zones or servers.
    pub belongs_to_uuids: Vec<Uuid>,
    pub belongs_to_type: Option<BelongsTo>,
    pub network_uuid: Option<Uuid>,
    pub cn_uuid: Option<Uuid>,
    pub nic_tag: Option<String>,
}

/// A place in a list, for who wants one page only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// 1 to 1000.
    pub limit: usize,
    pub offset: usize,
}

#[derive(Debug, Clone)]
pub struct Napi {
    client: Client,
}

impl Napi {
    pub fn new(client: Client) -> Napi {
        Napi { client }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn ping(&self) -> Result<Ping, ApiError> {
        self.client.send(PING.at(&[]))
    }

    /// All networks, or those of a name.
    pub fn list_networks(&self, name: Option<&str>) -> Result<Listed<Network>, ApiError> {
        paging::by_offset(paging::LARGEST, |offset| {
            let request = LIST_NETWORKS
                .at(&[])
                .query_if("name", name)
                .query("limit", paging::LARGEST)
                .query("offset", offset)
                .check(check::not_empty("name", name));
            self.client.send(request)
        })
    }

    /// By UUID, or `admin`.
    pub fn get_network(&self, network: &str) -> Result<Tagged<Network>, ApiError> {
        self.client
            .send(GET_NETWORK.at(&[&network]).check(check_network(network)))
    }

    /// Gives a network's zones other nameservers. An etag guards against a change in between.
    pub fn set_resolvers(
        &self,
        network: Uuid,
        resolvers: &[IpAddr],
        etag: Option<&str>,
    ) -> Result<Tagged<Network>, ApiError> {
        let request = UPDATE_NETWORK
            .at(&[&network])
            .header_if("if-match", etag)
            .body(json!({ "resolvers": resolvers }));
        self.client.send(request)
    }

    /// Every address of a network that was ever used or reserved: the others are free and have no record.
    pub fn list_ips(&self, network: &str) -> Result<Listed<Ip>, ApiError> {
        paging::by_offset(paging::LARGEST, |offset| {
            let limit = paging::LARGEST;
            self.list_ips_page(network, Page { limit, offset })
        })
    }

    pub fn list_ips_page(&self, network: &str, page: Page) -> Result<Listed<Ip>, ApiError> {
        let request = LIST_IPS
            .at(&[&network])
            .query("limit", page.limit)
            .query("offset", page.offset)
            .check(check_network(network))
            .check(check::limit(page.limit));
        self.client.send(request)
    }

    /// An address without a record comes as a free one; one outside the network is not found.
    pub fn get_ip(&self, network: &str, ip: IpAddr) -> Result<Tagged<Ip>, ApiError> {
        let request = GET_IP.at(&[&network, &ip]).check(check_network(network));
        self.client.send(request)
    }

    pub fn update_ip(
        &self,
        network: &str,
        ip: IpAddr,
        change: &IpChange,
        etag: Option<&str>,
    ) -> Result<Tagged<Ip>, ApiError> {
        let request = UPDATE_IP
            .at(&[&network, &ip])
            .header_if("if-match", etag)
            .body(object(change))
            .check(check_network(network))
            .check(change.check());
        self.client.send(request)
    }

    /// Makes a NIC on a network or pool, with an address: the one asked for, or one that NAPI picks.
    pub fn provision_nic(&self, network: &str, nic: &NicFields) -> Result<Nic, ApiError> {
        let request = PROVISION_NIC
            .at(&[&network])
            .body(object(nic))
            .check(check_network(network))
            .check(nic.check_new());
        self.client.send(request)
    }

    /// All pages, to the end.
    pub fn list_nics(&self, filter: &NicFilter) -> Result<Listed<Nic>, ApiError> {
        paging::by_offset(paging::LARGEST, |offset| {
            let limit = paging::LARGEST;
            self.list_nics_page(filter, Page { limit, offset })
        })
    }

    pub fn list_nics_page(&self, filter: &NicFilter, page: Page) -> Result<Listed<Nic>, ApiError> {
        let owners: Vec<String> = filter
            .belongs_to_uuids
            .iter()
            .map(Uuid::to_string)
            .collect();
        let request = LIST_NICS
            .at(&[])
            .query_if(
                "belongs_to_uuid",
                (!owners.is_empty()).then(|| owners.join(",")),
            )
            .query_if("belongs_to_type", filter.belongs_to_type.as_ref())
            .query_if("network_uuid", filter.network_uuid)
            .query_if("cn_uuid", filter.cn_uuid)
            .query_if("nic_tag", filter.nic_tag.as_ref())
            .query("limit", page.limit)
            .query("offset", page.offset)
            .check(check::limit(page.limit))
            .check(check::not_empty("nic_tag", filter.nic_tag.as_deref()));
        self.client.send(request)
    }

    pub fn get_nic(&self, mac: &str) -> Result<Tagged<Nic>, ApiError> {
        let digits = changes::mac_digits(mac);
        let request = GET_NIC
            .at(&[&in_path(mac, &digits)])
            .check(digits.map(drop));
        self.client.send(request)
    }

    pub fn update_nic(
        &self,
        mac: &str,
        change: &NicFields,
        etag: Option<&str>,
    ) -> Result<Tagged<Nic>, ApiError> {
        let digits = changes::mac_digits(mac);
        let request = UPDATE_NIC
            .at(&[&in_path(mac, &digits)])
            .header_if("if-match", etag)
            .body(object(change))
            .check(digits.map(drop))
            .check(change.check_change());
        self.client.send(request)
    }

    /// Its address becomes free, unless it is reserved: then it stays reserved.
    pub fn delete_nic(&self, mac: &str) -> Result<(), ApiError> {
        let digits = changes::mac_digits(mac);
        let request = DELETE_NIC
            .at(&[&in_path(mac, &digits)])
            .check(digits.map(drop));
        self.client.send(request)
    }

    pub fn list_nic_tags(&self) -> Result<Listed<NicTag>, ApiError> {
        self.client.send(LIST_NIC_TAGS.at(&[]))
    }

    pub fn list_pools(&self) -> Result<Listed<NetworkPool>, ApiError> {
        self.client.send(LIST_POOLS.at(&[]))
    }
}

fn check_network(network: &str) -> Checked {
    if network == "admin" || Uuid::parse_str(network).is_ok() {
        Ok(())
    } else {
        check::wrong(
            "network",
            format!("'{network}' is neither a UUID nor admin"),
        )
    }
}

/// The safe form, or what was given for the message that refuses it.
fn in_path(mac: &str, digits: &Result<String, (String, String)>) -> String {
    digits.clone().unwrap_or_else(|_| mac.to_owned())
}

/// Of types that always are an object of plain values.
fn object(change: &impl Serialize) -> Value {
    serde_json::to_value(change).unwrap_or_default()
}
