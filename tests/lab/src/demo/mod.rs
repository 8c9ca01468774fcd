// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `cargo lab demo`: a datacenter loses the headnode that has one instance of every service, and gets all of them back on the
//! second, driven by the product's own tools. The demo only arranges, kills and checks; it restores nothing itself. With `--setup`
//! the other headnodes are compute nodes at first, and become headnodes by the product's tools as well.

mod files;
mod path;
mod report;
mod setup;

use std::path::PathBuf;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::error::{LabError, Result};
use crate::running::{Options, Running};
pub use report::Report;
use report::ServiceLine;

/// The headnode that is lost, and the one its services come back on.
pub const LOST: &str = "headnode0";
pub const TARGET: &str = "headnode1";

/// Who takes the lost headnode's services over, and who else there is.
#[derive(Debug, Clone, Copy)]
struct Survivors {
    target: &'static str,
    third: &'static str,
}

/// Runs the demo and prints its verdict. True when everything is as it should be.
pub fn run(
    dir: PathBuf,
    install: PathBuf,
    scale: f64,
    from_compute_nodes: bool,
    as_json: bool,
) -> Result<bool> {
    let report = match from_compute_nodes {
        true => setup::play(dir, install, scale)?,
        false => play(dir, install, scale)?,
    };
    report.print(as_json)?;
    Ok(report.good())
}

/// Loses the headnode and gets its services back.
pub fn play(dir: PathBuf, install: PathBuf, scale: f64) -> Result<Report> {
    let began = Instant::now();
    let mut options = Options::new(dir, install);
    options.timings.scale = scale;
    options.all_on_first = true;
    say("bringing up a datacenter of three headnodes, one of which has every service");
    let lab = Running::start(&options)?;
    let mut report = Report {
        up_seconds: began.elapsed().as_secs_f64(),
        ..Report::default()
    };

    one_binder_each(&lab)?;
    say("reserving addresses for the day when no NAPI lives");
    let reserve = "triton-svc-restore reserve --yes";
    succeeded(LOST, reserve, lab.script(LOST, reserve, b"")?)?;
    let survivors = Survivors {
        target: TARGET,
        third: "headnode2",
    };
    lose_and_restore(&lab, survivors, &mut report)?;
    report.total_seconds = began.elapsed().as_secs_f64();
    Ok(report)
}

/// The part that every demo ends with.
fn lose_and_restore(lab: &Running, survivors: Survivors, report: &mut Report) -> Result<()> {
    let Survivors { target, third } = survivors;
    let lost = lost_services(lab, survivors)?;
    let mut planted = files::plant(lab, "first")?;
    say("syncing: the other headnodes pull what restores headnode0's services");
    let syncing = Instant::now();
    sync(lab, target)?;
    sync(lab, third)?;
    planted.extend(files::plant(lab, "second")?);
    // What it pulls is at least as new as its beginning.
    let synced = Instant::now();
    sync(lab, target)?;
    report.sync_seconds = syncing.elapsed().as_secs_f64();

    say("cutting headnode0's power");
    lab.kill_host(LOST)?;
    let killed = Instant::now();

    say(&format!(
        "restoring on {target}: triton-svc-restore --lost {LOST} --yes"
    ));
    let restoring = Instant::now();
    let events = restore(lab, target)?;
    report.restore_seconds = restoring.elapsed().as_secs_f64();
    report.path = path::of(&journalled_plan(lab, target)?, &events);

    say("checking services, files, call log and records");
    let restoring_ms = restoring.duration_since(killed);
    for (service, alias) in &lost {
        let back = report::back_after(&events, service).map(|after| after + restoring_ms);
        let trouble = unhealthy(lab, target, service)?;
        report.services.push(ServiceLine {
            service: service.clone(),
            lost: alias.clone(),
            back,
            data_age: killed.duration_since(synced),
            trouble,
        });
    }
    report.images = report::images_at_fault(&events);
    report.damaged = files::damaged(lab, target, &planted)?;
    report.files = planted.len();
    report.inconsistencies = settled(lab, &[LOST])?;
    report.destroys = destroys(lab)?;
    Ok(())
}

/// What the demo is doing, for whoever watches.
fn say(what: &str) {
    eprintln!("demo: {what}");
}

/// The lab's own list, from before the kill: (service, alias) of every running core zone of the lost headnode whose service
/// does not live on elsewhere.
fn lost_services(lab: &Running, survivors: Survivors) -> Result<Vec<(String, String)>> {
    let mut live = zones(lab, survivors.target)?;
    live.extend(zones(lab, survivors.third)?);
    let lives_on = |service: &str| live.iter().any(|alias| service_of(alias) == service);
    let mut lost: Vec<(String, String)> = zones(lab, LOST)?
        .into_iter()
        .map(|alias| (service_of(&alias), alias))
        .filter(|(service, _)| !lives_on(service))
        .collect();
    lost.sort();
    Ok(lost)
}

/// As conversions leave it: the configuration that was copied from the first headnode names its binder and no other.
pub fn one_binder_each(lab: &Running) -> Result<()> {
    let script = "set -e; first=$(sed -n 's/^binder_admin_ips=\\([0-9.]*\\).*/\\1/p' /usbkey/config); key=$(sdc-usbkey mount); \
                  sed -i \"s/^binder_admin_ips=.*/binder_admin_ips=$first/\" /usbkey/config $key/config; sdc-usbkey unmount; \
                  sed -i '/^nameserver/d' /etc/resolv.conf; echo \"nameserver $first\" >> /etc/resolv.conf";
    for host in [TARGET, "headnode2"] {
        succeeded(host, "bash", lab.script(host, script, b"")?)?;
    }
    Ok(())
}

