// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What verbs may touch: this host and others, the services' APIs, restore data. Nothing here knows what a service is for.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use apis::cnapi::Server;
use apis::{Client, Cnapi, Endpoint, Napi, Sapi, Vmapi};
use documents::{SecretRef, Uuid};
use platform::{Canceller, Host, SshTarget, moray::Moray, resolv_conf, sysinfo, usbkey};
use quorum::Ensemble;
use serde_json::{Map, Value};

use crate::majority::Majority;
use crate::step::StepError;
use crate::{restore_data, secrets};

pub struct WorldOptions {
    /// Alternate root.
    pub root: PathBuf,
    /// `triton-apply/0.1.0`, for the User-Agent.
    pub product: String,
    /// Where services are, when their names can't say.
    pub urls: Vec<(String, String)>,
    /// Ends looks and waits when cancelled; what changes something is let finish.
    pub canceller: Canceller,
    /// Name and admin address of servers, for when no API tells them.
    pub known: BTreeMap<Uuid, (String, IpAddr)>,
}

pub struct World {
    pub local: Host,
    /// This server.
    pub here: Uuid,
    pub datacenter: String,
    /// The run was interrupted: nothing more is begun, and nothing waited for.
    pub canceller: Canceller,
    /// Ends the commands on other hosts, as `local` has its own.
    ends_commands: Canceller,
    dns_domain: String,
    /// Addresses of the binders, dead or alive: of this headnode's configuration, and of restore data.
    binders: Vec<IpAddr>,
    product: String,
    urls: BTreeMap<String, String>,
    restore_data: PathBuf,
    /// One request id for the whole run.
    request: Uuid,
    /// Name and admin address of servers that somebody told of, for when no API does.
    known: BTreeMap<Uuid, (String, IpAddr)>,
    /// Other servers that were asked for already.
    hosts: Mutex<BTreeMap<Uuid, Host>>,
    /// What the run holds beyond this headnode.
    pub majority: Majority,
}

impl World {
    /// Looks at this machine. `request` marks every API request of the run.
    pub fn here(options: WorldOptions, request: Uuid) -> Result<World, StepError> {
        let local = Host::local(options.root).with_canceller(options.canceller.clone());
        let system = sysinfo::get(&local)?;
        let config = usbkey::config(&local)?;
        let word = |key: &str| config.get(key).map(ToString::to_string).unwrap_or_default();
        let restore_data = PathBuf::from(documents::restore_data::FOLDER);
        let configured = config.list("binder_admin_ips").into_iter();
        let mut binders: Vec<IpAddr> = configured.filter_map(|ip| ip.parse().ok()).collect();
        binders.extend(restore_data::zookeeper(&local, &restore_data));
        let datacenter = system
            .datacenter_name
            .clone()
            .unwrap_or_else(|| word("datacenter_name"));
        Ok(World {
            here: system.uuid,
            datacenter,
            dns_domain: word("dns_domain"),
            binders,
            ends_commands: options.canceller.clone(),
            canceller: options.canceller,
            product: options.product,
            urls: options.urls.into_iter().collect(),
            restore_data,
            request,
            known: options.known,
            hosts: Mutex::default(),
            majority: Majority::default(),
            local,
        })
    }

    /// The same world for what changes something: an interrupt lets a command finish that was begun. Half a `vmadm create`
    /// is a zone that nobody can use; a second interrupt ends that too.
    pub fn to_change(&self) -> World {
        let never = Canceller::new();
        World {
            local: self.local.with_canceller(never.clone()),
            here: self.here,
            datacenter: self.datacenter.clone(),
            canceller: self.canceller.clone(),
            ends_commands: never,
            dns_domain: self.dns_domain.clone(),
            binders: self.binders.clone(),
            product: self.product.clone(),
            urls: self.urls.clone(),
            restore_data: self.restore_data.clone(),
            request: self.request,
            known: self.known.clone(),
            hosts: Mutex::default(),
            majority: self.majority.clone(),
        }
    }

