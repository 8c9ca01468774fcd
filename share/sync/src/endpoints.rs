// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Where the datacenter's APIs are: at `<service>.<datacenter>.<domain>`, or where the operator says.

use std::collections::BTreeMap;

use apis::http::Options;
use apis::{ApiError, Client, Endpoint, Listed, Napi};
use documents::Uuid;
use serde::Serialize;
use serde_json::Value;

#[derive(Debug, Clone)]
pub struct Endpoints {
    pub datacenter: String,
    pub dns_domain: String,
    /// Given by hand, by service.
    pub urls: BTreeMap<String, String>,
    pub options: Options,
}

impl Endpoints {
    pub fn url(&self, service: &str) -> String {
        match self.urls.get(service) {
            Some(url) => url.clone(),
            None => format!("http://{service}.{}.{}", self.datacenter, self.dns_domain),
        }
    }

    pub fn client(&self, service: &str) -> Result<Client, ApiError> {
        Client::new(&Endpoint::new(service, self.url(service)), &self.options)
    }
}

/// Objects as the API sent them; what they hold that we have no name for is still there.
pub fn as_sent<T: Serialize>(listed: &Listed<T>) -> Vec<Value> {
    listed
        .iter()
        .map(|object| serde_json::to_value(object).unwrap_or_default())
        .collect()
}

/// The used and reserved addresses of the networks that these NICs are on.
pub fn addresses_of(napi: &Napi, nics: &[Value]) -> Result<Vec<Value>, ApiError> {
    let mut networks: Vec<&str> = nics
        .iter()
        .filter_map(|nic| nic["network_uuid"].as_str())
        .collect();
    networks.sort_unstable();
    networks.dedup();
    let mut addresses = Vec::new();
    for network in networks {
        addresses.extend(as_sent(&napi.list_ips(network)?));
    }
    Ok(addresses)
}

/// The NICs of these zones, asked for a few dozen at a time, as a URL has an end.
pub fn nics_of(napi: &Napi, zones: &[Uuid]) -> Result<Vec<Value>, ApiError> {
    let mut nics = Vec::new();
    for some in zones.chunks(40) {
        let filter = apis::napi::NicFilter {
            belongs_to_uuids: some.to_vec(),
            ..Default::default()
        };
        nics.extend(as_sent(&napi.list_nics(&filter)?));
    }
    Ok(nics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_at_its_name_unless_a_url_was_given() {
        let endpoints = Endpoints {
            datacenter: "east-1".to_owned(),
            dns_domain: "triton.example".to_owned(),
            urls: BTreeMap::from([("sapi".to_owned(), "http://10.99.99.30".to_owned())]),
            options: Options::new("test/1", Uuid::nil()),
        };
        assert_eq!(endpoints.url("vmapi"), "http://vmapi.east-1.triton.example");
        assert_eq!(endpoints.url("sapi"), "http://10.99.99.30");
        assert!(endpoints.client("vmapi").is_ok());
    }
}
