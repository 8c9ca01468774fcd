// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A zone's boot. The first one runs its setup, which fetches its configuration from SAPI and fails without; every one ends
//! with its API answering and its name in DNS.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use serde_json::Value;
use uuid::Uuid;

use super::{mount, register, zone_files};
use crate::lab::Lab;
use crate::model::HostState;
use crate::trouble::Trouble;
use crate::{dns, http, servers};

/// Tries of `sdc_common_setup` to fetch a zone's configuration.
const TRIES: u32 = 30;

/// Roles whose setup makes a certificate of its own where none is.
const WITH_CERTIFICATE: [&str; 4] = ["cloudapi", "cmon", "docker", "ufds"];

pub const INVENTED: &str = "self-signed, made at first boot\n";

/// What the boot needs to know of its zone.
struct Zone {
    host: String,
    vm: Uuid,
    generation: u64,
    role: String,
    address: Option<Ipv4Addr>,
    sapi_url: Option<String>,
    /// `sdc:dns_domain` of the VM, or else what its metadata says.
    dns_domain: Option<String>,
    resolvers: Vec<Ipv4Addr>,
    first: bool,
}

pub fn begin(lab: &Arc<Lab>, host: &str, vm: Uuid, generation: u64) {
    let Some(zone) = zone(lab, host, vm, generation) else {
        return;
    };
    let lab = Arc::clone(lab);
    thread::spawn(move || run(&lab, &zone));
}

fn zone(lab: &Lab, host: &str, vm: Uuid, generation: u64) -> Option<Zone> {
    let dc = lab.dc();
    let found = dc.hosts.get(host)?.vms.get(&vm)?;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let metadata = found.props.get("customer_metadata");
    // A VM without a dns_domain is told `local`, which is none.
    let dns_domain = text(found.props.get("dns_domain")).filter(|domain| domain != "local");
    let resolvers = found
        .props
        .get("resolvers")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    Some(Zone {
        host: host.to_owned(),
        vm,
        generation,
        role: found.role().unwrap_or_default().to_owned(),
        address: found.admin_ip(),
        sapi_url: text(metadata.and_then(|m| m.get("sapi-url"))),
        dns_domain: dns_domain.or_else(|| text(metadata.and_then(|m| m.get("dns_domain")))),
        resolvers: resolvers
            .iter()
            .filter_map(|ip| ip.as_str()?.parse().ok())
            .collect(),
        first: !found.ran_user_script,
    })
}

/// True while this boot is the zone's newest and its host has power.
fn goes_on(lab: &Lab, zone: &Zone) -> bool {
    let dc = lab.dc();
    dc.hosts.get(&zone.host).is_some_and(|host| {
        host.state == HostState::Up
            && host
                .vms
                .get(&zone.vm)
                .is_some_and(|vm| vm.boot == zone.generation && vm.state == "running")
    })
}

/// Sleeps in the datacenter's seconds; false when the zone did not live to see the end.
fn wait(lab: &Lab, zone: &Zone, seconds: f64) -> bool {
    thread::sleep(lab.timings.scaled(seconds));
    goes_on(lab, zone)
}

fn run(lab: &Arc<Lab>, zone: &Zone) {
    if !wait(lab, zone, lab.timings.zone_boot) {
        return;
    }
    if zone.first {
        let outcome = set_up(lab, zone);
        if !goes_on(lab, zone) {
            return;
        }
        let service = lab.zone_root(&zone.host, zone.vm).join("var/svc");
        let sentinel = if outcome.is_ok() {
            "setup_complete"
        } else {
            "setup_failed"
        };
        let log = outcome.as_ref().err().cloned().unwrap_or_default();
        // A zone whose file system can't be written shows as one that never finished.
        let _ = fs::write(service.join(".ran-user-script"), "");
        let _ = fs::write(service.join("setup.log"), format!("{log}\n"));
        let _ = fs::write(service.join(sentinel), "");
        if let Some(vm) = lab
            .dc()
            .hosts
            .get_mut(&zone.host)
            .and_then(|host| host.vms.get_mut(&zone.vm))
        {
            vm.ran_user_script = true;
        }
    }
    // A setup runs once. What failed stays failed: a later boot finds no service to start.
    let set_up = lab.zone_root(&zone.host, zone.vm);
    if !set_up.join("var/svc/setup_complete").exists() {
        return;
    }
    let never = lab
        .troubles
        .there_is(&Trouble::NeverAnswers(zone.role.clone()));
    if wait(lab, zone, lab.timings.service_start) && !never {
        answer(lab, zone);
        if let Some(address) = zone.address {
            register(lab, &zone.role, zone.vm, address);
        }
    }
}