    /// The datacenter's own domain: `us-1.example.com`.
    pub fn domain(&self) -> String {
        format!("{}.{}", self.datacenter, self.dns_domain)
    }

    /// `triton-apply/0.1.0`
    pub fn product(&self) -> &str {
        &self.product
    }

    /// The datacenter's ZooKeeper: a member on each binder. Any one of those that live is enough to find the others, so all that
    /// anybody names are tried: this headnode's configuration, which may name one that died, its resolvers, and restore data.
    pub fn ensemble(&self) -> Ensemble {
        let resolvers = resolv_conf::get(&self.local).map(|conf| conf.nameservers);
        let all = self.binders.iter().copied();
        Ensemble::of_binders(all.chain(resolvers.unwrap_or_default()))
    }

    /// A server's global zone: this one, or by ssh with whatever authority the operator brought along.
    pub fn host(&self, server: Uuid) -> Result<Host, StepError> {
        if server == self.here {
            return Ok(self.local.clone());
        }
        if let Some(known) = self.hosts().get(&server) {
            return Ok(known.clone());
        }
        let (server_name, address) = match self.known.get(&server) {
            Some(known) => known.clone(),
            None => self.asked_for(server)?,
        };
        let target = SshTarget {
            server_name,
            address,
            identity: None,
            known_hosts: None,
        };
        let host = Host::ssh(target).with_canceller(self.ends_commands.clone());
        self.hosts().insert(server, host.clone());
        Ok(host)
    }

    fn asked_for(&self, server: Uuid) -> Result<(String, IpAddr), StepError> {
        let found = self.server(server)?;
        let Some(address) = found.admin_ip() else {
            return Err(StepError::firm(format!(
                "neither CNAPI nor restore data knows an admin address of server {server}"
            )));
        };
        let name = found.hostname.unwrap_or_else(|| server.to_string());
        Ok((name, address))
    }

    /// By CNAPI, or by restore data while CNAPI is down, which may well be what is being restored.
    fn server(&self, server: Uuid) -> Result<Server, StepError> {
        let answer = self.cnapi()?.get_server(server);
        match answer {
            Err(error) if error.is_down() => {
                restore_data::server(&self.local, &self.restore_data, server)
                    .ok_or_else(|| error.into())
            }
            answer => Ok(answer?),
        }
    }

    fn hosts(&self) -> MutexGuard<'_, BTreeMap<Uuid, Host>> {
        self.hosts
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    #[cfg(test)]
    pub fn of_test(
        root: &std::path::Path,
        urls: BTreeMap<String, String>,
        canceller: Canceller,
    ) -> World {
        World {
            local: Host::local(root).with_canceller(canceller.clone()),
            here: Uuid::nil(),
            datacenter: "east-1".to_owned(),
            ends_commands: canceller.clone(),
            canceller,
            dns_domain: "example.com".to_owned(),
            binders: Vec::new(),
            product: "test/0".to_owned(),
            urls,
            restore_data: PathBuf::from(documents::restore_data::FOLDER),
            request: Uuid::nil(),
            known: BTreeMap::new(),
            hosts: Mutex::default(),
            majority: Majority::default(),
        }
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

    pub fn sapi(&self) -> Result<Sapi, StepError> {
        Ok(Sapi::new(self.client("sapi")?))
    }

    pub fn vmapi(&self) -> Result<Vmapi, StepError> {
        Ok(Vmapi::new(self.client("vmapi")?))
    }

    pub fn cnapi(&self) -> Result<Cnapi, StepError> {
        Ok(Cnapi::new(self.client("cnapi")?))
    }

    fn client(&self, service: &str) -> Result<Client, StepError> {
        let url = match self.urls.get(service) {
            Some(url) => url.clone(),
            None => format!("http://{service}.{}.{}", self.datacenter, self.dns_domain),
        };
        let options =
            apis::Options::new(&self.product, self.request).with_binders(self.binders.clone());
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
