// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Command stand-ins without a lab's daemon, for the rig's guests: the standard world, and a file of what differs from it.
//!
//! The file is JSON: `{"vms": {"<uuid>": null, "<uuid>": {...}}}`. A VM that is null is gone from this host; an object is
//! one as `vmadm get` prints it. `vmadm start`, `stop` and `delete` write it; a test may, too. Datasets are the guest's
//! real ones, and none of the commands here touches them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::{env, process};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::call::Call;
use crate::commands;
use crate::error::{Attempted, LabError, Result};
use crate::lab::{Lab, Timings};
use crate::log::CallLog;
use crate::model::{Dc, Vm};
use crate::world::{self, WorldSpec};

/// Commands that need no daemon. What else the lab has needs its zones, or is real in the rig.
pub const NAMES: [&str; 4] = ["imgadm", "svcs", "sysinfo", "vmadm"];

/// Where the file lies in a guest, on its pool; `LAB_MODEL` names another.
const MODEL: &str = "/var/rig/model.json";

/// What differs from the standard world on this host.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Differences {
    #[serde(default)]
    vms: BTreeMap<Uuid, Option<Map<String, Value>>>,
}

/// The file of differences, where stand-ins are to do without a daemon.
pub fn model() -> Option<PathBuf> {
    env::var_os("LAB_MODEL")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(MODEL)).filter(|path| path.exists()))
}

/// Runs as the command `name`.
pub fn main(name: &str, model: &Path) -> ExitCode {
    match call(name, model) {
        Ok(code) => ExitCode::from(code as u8),
        Err(error) => {
            eprintln!("{name}: this command is a stand-in of the lab: {error}");
            ExitCode::from(125)
        }
    }
}

fn call(name: &str, model: &Path) -> Result<i32> {
    if !NAMES.contains(&name) {
        return Err(LabError::Refused(format!("{name} needs the lab's daemon")));
    }
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    let differences = read(model)?;
    let mut dc = world::build(&WorldSpec::default());
    let hosts = fs::read_to_string("/etc/hosts").unwrap_or_default();
    settle(&mut dc, &host, &hosts, &differences);
    let log = CallLog::create(Path::new("/dev/null")).attempted("opening the call log")?;
    let lab = Arc::new(Lab::new(PathBuf::from("/"), Timings::default(), log, dc));
    let duplicate = |stream: &dyn AsFd| -> io::Result<File> {
        Ok(File::from(stream.as_fd().try_clone_to_owned()?))
    };
    let on = "taking over the standard streams";
    let mut call = Call {
        host,
        name: name.to_owned(),
        args: env::args_os()
            .skip(1)
            .map(|word| word.to_string_lossy().into_owned())
            .collect(),
        cwd: "/".to_owned(),
        env: BTreeMap::new(),
        pid: process::id() as i32,
        stdin: duplicate(&io::stdin()).attempted(on)?,
        stdout: duplicate(&io::stdout()).attempted(on)?,
        stderr: duplicate(&io::stderr()).attempted(on)?,
    };
    let words = call.args.clone();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["start" | "stop" | "delete", ..] if name == "vmadm" => {
            change(&lab, &mut call, differences, model)
        }
        ["create" | "update" | "import" | "install", ..] => Err(LabError::Refused(format!(
            "{name} {} is not done without the lab's daemon",
            words[0]
        ))),
        _ => Ok(commands::run(&lab, &mut call)),
    }
}

/// Makes the standard world this guest's: the addresses of its network, and what differs.
fn settle(dc: &mut Dc, host: &str, hosts: &str, differences: &Differences) {
    for line in hosts.lines() {
        let mut words = line.split_whitespace();
        let address = words.next().and_then(|word| word.parse::<Ipv4Addr>().ok());
        for name in words {
            if let (Some(host), Some(address)) = (dc.hosts.get_mut(name), address) {
                host.admin_ip = address;
            }
        }
    }
    let Some(here) = dc.hosts.get_mut(host) else {
        return;
    };
    // The world's zones are made stopped, for a lab to boot them.
    here.vms
        .values_mut()
        .for_each(|vm| vm.state = "running".to_owned());
    for (uuid, differs) in &differences.vms {
        match differs {
            None => drop(here.vms.remove(uuid)),
            Some(object) => drop(here.vms.insert(*uuid, vm(*uuid, object))),
        }
    }
}

