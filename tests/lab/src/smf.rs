// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What SMF starts of `/opt/custom/smf` when a host boots: the manifests of the guard. One whose service `system/zones` depends on
//! is waited for, as SMF does; the others run beside the zones.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::Path;

use crate::error::{Attempted, LabError, Result};
use crate::host;
use crate::host_init::Start;
use crate::host_root::ENVIRONMENT;
use crate::lab::Lab;
use crate::wire;

/// A manifest's start method.
#[derive(Debug, PartialEq)]
struct Method {
    argv: Vec<String>,
    /// The zones wait for it.
    before_zones: bool,
}

pub fn before_zones(lab: &Lab, host: &str) -> Result<()> {
    for method in methods(lab, host)?.iter().filter(|m| m.before_zones) {
        let stream = start(lab, host, method)?;
        // Whatever it says: a service that fails leaves the zones in peace.
        let _ = wire::receive::<i32>(&stream);
    }
    Ok(())
}

pub fn beside_zones(lab: &Lab, host: &str) -> Result<()> {
    for method in methods(lab, host)?.iter().filter(|m| !m.before_zones) {
        start(lab, host, method)?;
    }
    Ok(())
}

fn methods(lab: &Lab, host: &str) -> Result<Vec<Method>> {
    let folder = lab.host_path(host, "/opt/custom/smf");
    let mut names: Vec<String> = match fs::read_dir(&folder) {
        Ok(entries) => entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| name.starts_with("triton-hn-guard"))
            .collect(),
        Err(_) => return Ok(Vec::new()),
    };
    names.sort();
    names.iter().map(|name| read(&folder.join(name))).collect()
}

fn read(path: &Path) -> Result<Method> {
    let on = format!("reading the manifest {}", path.display());
    let text = fs::read_to_string(path).attempted(&on)?;
    method(&text).ok_or_else(|| LabError::Failed(format!("{on}: it has no start method")))
}

fn method(manifest: &str) -> Option<Method> {
    let at = manifest.find("name=\"start\"")?;
    let exec = manifest[at..].split_once("exec=\"")?.1.split_once('"')?.0;
    Some(Method {
        argv: exec.split_whitespace().map(str::to_owned).collect(),
        before_zones: manifest
            .split("<dependent ")
            .skip(1)
            .any(|dependent| dependent.contains("svc:/system/zones")),
    })
}

fn start(lab: &Lab, host: &str, method: &Method) -> Result<std::os::unix::net::UnixStream> {
    let on = format!("starting {} on {host}", method.argv.join(" "));
    let null = File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .attempted(&on)?;
    let log = lab.host_path(host, "/var/log/triton-hn-guard.log");
    let log = File::options()
        .create(true)
        .append(true)
        .open(log)
        .attempted(&on)?;
    let what = Start {
        argv: method.argv.clone(),
        env: ENVIRONMENT
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        cwd: "/".to_owned(),
    };
    let streams = [null.as_fd(), log.as_fd(), log.as_fd()];
    host::spawn(lab, host, &what, streams).attempted(on)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_method_is_found_and_whether_the_zones_wait_for_it() {
        let plain = "<exec_method type=\"method\" name=\"start\" timeout_seconds=\"30\"\n exec=\"/opt/x run --every 1m\">";
        let found = method(plain).unwrap();
        assert_eq!(found.argv, ["/opt/x", "run", "--every", "1m"]);
        assert!(!found.before_zones);
        let first = format!(
            "<dependent name=\"zones\"><service_fmri value=\"svc:/system/zones:default\"/></dependent>{plain}"
        );
        assert!(method(&first).unwrap().before_zones);
        assert_eq!(method("<service/>"), None);
    }
}
