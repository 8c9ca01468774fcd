// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What listens in a running zone: its API on port 80, binder's DNS on 53, nothing for most others.
//!
//! A server holds no state of its own. What it tells it reads from moray, as long as a moray answers, and from its
//! zone's delegate dataset.

mod cloudapi;
mod cnapi;
mod imgapi;
mod napi;
mod other;
mod papi;
mod routing;
mod sapi;
#[cfg(test)]
mod tests;
mod vmapi;
mod zone;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

use uuid::Uuid;

use crate::dns::{self, Answer};
use crate::http::{self, Request, Response};
use crate::kill;
use crate::lab::Lab;
use crate::listener::Listener;
use crate::log::Logged;
use crate::physics;
use crate::trouble::Trouble;
use crate::zookeeper;
use routing::Service;
use zone::Zone;
pub(crate) use zone::addresses;

/// The servers of all zones that run, or that ran on a host until it died.
#[derive(Default)]
pub struct OpenServers {
    open: Mutex<BTreeMap<Uuid, Open>>,
}

enum Open {
    Api(Listener),
    /// Its DNS, and its member of the ZooKeeper ensemble.
    Binder(dns::Server, Listener),
    /// The global zone's sshd: who connects finds somebody there, and nothing more.
    Sshd(Listener),
}

impl Open {
    fn ip(&self) -> IpAddr {
        match self {
            Open::Api(listener) | Open::Sshd(listener) => listener.address().ip(),
            Open::Binder(server, _) => server.address().ip(),
        }
    }
}

impl OpenServers {
    fn locked(&self) -> MutexGuard<'_, BTreeMap<Uuid, Open>> {
        self.open
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The zone's service has started: opens the port that its role has, if any.
pub fn open(lab: &Arc<Lab>, host: &str, vm: Uuid) -> io::Result<()> {
    let (role, ip) = {
        let dc = lab.dc();
        let found = dc.hosts.get(host).and_then(|host| host.vms.get(&vm));
        let Some(zone) = found else { return Ok(()) };
        (zone.role().unwrap_or_default().to_owned(), zone.admin_ip())
    };
    let Some(ip) = ip.map(IpAddr::V4) else {
        return Ok(());
    };
    let mut open = lab.servers.locked();
    // An earlier boot's port, or that of a dead zone whose address this one took over.
    open.retain(|zone, server| *zone != vm && server.ip() != ip);
    let server = match role.as_str() {
        "binder" => Open::Binder(
            dns::Server::open(SocketAddr::new(ip, 53), names(lab, host, vm))?,
            zookeeper::open(lab, vm, SocketAddr::new(ip, zookeeper::PORT))?,
        ),
        role => match answering(lab, host, vm, role) {
            Some(answer) => Open::Api(http::serve(SocketAddr::new(ip, port(role)), answer)?),
            None => return Ok(()),
        },
    };
    open.insert(vm, server);
    drop(open);
    if role == "sapi" {
        sapi::started(&Zone::new(lab, host, vm));
    }
    Ok(())
}

/// The host is up: its global zone answers on port 22. The ssh stand-in has its own way there; this is what a connection
/// attempt finds.
pub fn open_sshd(lab: &Arc<Lab>, server: Uuid, address: Ipv4Addr) -> io::Result<()> {
    let listener = Listener::open(SocketAddr::from((address, 22)), |mut stream, _| {
        // Whoever hung up meanwhile does not miss the greeting.
        let _ = stream.write_all(b"SSH-2.0-lab\r\n");
    })?;
    lab.servers.locked().insert(server, Open::Sshd(listener));
    Ok(())
}

/// The zone halted: its ports are closed, and callers are refused.
pub fn close(lab: &Arc<Lab>, vm: Uuid) {
    let closed = lab.servers.locked().remove(&vm);
    // Outside of the lock: closing waits for the thread that accepts.
    drop(closed);
}

/// The zone's host, or the host itself, died: its packets vanish.
pub fn silence(lab: &Arc<Lab>, zone_or_server: Uuid) {
    match lab.servers.locked().get_mut(&zone_or_server) {
        Some(Open::Api(listener) | Open::Sshd(listener)) => listener.silence(),
        Some(Open::Binder(server, member)) => {
            server.silence();
            member.silence();
        }
        None => {}
    }
}

/// What a zone of this role answers to HTTP requests; `None` for a role without an API.
pub fn answering(
    lab: &Arc<Lab>,
    host: &str,
    vm: Uuid,
    role: &str,
) -> Option<impl Fn(&Request) -> Option<Response> + Send + Sync + 'static> {
    let service = service(role)?;
    let zone = Zone::new(lab, host, vm);
    let cut = Trouble::EndsBeforeItAnswers(role.to_owned());
    Some(move |request: &Request| {
        let passage = kill::begin_http(&zone.lab, request.header("user-agent").unwrap_or_default());
        if passage.stopped {
            return None;
        }
        let response = service.answer(&zone, request);
        let entry = logged(&zone, request, response.status);
        if request.path.ends_with("/events/heartbeat") {
            return Some(response);
        }
        let killed = kill::end(&zone.lab, passage, entry);
        let cut = changes(request) && zone.lab.troubles.there_is(&cut);
        (!killed && !cut).then_some(response)
    })
}

