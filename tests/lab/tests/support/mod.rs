// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Labs for end-to-end tests: up, synced, and with the first headnode lost.

// No test uses all of it.
#![allow(dead_code)]

use std::path::PathBuf;
use std::process::Output;
use std::time::{Duration, Instant};

use lab::running::{Options, Running};
use serde_json::{Value, json};

/// Where `cargo lab test` staged the product.
pub fn install() -> PathBuf {
    match std::env::var_os("LAB_INSTALL") {
        Some(install) => PathBuf::from(install),
        None => panic!("this test drives the staged product: run it by `cargo lab test`"),
    }
}

pub struct Scene {
    pub lab: Running,
    // Removed when the lab is down.
    _folder: tempfile::TempDir,
}

/// A datacenter that nothing has happened to yet.
pub fn up() -> Scene {
    with(|_| ())
}

/// One that is otherwise.
pub fn with(how: impl FnOnce(&mut Options)) -> Scene {
    let folder = tempfile::Builder::new().prefix("lab").tempdir().unwrap();
    let mut options = Options::new(folder.path().join("dc"), install());
    options.timings.scale = 0.02;
    how(&mut options);
    let lab = Running::start(&options).unwrap();
    Scene {
        lab,
        _folder: folder,
    }
}

/// Synced to headnode1, then headnode0's power was cut and CNAPI has noticed.
pub fn headnode0_lost() -> Scene {
    let scene = up();
    scene.ok("headnode1", "triton-sync-data");
    scene.lose("headnode0");
    scene
}

impl Scene {
    pub fn run(&self, host: &str, script: &str) -> Output {
        self.lab.script(host, script, b"").unwrap()
    }

    pub fn feed(&self, host: &str, script: &str, stdin: &[u8]) -> Output {
        self.lab.script(host, script, stdin).unwrap()
    }

    /// Runs what must exit 0; returns stdout.
    pub fn ok(&self, host: &str, script: &str) -> String {
        let output = self.run(host, script);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{script}: {}{}",
            err(&output),
            out(&output)
        );
        out(&output)
    }

    pub fn lose(&self, host: &str) {
        self.lab.lose_host(host).unwrap();
    }

    pub fn control(&self, request: Value) -> Value {
        self.lab.control(&request).unwrap()
    }

    /// What the consistency checker finds, once the agents had time to report.
    pub fn inconsistencies(&self) -> Vec<String> {
        self.inconsistencies_without(&[])
    }

    /// The same, where some hosts are given up for good.
    pub fn inconsistencies_without(&self, given_up: &[&str]) -> Vec<String> {
        let patience = Instant::now() + Duration::from_secs(15);
        loop {
            let answer = self.control(json!({"do": "check", "given_up": given_up}));
            let found: Vec<String> =
                serde_json::from_value(answer["inconsistencies"].clone()).unwrap();
            if found.is_empty() || Instant::now() > patience {
                return found;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Alias and UUID of every core zone that SAPI knows, sorted: the state that a run ends in.
    pub fn instances(&self) -> Vec<String> {
        let answer = self.control(json!({"do": "fetch", "service": "sapi", "path": "/instances"}));
        let mut all: Vec<String> = answer["body"]
            .as_array()
            .unwrap_or_else(|| panic!("SAPI answers {answer}"))
            .iter()
            .map(|i| {
                format!(
                    "{} {} {}",
                    i["params"]["alias"], i["uuid"], i["params"]["server_uuid"]
                )
            })
            .collect();
        all.sort();
        all
    }

    /// Calls that changed something, as the call log has them, made by one of the product's tools.
    pub fn destroying_calls(&self) -> Vec<String> {
        let log = self.control(json!({"do": "log"}));
        log["calls"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|call| call["destroys"] == true)
            .map(|call| format!("{} {}", call["command"], call["args"]))
            .collect()
    }
}

pub fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The events that a tool printed.
pub fn events(output: &Output) -> Vec<Value> {
    out(output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub fn summary(output: &Output) -> Value {
    let all = events(output);
    let last = all.last().cloned().unwrap_or_default();
    assert_eq!(last["event"], "summary", "{}{}", out(output), err(output));
    last
}
