// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Destroying a VM: a job that needs the VM's server alive, and that takes the VM's NICs out of NAPI.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::{io, thread};

use serde_json::{Value, json};
use uuid::Uuid;

use super::{JOBS, VMS, known};
use crate::call::Call;
use crate::commands;
use crate::http::Response;
use crate::model::HostState;
use crate::servers::routing::{Answer, Ask, error};
use crate::servers::zone::Zone;

/// How long the job waits for a server that doesn't answer, in seconds of a real datacenter.
const PATIENCE: f64 = 60.0;

pub fn destroy(zone: &Zone, ask: &Ask<'_>) -> Answer {
    let vm = known(zone, ask)?;
    let uuid = vm["uuid"].as_str().unwrap_or_default();
    let Some(server) = vm["server_uuid"].as_str().map(str::to_owned) else {
        return Err(error(
            409,
            "ConflictError",
            "Cannot delete a VM with no server_uuid",
        ));
    };
    let job = Uuid::new_v4().to_string();
    let outcome = run(zone, &server, uuid);
    let record = json!({
        "uuid": job,
        "name": "destroy-7.x",
        "execution": if outcome.is_ok() { "succeeded" } else { "failed" },
        "params": { "task": "destroy", "vm_uuid": uuid, "server_uuid": server },
        "created_at": zone.now(),
        "chain_results": [{
            "name": "cnapi.destroy_vm",
            "result": if outcome.is_ok() { "OK" } else { "" },
            "error": outcome.as_ref().err().map(|why| json!({ "message": why })).unwrap_or(json!("")),
        }],
    });
    zone.put(JOBS, &job, record)?;
    match outcome {
        // Only who waits for the job hears how it ended.
        Err(why) if ask.text("sync").as_deref() == Some("true") => {
            Err(error(500, "InternalError", &why))
        }
        _ => Ok(
            Response::json(202, &json!({ "vm_uuid": uuid, "job_uuid": job })).with_header(
                "workflow-api",
                format!("http://{}", zone.lab.dc().name_of("workflow")),
            ),
        ),
    }
}

fn run(zone: &Zone, server: &str, uuid: &str) -> Result<(), String> {
    let host = {
        let dc = zone.lab.dc();
        let alive = dc.hosts.values().filter(|host| host.state == HostState::Up);
        alive
            .into_iter()
            .find(|host| host.uuid.to_string() == server)
            .map(|host| host.name.clone())
    };
    let Some(host) = host else {
        thread::sleep(zone.lab.timings.scaled(PATIENCE));
        return Err(format!("timed out waiting for cn-agent on server {server}"));
    };
    delete_on(zone, &host, uuid).map_err(|why| format!("cn-agent: {why}"))?;
    let lost = |_: Response| "moray: no active connections".to_owned();
    let mut vm = zone.value(VMS, uuid).map_err(lost)?.unwrap_or(Value::Null);
    vm["state"] = json!("destroyed");
    vm["zone_state"] = json!("destroyed");
    vm["destroyed"] = json!(zone.now());
    for mac in vm["nics"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|nic| nic["mac"].as_str())
    {
        // NAPI may be down: then its record stays, as in reality.
        let _ = zone.call("napi", "DELETE", &format!("/nics/{}", mac.replace(':', "")));
    }
    zone.put(VMS, uuid, vm).map_err(lost)
}

/// What cn-agent does on the VM's server. A zone that is gone already is no failure.
fn delete_on(zone: &Zone, host: &str, uuid: &str) -> io::Result<()> {
    let nothing = || OpenOptions::new().write(true).open("/dev/null");
    let mut call = Call {
        host: host.to_owned(),
        name: "vmadm".to_owned(),
        args: vec!["delete".to_owned(), uuid.to_owned()],
        cwd: "/".to_owned(),
        env: BTreeMap::new(),
        pid: 0,
        stdin: File::open("/dev/null")?,
        stdout: nothing()?,
        stderr: nothing()?,
    };
    commands::run(&zone.lab, &mut call);
    Ok(())
}