/// Whether one of the product's tools asks for a change.
fn changes(request: &Request) -> bool {
    let agent = request.header("user-agent").unwrap_or_default();
    agent.starts_with("triton-") && !matches!(request.method.as_str(), "GET" | "HEAD")
}

/// Where a role's API listens.
fn port(role: &str) -> u16 {
    match role {
        "prometheus" => 9090,
        _ => 80,
    }
}

/// True when the API of this role answers this method on this path.
pub fn supports(role: &str, method: &str, path: &str) -> bool {
    service(role).is_some_and(|service| service.routes(method, path))
}

/// Every API of the lab, by the role of the zones that it runs in.
static SERVICES: [(&str, &Service); 13] = [
    ("amon", &other::AMON),
    ("cloudapi", &cloudapi::SERVICE),
    ("cnapi", &cnapi::SERVICE),
    ("cns", &other::CNS),
    ("fwapi", &other::FWAPI),
    ("imgapi", &imgapi::SERVICE),
    ("napi", &napi::SERVICE),
    ("papi", &papi::SERVICE),
    ("prometheus", &other::PROMETHEUS),
    ("sapi", &sapi::SERVICE),
    ("vmapi", &vmapi::SERVICE),
    ("volapi", &other::VOLAPI),
    ("workflow", &other::WORKFLOW),
];

/// Role, method and path of every route that the lab answers on.
pub fn offered() -> Vec<(&'static str, &'static str, &'static str)> {
    let all = SERVICES.iter();
    all.flat_map(|(role, service)| service.routes.iter().map(move |r| (*role, r.0, r.1)))
        .collect()
}

fn service(role: &str) -> Option<&'static Service> {
    let (_, service) = SERVICES.iter().find(|(name, _)| *name == role)?;
    Some(service)
}

fn logged(zone: &Zone, request: &Request, status: u16) -> Logged {
    let host = request.header("host").unwrap_or_default();
    let agent = request.header("user-agent").unwrap_or_default();
    let kept = [
        "/instances/",
        "/vms/",
        "/servers/",
        "/images/",
        "/applications/",
        "/services/",
    ];
    let destroys = request.method == "DELETE" && kept.iter().any(|at| request.path.starts_with(at));
    Logged {
        at: zone.lab.now_ms(),
        host: zone.host.clone(),
        command: "http".to_owned(),
        args: vec![
            request.method.clone(),
            format!("http://{host}{}", request.target),
            agent.to_owned(),
        ],
        result: i32::from(status),
        destroys,
        by: None,
    }
}

/// What a binder resolves: names of this datacenter that somebody registered, while its own zone runs.
fn names(lab: &Arc<Lab>, host: &str, vm: Uuid) -> Arc<dns::Names> {
    let zone = Zone::new(lab, host, vm);
    Arc::new(move |name: &str| {
        if !zone.runs() {
            return Answer::Refused;
        }
        let suffix = zone.lab.dc().name_of("");
        if !name.ends_with(&suffix.to_ascii_lowercase()) {
            return Answer::Refused;
        }
        let addresses = physics::registered(&zone.lab, name);
        if addresses.is_empty() {
            Answer::NoSuchName
        } else {
            Answer::Addresses(addresses)
        }
    })
}
