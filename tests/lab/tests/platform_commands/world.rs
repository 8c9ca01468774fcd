// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A world without processes, and commands called in it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;

use lab::call::Call;
use lab::lab::{Lab, Timings};
use lab::log::CallLog;
use lab::world::{WorldSpec, build, furnish, id};
use lab::{commands, model};
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

pub const HERE: &str = "headnode1";
pub const THERE: &str = "headnode0";

pub struct World {
    pub lab: Arc<Lab>,
    folder: TempDir,
}

/// How a command ended.
pub struct Ran {
    pub code: i32,
    pub bytes: Vec<u8>,
    pub err: String,
}

impl Ran {
    pub fn out(&self) -> String {
        String::from_utf8(self.bytes.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    /// It exited `code`, printed nothing, and said `words` on stderr.
    #[track_caller]
    pub fn refused(&self, code: i32, words: &str) {
        assert_eq!(self.code, code, "{}", self.err);
        assert_eq!(self.out(), "");
        assert!(self.err.contains(words), "{}", self.err);
    }
}

pub fn world() -> World {
    world_in(Timings::default())
}

pub fn world_in(timings: Timings) -> World {
    let folder = tempfile::tempdir().unwrap();
    let log = CallLog::create(&folder.path().join("calls")).unwrap();
    let dc = build(&WorldSpec::default());
    let lab = Arc::new(Lab::new(folder.path().to_owned(), timings, log, dc));
    furnish(&lab);
    World { lab, folder }
}

impl World {
    pub fn run(&self, host: &str, words: &[&str]) -> Ran {
        self.feed(host, words, b"")
    }

    pub fn feed(&self, host: &str, words: &[&str], stdin: &[u8]) -> Ran {
        let path = |name: &str| self.folder.path().join(name);
        fs::write(path("stdin"), stdin).unwrap();
        let mut call = Call {
            host: host.to_owned(),
            name: words[0].to_owned(),
            args: words[1..].iter().map(|word| (*word).to_owned()).collect(),
            cwd: "/root".to_owned(),
            env: BTreeMap::new(),
            pid: 0,
            stdin: File::open(path("stdin")).unwrap(),
            stdout: File::create(path("stdout")).unwrap(),
            stderr: File::create(path("stderr")).unwrap(),
        };
        let code = commands::run(&self.lab, &mut call);
        Ran {
            code,
            bytes: fs::read(path("stdout")).unwrap(),
            err: fs::read_to_string(path("stderr")).unwrap(),
        }
    }

    /// Runs what must succeed; returns what it printed.
    #[track_caller]
    pub fn ok(&self, host: &str, words: &[&str]) -> String {
        let ran = self.run(host, words);
        assert_eq!(ran.code, 0, "{words:?}: {}", ran.err);
        ran.out()
    }

    /// Where the live files of a dataset lie.
    pub fn files(&self, host: &str, dataset: &str) -> PathBuf {
        let store = self.lab.dc().hosts[host].datasets[dataset].store.clone();
        self.lab.dataset_files(host, &store)
    }

    pub fn set_running(&self, host: &str, vm: Uuid) {
        let mut dc = self.lab.dc();
        let zone = dc.hosts.get_mut(host).unwrap().vms.get_mut(&vm).unwrap();
        zone.state = "running".to_owned();
    }

    pub fn dataset(&self, host: &str, name: &str) -> Option<model::Dataset> {
        self.lab.dc().hosts[host].datasets.get(name).cloned()
    }
}

/// The UUID of a zone of the world.
pub fn zone(alias: &str) -> Uuid {
    id(&format!("vm {alias}"))
}

pub fn data_of(alias: &str) -> String {
    format!("zones/{}/data", zone(alias))
}

pub fn fixture(name: &str) -> String {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/platform/"
    );
    fs::read_to_string(format!("{path}{name}")).unwrap()
}