fn answer(lab: &Arc<Lab>, zone: &Zone) {
    if let Err(error) = servers::open(lab, &zone.host, zone.vm) {
        eprintln!("lab: {} on {} can't listen: {error}", zone.role, zone.host);
    }
}

/// The zone's `setup.sh`; the error is what its log says.
fn set_up(lab: &Arc<Lab>, zone: &Zone) -> Result<(), String> {
    if lab
        .troubles
        .there_is(&Trouble::SetupFails(zone.role.clone()))
    {
        return Err("fatal error: failed to import SMF manifest".to_owned());
    }
    let files = zone_files(lab, &zone.host, zone.vm);
    if zone.role == "imgapi" && files.is_none() {
        return Err("fatal error: no delegate dataset to mount on /data".to_owned());
    }
    if files.is_some() {
        mount::mount_at(lab, &zone.host, zone.vm, mount::of_role(&zone.role));
    }
    if zone.role == "sapi" {
        // It asks itself, so it must answer before it is set up.
        if zone.dns_domain.is_none() {
            return Err("fatal error: Unable to determine dns_domain".to_owned());
        }
        answer(lab, zone);
    }
    if zone.role != "assets" {
        fetch_configuration(lab, zone)?;
    }
    if !wait(lab, zone, lab.timings.zone_setup) {
        return Err("halted".to_owned());
    }
    if let Some(files) = files.filter(|_| WITH_CERTIFICATE.contains(&zone.role.as_str())) {
        make_certificate(&files.join("tls"))
            .map_err(|error| format!("fatal error: /data/tls: {error}"))?;
    }
    Ok(())
}

fn make_certificate(folder: &Path) -> std::io::Result<()> {
    let certificate = folder.join("cert.pem");
    if certificate.exists() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    fs::write(folder.join("key.pem"), INVENTED)?;
    fs::write(certificate, INVENTED)
}

/// `GET <sapi-url>/configs/<zonename>`, again and again.
fn fetch_configuration(lab: &Lab, zone: &Zone) -> Result<(), String> {
    let mut last = "no sapi-url in customer_metadata".to_owned();
    for _ in 0..TRIES {
        match try_configuration(zone) {
            Ok(()) => return Ok(()),
            Err(why) => last = why,
        }
        if !wait(lab, zone, lab.timings.config_retry) {
            return Err("halted".to_owned());
        }
    }
    Err(format!(
        "fatal error: failed to download metadata from SAPI: {last}"
    ))
}

fn try_configuration(zone: &Zone) -> Result<(), String> {
    let name = match (zone.role.as_str(), zone.address) {
        ("sapi", Some(address)) => address.to_string(),
        _ => {
            let url = zone
                .sapi_url
                .as_deref()
                .ok_or("no sapi-url in customer_metadata")?;
            url.trim_start_matches("http://")
                .trim_end_matches('/')
                .to_owned()
        }
    };
    let (host, port) = match name.split_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| format!("bad URL: {name}"))?),
        None => (name.as_str(), 80),
    };
    let address = match host.parse::<Ipv4Addr>() {
        Ok(address) => address,
        Err(_) => dns::lookup(&zone.resolvers, host)
            .and_then(|all| all.first().copied())
            .ok_or_else(|| format!("could not resolve host: {host}"))?,
    };
    let path = format!("/configs/{}", zone.vm);
    match http::get(SocketAddr::from((address, port)), &name, &path) {
        Ok((200, _)) => Ok(()),
        Ok((status, _)) => Err(format!("http://{name}{path} answers {status}")),
        Err(error) => Err(format!("http://{name}{path}: {error}")),
    }
}
