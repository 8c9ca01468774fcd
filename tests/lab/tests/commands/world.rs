// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The lab's own world over a temporary folder, and calls of its commands.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::sync::Arc;

use lab::call::Call;
use lab::commands;
use lab::lab::{Lab, Timings};
use lab::log::CallLog;
use lab::world::{WorldSpec, build, furnish, id};
use serde_json::{Value, json};

pub struct World {
    pub lab: Arc<Lab>,
    _folder: tempfile::TempDir,
}

/// What came of a call.
pub struct Said {
    pub code: i32,
    pub out: Vec<u8>,
    pub err: String,
}

impl World {
    /// Every zone is said to run, though nothing listens.
    pub fn new() -> World {
        World::with(Timings {
            scale: 0.001,
            ..Timings::default()
        })
    }

    pub fn with(timings: Timings) -> World {
        let folder = tempfile::tempdir().unwrap();
        let log = CallLog::create(&folder.path().join("calls")).unwrap();
        let dc = build(&WorldSpec::default());
        let lab = Arc::new(Lab::new(folder.path().to_owned(), timings, log, dc));
        furnish(&lab);
        for host in lab.dc().hosts.values_mut() {
            for vm in host.vms.values_mut() {
                vm.state = "running".to_owned();
            }
        }
        World {
            lab,
            _folder: folder,
        }
    }

    /// Calls a line of plain words.
    pub fn call(&self, host: &str, line: &str, stdin: &[u8]) -> Said {
        let mut words = line.split_whitespace().map(str::to_owned);
        let mut input = tempfile::tempfile().unwrap();
        input.write_all(stdin).unwrap();
        input.rewind().unwrap();
        let (mut out, mut err) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let mut call = Call {
            host: host.to_owned(),
            name: words.next().unwrap(),
            args: words.collect(),
            cwd: "/root".to_owned(),
            env: BTreeMap::new(),
            pid: 0,
            stdin: input,
            stdout: out.try_clone().unwrap(),
            stderr: err.try_clone().unwrap(),
        };
        let code = commands::run(&self.lab, &mut call);
        Said {
            code,
            out: written(&mut out),
            err: String::from_utf8(written(&mut err)).unwrap(),
        }
    }

    /// Runs what must succeed; what it printed.
    pub fn ok(&self, host: &str, line: &str) -> String {
        let said = self.call(host, line, b"");
        assert_eq!(said.code, 0, "{line}: {}", said.err);
        String::from_utf8(said.out).unwrap()
    }

    /// Runs what must fail; what it complained.
    pub fn refused(&self, host: &str, line: &str, stdin: &[u8]) -> String {
        let said = self.call(host, line, stdin);
        assert_ne!(said.code, 0, "{line}");
        assert_eq!(said.out, b"", "{line}");
        said.err
    }

    /// Makes a zone on headnode1 that is to be an adminui, with properties besides.
    pub fn create(&self, name: &str, more: Value) {
        let mut payload = json!({
            "uuid": id(name), "alias": name, "brand": "joyent-minimal", "image_uuid": id("image adminui"),
            "autoboot": false, "quota": "25", "delegate_dataset": true,
            "tags": {"smartdc_role": "adminui", "smartdc_type": "core"},
            "nics": [{"nic_tag": "admin", "ip": "10.99.99.120", "netmask": "255.255.255.0", "primary": true}],
        });
        payload
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let said = self.call("headnode1", "vmadm create", payload.to_string().as_bytes());
        assert_eq!(said.code, 0, "{}", said.err);
        let created = platform::vmadm::parse_created(&said.err).unwrap();
        assert_eq!(created.uuid, id(name));
    }
}

/// UUID of one of the world's zones, by its alias.
pub fn zone(alias: &str) -> String {
    id(&format!("vm {alias}")).to_string()
}

fn written(file: &mut File) -> Vec<u8> {
    file.rewind().unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}
