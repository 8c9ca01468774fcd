// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The control socket of a lab: one JSON document per line in, one out. To add a verb, add a variant and its arm.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::thread;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::daemon;
use crate::error::{Attempted, LabError, Result};
use crate::kill::{Order, When};
use crate::lab::Lab;
use crate::log::Logged;
use crate::model::HostState;
use crate::trouble::Trouble;
use crate::{checker, dns, fork, host, http, machine, wire};

#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
enum Verb {
    /// Cuts a host's power.
    KillHost {
        host: String,
    },
    /// Gives it back, and boots it.
    BootHost {
        host: String,
    },
    /// Arms the kill switch; call 0 only counts.
    KillTool {
        host: String,
        tool: String,
        call: u64,
        #[serde(default = "before")]
        when: When,
    },
    /// What came of the kill switch since it was armed.
    KillReport,
    /// Hosts and their zones.
    Status,
    /// Keeps the datacenter in a new folder.
    Save {
        to: PathBuf,
    },
    /// Every call that was served.
    Log,
    /// Whether SAPI, VMAPI, NAPI, CNAPI, DNS and the machines agree.
    Check {
        /// Hosts of which nothing may be left in anybody's records.
        #[serde(default)]
        given_up: Vec<String>,
    },
    /// What a host would boot as if its power came back now.
    BootsAs {
        host: String,
    },
    /// Names that two zones stood for at once since the lab came up, clusters left out.
    Doubles,
    /// Makes something go wrong from now on, or mends it.
    Trouble {
        make: Option<Trouble>,
        mend: Option<Trouble>,
    },
    /// Writes a node into binder's ZooKeeper, as anybody may who reaches it.
    PutInZookeeper {
        path: String,
        content: String,
    },
    /// What a service answers at its name.
    Fetch {
        service: String,
        path: String,
    },
    Stop,
}

fn before() -> When {
    When::Before
}

pub fn socket(dir: &Path) -> PathBuf {
    dir.join("control")
}

/// Asks the daemon of the lab at `dir`.
pub fn ask(dir: &Path, request: &Value) -> Result<Value> {
    let mut stream = wire::connect(&socket(dir)).map_err(|_| {
        LabError::Refused(format!(
            "no lab is up at {}; `cargo lab up` starts one",
            dir.display()
        ))
    })?;
    let on = "asking the lab's daemon";
    writeln!(stream, "{request}").attempted(on)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).attempted(on)?;
    let answer: Value = serde_json::from_str(&line).attempted(on)?;
    match answer["error"].as_str() {
        Some(error) => Err(LabError::Refused(error.to_owned())),
        None => Ok(answer),
    }
}

static LISTENER: OnceLock<UnixListener> = OnceLock::new();

/// Opens the control socket. It is the sign that the lab is up, so this comes last.
pub fn listen(lab: &Arc<Lab>) -> Result<()> {
    let path = socket(&lab.dir);
    let listener = wire::listen(&path).attempted(format!("listening on {}", path.display()))?;
    LISTENER.get_or_init(|| listener);
    Ok(())
}

/// Serves until the daemon is told to stop.
pub fn serve(lab: &Arc<Lab>) -> ExitCode {
    let Some(listener) = LISTENER.get() else {
        return ExitCode::FAILURE;
    };
    for stream in listener.incoming().flatten() {
        let lab = Arc::clone(lab);
        thread::spawn(move || converse(&lab, &stream));
    }
    ExitCode::FAILURE
}

fn converse(lab: &Arc<Lab>, mut stream: &UnixStream) {
    for line in BufReader::new(stream)
        .lines()
        .map_while(std::result::Result::ok)
    {
        let answer = match serde_json::from_str::<Verb>(&line) {
            Ok(Verb::Stop) => {
                let _ = writeln!(stream, "{}", json!({}));
                std::process::exit(0);
            }
            Ok(verb) => {
                obey(lab, verb).unwrap_or_else(|error| json!({ "error": error.to_string() }))
            }
            Err(error) => json!({ "error": format!("not a request of the lab: {error}") }),
        };
        if writeln!(stream, "{answer}").is_err() {
            return;
        }
    }
}

