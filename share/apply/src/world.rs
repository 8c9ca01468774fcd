// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What verbs may touch: this host and others, the services' APIs, restore data. Nothing here knows what a service is for.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use apis::{Client, Cnapi, Endpoint, Napi, Vmapi};
use documents::{SecretRef, Uuid};
use platform::{Canceller, Host, SshTarget, moray::Moray, sysinfo, usbkey};
use serde_json::{Map, Value};

use crate::secrets;
use crate::step::StepError;

pub struct WorldOptions {
    /// Alternate root.
    pub root: PathBuf,
    /// `triton-apply/0.1.0`, for the User-Agent.
    pub product: String,
    /// Where services are, when their names can't say.
    pub urls: Vec<(String, String)>,
    /// Ends children and waits when cancelled.
    pub canceller: Canceller,
}

pub struct World {
    pub local: Host,
    /// This server.
    pub here: Uuid,
    pub datacenter: String,
    pub canceller: Canceller,
    dns_domain: String,
    product: String,
    urls: BTreeMap<String, String>,
    restore_data: PathBuf,
    /// One request id for the whole run.
    request: Uuid,
}

impl World {
    /// Looks at this machine. `request` marks every API request of the run.
    pub fn here(options: WorldOptions, request: Uuid) -> Result<World, StepError> {
        let local = Host::local(options.root).with_canceller(options.canceller.clone());
        let system = sysinfo::get(&local)?;
        let config = usbkey::config(&local)?;
        let word = |key: &str| config.get(key).map(ToString::to_string).unwrap_or_default();
        let datacenter = system
            .datacenter_name
            .clone()
            .unwrap_or_else(|| word("datacenter_name"));
        Ok(World {
            here: system.uuid,
            datacenter,
            dns_domain: word("dns_domain"),
            canceller: options.canceller,
            product: options.product,
            urls: options.urls.into_iter().collect(),
            restore_data: PathBuf::from(documents::restore_data::FOLDER),
            request,
            local,
        })
    }

    /// A server's global zone: this one, or by ssh with whatever authority the operator brought along.
    pub fn host(&self, server: Uuid) -> Result<Host, StepError> {
        if server == self.here {
            return Ok(self.local.clone());
        }
        let found = self.cnapi()?.get_server(server)?;
        let Some(address) = found.admin_ip() else {
            return Err(StepError::firm(format!(
                "CNAPI knows no admin address of server {server}"
            )));
        };
        let name = found.hostname.clone().unwrap_or_else(|| server.to_string());
        let target = SshTarget {
            server_name: name,
            address,
            identity: None,
            known_hosts: None,
        };
        Ok(Host::ssh(target).with_canceller(self.canceller.clone()))
    }

    pub fn moray(&self, through: &documents::verb::MorayZone) -> Result<Moray, StepError> {
        Ok(Moray {
            host: self.host(through.server)?,
            zone: through.zone,
        })
    }

    pub fn napi(&self) -> Result<Napi, StepError> {
        Ok(Napi::new(self.client("napi")?))
    }

    pub fn vmapi(&self) -> Result<Vmapi, StepError> {
        Ok(Vmapi::new(self.client("vmapi")?))
    }

    fn cnapi(&self) -> Result<Cnapi, StepError> {
        Ok(Cnapi::new(self.client("cnapi")?))
    }

    fn client(&self, service: &str) -> Result<Client, StepError> {
        let url = match self.urls.get(service) {
            Some(url) => url.clone(),
            None => format!("http://{service}.{}.{}", self.datacenter, self.dns_domain),
        };
        let options = apis::Options::new(&self.product, self.request);
        Ok(Client::new(&Endpoint::new(service, url), &options)?)
    }

    pub fn open_secret(&self, secret: &SecretRef) -> Result<Map<String, Value>, StepError> {
        secrets::open(&self.local, &self.restore_data, secret)
    }

    pub fn restore_data(&self) -> &PathBuf {
        &self.restore_data
    }

    /// The JSON body of a 200 answer, or why there is none.
    pub fn ask_http(&self, address: IpAddr, port: u16, path: &str) -> Result<Value, String> {
        let client = reqwest::blocking::Client::builder()
            .user_agent(&self.product)
            .connect_timeout(Duration::from_secs(3))
            .timeout(Duration::from_secs(10))
            .no_proxy()
            .build()
            .map_err(|error| error.to_string())?;
        let host = match address {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => format!("[{v6}]"),
        };
        let url = format!("http://{host}:{port}{path}");
        let answer = client
            .get(&url)
            .send()
            .map_err(|error| format!("GET {url}: {}", error.without_url()))?;
        let status = answer.status();
        if status != reqwest::StatusCode::OK {
            return Err(format!("GET {url} answers {status}"));
        }
        answer
            .json()
            .map_err(|_| format!("GET {url} answers with no JSON"))
    }
}