/// The plan that was applied, as the journal keeps it.
fn journalled_plan(lab: &Running, target: &str) -> Result<Value> {
    let command = "cat /var/sdcadm/journal/*/plan-*.json";
    let output = succeeded(target, command, lab.script(target, command, b"")?)?;
    serde_json::from_slice(&output.stdout)
        .map_err(|error| LabError::Failed(format!("{command} on {target}: {error}")))
}

fn service_of(alias: &str) -> String {
    alias
        .trim_end_matches(|c: char| c.is_ascii_digit())
        .to_owned()
}

/// Aliases of the running zones of a host.
pub fn zones(lab: &Running, host: &str) -> Result<Vec<String>> {
    let status = lab.control(&json!({"do": "status"}))?;
    let hosts = status["hosts"].as_array().cloned().unwrap_or_default();
    let zones = hosts
        .iter()
        .find(|h| h["host"] == host)
        .map(|h| h["zones"].clone());
    let zones = zones
        .and_then(|zones| zones.as_array().cloned())
        .unwrap_or_default();
    Ok(zones
        .iter()
        .filter(|zone| zone["state"] == "running")
        .filter_map(|zone| zone["alias"].as_str().map(str::to_owned))
        .collect())
}

fn sync(lab: &Running, host: &str) -> Result<()> {
    succeeded(
        host,
        "triton-sync-data",
        lab.script(host, "triton-sync-data", b"")?,
    )
    .map(drop)
}

/// Restores as an operator would; the events are what the tool printed.
fn restore(lab: &Running, target: &str) -> Result<Vec<Value>> {
    let command = format!("triton-svc-restore --lost {LOST} --yes");
    let output = succeeded(target, &command, lab.script(target, &command, b"")?)?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| {
            serde_json::from_str(line)
                .map_err(|error| LabError::Failed(format!("{command} printed {line:?}: {error}")))
        })
        .collect()
}

/// Fails with everything that a command said, unless it exited 0.
pub fn succeeded(host: &str, command: &str, output: Output) -> Result<Output> {
    if output.status.success() {
        return Ok(output);
    }
    Err(LabError::Failed(format!(
        "{command} on {host} ended with {}:\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr),
        String::from_utf8_lossy(&output.stdout),
    )))
}

/// Services with an API, and where it says that it works.
const APIS: [(&str, &str, &str, &str); 11] = [
    ("amon", "/ping", "/ping", "\"pong\""),
    ("cloudapi", "/--ping", "/ping", "\"pong\""),
    ("cnapi", "/ping", "/ready", "true"),
    ("fwapi", "/ping", "/healthy", "true"),
    ("imgapi", "/ping", "/ping", "\"pong\""),
    ("napi", "/ping", "/healthy", "true"),
    ("papi", "/ping", "/backend", "\"up\""),
    ("sapi", "/ping", "/storAvailable", "true"),
    ("vmapi", "/ping", "/healthy", "true"),
    ("volapi", "/ping", "/healthy", "true"),
    ("workflow", "/ping", "/backend", "\"up\""),
];

/// Asks a service at its name for a body that says it works; of one without an API, whether its zone runs and is set up. `None`
/// when all is well.
fn unhealthy(lab: &Running, target: &str, service: &str) -> Result<Option<String>> {
    let api = APIS.iter().find(|(name, ..)| *name == service);
    let Some((_, path, pointer, wanted)) = api else {
        let status = lab.control(&json!({"do": "status"}))?;
        let hosts = status["hosts"].as_array().into_iter().flatten();
        let zones = hosts
            .filter(|host| host["host"] == target)
            .flat_map(|host| host["zones"].as_array().into_iter().flatten());
        let works = |zone: &Value| {
            let alias = zone["alias"].as_str().map(service_of);
            alias.as_deref() == Some(service)
                && zone["state"] == "running"
                && zone["set_up"] == true
        };
        let well = zones.into_iter().any(works);
        return Ok((!well).then(|| format!("no zone of it runs on {target} that is set up")));
    };
    let answer = lab.control(&json!({"do": "fetch", "service": service, "path": path}))?;
    let found = answer["body"].pointer(pointer).map(ToString::to_string);
    Ok((found.as_deref() != Some(*wanted)).then(|| format!("GET {path} answers {answer}")))
}

/// Agents report every few seconds: what they have not told yet is no lie. What stays is.
pub fn settled(lab: &Running, given_up: &[&str]) -> Result<Vec<String>> {
    let patience = Instant::now() + Duration::from_secs(15);
    loop {
        let answer = lab.control(&json!({"do": "check", "given_up": given_up}))?;
        let found = answer["inconsistencies"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        if found.is_empty() || Instant::now() > patience {
            return Ok(found
                .iter()
                .filter_map(|text| text.as_str().map(str::to_owned))
                .collect());
        }
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// Calls that took data away, as the call log has them. A sync destroys its own snapshots by name when they are too many: that
/// is the one named cleanup.
pub fn destroys(lab: &Running) -> Result<Vec<String>> {
    let log = lab.control(&json!({"do": "log"}))?;
    let calls = log["calls"].as_array().cloned().unwrap_or_default();
    let named_cleanup = |call: &Value| {
        let words: Vec<&str> = call["args"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        call["by"]
            .as_str()
            .is_some_and(|by| by.starts_with("triton-sync"))
            && call["command"] == "zfs"
            && words.first() == Some(&"destroy")
            && words.last().is_some_and(|name| {
                name.contains("@triton-sync-") || name.contains("#triton-sync-")
            })
    };
    Ok(calls
        .iter()
        .filter(|call| call["destroys"] == true && !named_cleanup(call))
        .map(|call| {
            format!(
                "{} {}",
                call["command"].as_str().unwrap_or("?"),
                call["args"]
            )
        })
        .collect())
}