fn obey(lab: &Arc<Lab>, verb: Verb) -> Result<Value> {
    match verb {
        Verb::KillHost { host } => host::kill(lab, &host)?,
        Verb::BootHost { host } => host::boot(lab, &host)?,
        Verb::KillTool {
            host,
            tool,
            call,
            when,
        } => lab.kill.arm(Order {
            host,
            tool,
            call,
            when,
        }),
        Verb::KillReport => {
            let none = || LabError::Refused("nothing is armed".to_owned());
            return Ok(json!(lab.kill.tally().ok_or_else(none)?));
        }
        Verb::Status => return Ok(status(lab)),
        Verb::Check { given_up } => {
            return Ok(json!({ "inconsistencies": checker::check(lab, &given_up) }));
        }
        Verb::Save { to } => fork::save(lab, &to)?,
        Verb::Log => return Ok(json!({ "calls": calls(lab)? })),
        Verb::Trouble { make, mend } => {
            make.into_iter()
                .for_each(|trouble| lab.troubles.make(trouble));
            mend.iter().for_each(|trouble| lab.troubles.mend(trouble));
        }
        Verb::PutInZookeeper { path, content } => {
            let put = lab.zookeeper.put(&path, content.into_bytes());
            put.map_err(|why| LabError::Refused(format!("putting {path} into ZooKeeper: {why}")))?;
        }
        Verb::BootsAs { host } => return Ok(json!(machine::boots(lab, &host))),
        Verb::Doubles => {
            let doubles = lab.doubles.lock();
            let doubles = doubles.unwrap_or_else(|poisoned| poisoned.into_inner());
            return Ok(json!({ "doubles": *doubles }));
        }
        Verb::Fetch { service, path } => return Ok(fetch(lab, &service, &path)),
        Verb::Stop => (),
    }
    Ok(json!({}))
}

fn status(lab: &Lab) -> Value {
    let dc = lab.dc();
    let hosts = dc.hosts.values().map(|host| {
        let zones = host.vms.values().map(|vm| {
            let set_up = lab
                .zone_root(&host.name, vm.uuid)
                .join("var/svc/setup_complete");
            json!({ "alias": vm.alias(), "state": vm.state, "set_up": set_up.exists() })
        });
        json!({
            "host": host.name,
            "admin_ip": host.admin_ip.to_string(),
            "state": if host.state == HostState::Up { "up" } else { "down" },
            "headnode": host.headnode,
            "zones": zones.collect::<Vec<_>>(),
        })
    });
    json!({ "dc": dc.name, "dir": lab.dir, "hosts": hosts.collect::<Vec<_>>() })
}

/// The whole call log; a line that can't be read is an error, for the log is evidence.
fn calls(lab: &Lab) -> Result<Vec<Logged>> {
    let path = daemon::call_log(&lab.dir);
    let on = format!("reading {}", path.display());
    let text = fs::read_to_string(&path).attempted(&on)?;
    text.lines()
        .map(|line| serde_json::from_str(line).attempted(&on))
        .collect()
}

/// Asks a service as anybody in the datacenter would: by its name, which any live binder may answer. That it can't be
/// reached is a finding, not an error of the lab.
fn fetch(lab: &Lab, service: &str, path: &str) -> Value {
    let (name, binders) = {
        let dc = lab.dc();
        let binders = dc.running("binder");
        let addresses: Vec<_> = binders.iter().filter_map(|(_, vm)| vm.admin_ip()).collect();
        (dc.name_of(service), addresses)
    };
    let found = dns::lookup(&binders, &name).unwrap_or_default();
    let Some(address) = found.first() else {
        return json!({ "failed": format!("{name} does not resolve") });
    };
    match http::get(SocketAddr::from((*address, 80)), &name, path) {
        Ok((status, body)) => {
            let text = || json!(String::from_utf8_lossy(&body));
            let body = serde_json::from_slice(&body).unwrap_or_else(|_| text());
            json!({ "address": address.to_string(), "status": status, "body": body })
        }
        Err(error) => json!({ "failed": format!("{name} at {address} does not answer: {error}") }),
    }
}