/// A VM from what `vmadm get` prints of it.
fn vm(uuid: Uuid, object: &Map<String, Value>) -> Vm {
    let mut props = object.clone();
    for live in ["uuid", "state", "zone_state", "server_uuid"] {
        props.remove(live);
    }
    let state = object
        .get("state")
        .and_then(Value::as_str)
        .unwrap_or("stopped");
    Vm {
        uuid,
        props,
        state: state.to_owned(),
        ran_user_script: true,
        boot: 0,
    }
}

/// `vmadm start|stop|delete UUID`: no zone boots, but later commands see it as it would be.
fn change(
    lab: &Arc<Lab>,
    call: &mut Call,
    mut differences: Differences,
    model: &Path,
) -> Result<i32> {
    let (verb, text) = (
        call.args[0].clone(),
        call.args.get(1).cloned().unwrap_or_default(),
    );
    let uuid = text.parse::<Uuid>().ok();
    let found = uuid.and_then(|uuid| lab.dc().hosts.get(&call.host)?.vms.get(&uuid).cloned());
    let Some(vm) = found else {
        return Ok(call.fail(1, format!("zoneadm: {text}: No such zone configured")));
    };
    let uuid = vm.uuid;
    let running = vm.state == "running";
    let (code, line, state) = match (verb.as_str(), running) {
        ("start", true) => return Ok(call.fail(0, format!("VM {uuid} is already 'running'"))),
        ("start", false) => (
            0,
            format!("Successfully started VM {uuid}"),
            Some("running"),
        ),
        ("stop", false) => {
            let line = format!("Unable to stop vm {uuid}: VM is not running");
            return Ok(call.fail(1, line));
        }
        ("stop", true) => (
            0,
            format!("Successfully completed stop for VM {uuid}"),
            Some("stopped"),
        ),
        _ => (0, format!("Successfully deleted VM {uuid}"), None),
    };
    let object = state.map(|state| {
        let mut object = vm.props;
        object.insert("state".to_owned(), json!(state));
        object
    });
    differences.vms.insert(uuid, object);
    write(model, &differences)?;
    Ok(call.fail(code, line))
}

fn read(model: &Path) -> Result<Differences> {
    let on = || format!("reading {}", model.display());
    match fs::read_to_string(model) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Differences::default()),
        Err(error) => Err(error).attempted(on()),
        Ok(text) => serde_json::from_str(&text).attempted(on()),
    }
}

fn write(model: &Path, differences: &Differences) -> Result<()> {
    let on = || format!("writing {}", model.display());
    let fresh = model.with_extension("new");
    let text = serde_json::to_string(differences).attempted(on())?;
    fs::write(&fresh, text)
        .and_then(|()| fs::rename(&fresh, model))
        .attempted(on())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imgapi(dc: &Dc) -> Uuid {
        let vms = &dc.hosts["headnode0"].vms;
        vms.values()
            .find(|vm| vm.role() == Some("imgapi"))
            .unwrap()
            .uuid
    }

    #[test]
    fn a_guest_has_the_standard_zones_but_for_what_the_file_says() {
        let mut dc = world::build(&WorldSpec::default());
        let (gone, count) = (imgapi(&dc), dc.hosts["headnode0"].vms.len());
        let text = format!(
            r#"{{"vms": {{"{gone}": null, "{}": {{"alias": "new one", "state": "running"}}}}}}"#,
            Uuid::nil()
        );
        let differences = serde_json::from_str(&text).unwrap();
        settle(
            &mut dc,
            "headnode0",
            "127.0.0.1 localhost\n10.77.0.1 headnode0\n",
            &differences,
        );
        let host = &dc.hosts["headnode0"];
        assert_eq!(host.admin_ip, Ipv4Addr::new(10, 77, 0, 1));
        assert!(!host.vms.contains_key(&gone));
        assert_eq!(host.vms[&Uuid::nil()].alias(), "new one");
        assert_eq!(host.vms[&Uuid::nil()].state, "running");
        assert_eq!(host.vms.len(), count);
        assert!(host.vms.values().all(|vm| vm.state == "running"));
    }

    #[test]
    fn an_unknown_field_in_the_file_is_refused_and_a_missing_file_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.json");
        assert!(read(&path).unwrap().vms.is_empty());
        fs::write(&path, r#"{"zones": {}}"#).unwrap();
        assert!(read(&path).is_err());
    }
}
