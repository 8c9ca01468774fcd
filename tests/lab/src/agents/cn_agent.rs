// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! cn-agent: tells CNAPI what the server is, and that it lives.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek};
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Peer, Seen};
use crate::call::Call;
use crate::commands;
use crate::lab::Lab;

const AGENT: &str = "cn-agent/2.15.0";

#[derive(Default)]
pub struct CnAgent {
    told: Value,
}

impl CnAgent {
    pub fn report(&mut self, lab: &Arc<Lab>, seen: &Seen, cnapi: &Peer) {
        let server = format!("/servers/{}", seen.server);
        if let Some(sysinfo) = sysinfo(lab, seen).filter(|sysinfo| *sysinfo != self.told) {
            let body = json!({ "sysinfo": sysinfo });
            if cnapi.tell(AGENT, "POST", &format!("{server}/sysinfo"), &body) {
                self.told = sysinfo;
            }
        }
        cnapi.tell(
            AGENT,
            "POST",
            &format!("{server}/events/heartbeat"),
            &json!({}),
        );
    }
}

/// What `sysinfo` prints on the host.
fn sysinfo(lab: &Arc<Lab>, seen: &Seen) -> Option<Value> {
    let (mut call, mut output) = quiet_call(lab, &seen.host).ok()?;
    if commands::run(lab, &mut call) != 0 {
        return None;
    }
    let mut text = String::new();
    output.rewind().ok()?;
    output.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn quiet_call(lab: &Lab, host: &str) -> io::Result<(Call, File)> {
    let output = tempfile::tempfile_in(&lab.dir)?;
    let call = Call {
        host: host.to_owned(),
        name: "sysinfo".to_owned(),
        args: Vec::new(),
        cwd: "/".to_owned(),
        env: BTreeMap::new(),
        pid: 0,
        stdin: File::open("/dev/null")?,
        stdout: output.try_clone()?,
        stderr: OpenOptions::new().write(true).open("/dev/null")?,
    };
    Ok((call, output))
}
