// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A headnode made of stand-in commands, with a plan for it. PATH belongs to a whole process, so a run is this test program
//! again, in a process of its own that may be killed.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use documents::plan::{Goal, KIND, PlanDc, RestoreGoal, Step, StepId};
use documents::verb::{
    Composed, DatasetAttach, Expects, MorayZone, RecordDelete, RecordPut, ZoneCreate, ZoneStart,
};
use documents::{Digest, Plan, SecretRef, Uuid, Verb};
use serde_json::{Value, json};

pub const HERE: Uuid = Uuid::from_u128(0x44454c4c_4700_1051_8031_b4c04f334731);
pub const VM: Uuid = Uuid::from_u128(0x0c7e5d11_4a9b_4f65_8c3d_2e1f0a9b8c7d);
pub const LOST: &str = "1a2b3c4d-0000-4000-8000-000000000001";
pub const POINT: &str = "zones/triton-restore/old/data@triton-sync-1";
const PAYLOAD: &str =
    r#"{"brand":"joyent-minimal","nics":[1],"customer_metadata":{"key":"CANARY-payload"}}"#;
const RECORD: &str = r#"{"params":{"image":"x"},"metadata":{"pw":"CANARY-record"}}"#;

pub struct Headnode {
    folder: tempfile::TempDir,
}

impl Headnode {
    pub fn new() -> Headnode {
        let headnode = Headnode {
            folder: tempfile::tempdir().unwrap(),
        };
        let script = headnode.path("stand-in.sh");
        fs::write(&script, include_str!("stand-in.sh")).unwrap();
        fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
        for command in ["vmadm", "zfs", "zlogin", "sysinfo"] {
            symlink(&script, headnode.path(command)).unwrap();
        }
        let point = POINT.replace('/', "+");
        headnode.write(&format!("state/snap/{point}"), "4242\n");
        headnode.write(
            &format!("state/moray/{LOST}"),
            r#"{"metadata":{"pw":"CANARY-lost"}}"#,
        );
        for folder in ["state/vm", "state/zfs"] {
            fs::create_dir_all(headnode.path(folder)).unwrap();
        }
        headnode.write("root/usbkey/config", "dns_domain=example.com\n");
        let data = "root/var/sdcadm/svc-restore-data/old/20261123T051000Z";
        headnode.write(&format!("{data}/vm.json"), PAYLOAD);
        headnode.write(&format!("{data}/record.json"), RECORD);
        headnode
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Applies the plan in a process of its own: `how` is what `case_apply` understands.
    pub fn apply(&self, how: &str) -> Output {
        let path = std::env::var("PATH").unwrap();
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "case_apply", "--ignored", "--nocapture"])
            .env("PATH", format!("{}:{path}", self.folder.path().display()))
            .env("TEST_FOLDER", self.folder.path())
            .env("TEST_HOW", how)
            .output()
            .unwrap()
    }

    /// What such a run said it ended with.
    pub fn outcome(&self, how: &str) -> Value {
        let output = self.apply(how);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix("outcome "));
        let Some(line) = line else {
            panic!("{text}{}", String::from_utf8_lossy(&output.stderr));
        };
        serde_json::from_str(line).unwrap()
    }

    /// Every file of the state with its content, the time in parked names left out.
    pub fn state(&self) -> Vec<String> {
        let mut files = Vec::new();
        walk(&self.path("state"), &mut files);
        let mut lines: Vec<String> = files
            .iter()
            .map(|path| format!("{} {}", path.display(), fs::read_to_string(path).unwrap()))
            .map(|line| line.replace(&self.folder.path().display().to_string(), ""))
            .map(|line| match line.split_once("-parked-") {
                Some((before, rest)) => format!("{before}-parked-{}", &rest[16..]),
                None => line,
            })
            .collect();
        lines.sort();
        lines
    }
}

/// Files, and folders that hold none.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            if fs::read_dir(&path).unwrap().next().is_none() {
                let mark = path.join("(empty)");
                fs::write(&mark, "").unwrap();
            }
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn secret(name: &str, content: &str) -> SecretRef {
    SecretRef {
        secret: Digest::of_bytes(content.as_bytes()),
        from: format!("old/20261123T051000Z/{name}"),
    }
}

fn composed(base: SecretRef, set: Value) -> Composed {
    Composed {
        base: Some(base),
        drop: vec!["nics".to_owned()],
        set: set.as_object().unwrap().clone(),
    }
}

fn step(name: &str, verb: Verb, expects: Expects, needs: &[&str]) -> Step {
    Step {
        id: StepId(format!("imgapi/{name}")),
        host: HERE,
        verb,
        expects,
        needs: needs
            .iter()
            .map(|need| StepId(format!("imgapi/{need}")))
            .collect(),
        service: "imgapi".to_owned(),
        why: format!("{name} it"),
    }
}

/// imgapi comes back: record, zone, data, start, and the old record goes.
pub fn plan() -> Plan {
    let through = MorayZone {
        server: HERE,
        zone: Uuid::from_u128(3),
    };
    let stopped = Expects {
        state: Some("stopped".to_owned()),
        ..Expects::default()
    };
    let planned = Expects {
        guid: Some("4242".to_owned()),
        ..stopped.clone()
    };
    let record = Verb::RecordPut(RecordPut {
        bucket: "sapi_instances".to_owned(),
        key: VM.to_string(),
        object: composed(
            secret("record.json", RECORD),
            json!({"uuid": VM, "params": {"alias": "imgapi1"}}),
        ),
        through: through.clone(),
    });
    let create = Verb::ZoneCreate(ZoneCreate {
        vm: VM,
        payload: composed(secret("vm.json", PAYLOAD), json!({"alias": "imgapi1"})),
    });
    let attach = Verb::DatasetAttach(DatasetAttach {
        vm: VM,
        dataset: format!("zones/{VM}/data"),
        snapshot: POINT.to_owned(),
    });
    let retire = Verb::RecordDelete(RecordDelete {
        bucket: "sapi_instances".to_owned(),
        key: LOST.to_owned(),
        through,
    });
    let none = Expects::default();
    let steps = vec![
        step("record", record, none.clone(), &[]),
        step("create", create, none.clone(), &[]),
        step("attach", attach, planned, &["create"]),
        step(
            "start",
            Verb::ZoneStart(ZoneStart { vm: VM }),
            stopped,
            &["record", "attach"],
        ),
        step("retire-record", retire, none, &["start"]),
    ];
    let goal = RestoreGoal {
        lost: Vec::new(),
        zones: Vec::new(),
        on: HERE,
        services: Vec::new(),
    };
    Plan {
        kind: KIND.to_owned(),
        dc: PlanDc {
            name: "east-1".to_owned(),
            sapi_app: Uuid::nil(),
        },
        run: Uuid::from_u128(7),
        made_by: "test".to_owned(),
        inventory: Digest::of_bytes(b""),
        goal: Goal::Restore(goal),
        steps,
        notices: Vec::new(),
        refusals: Vec::new(),
    }
}

/// The same run planned again, with data of another restore point.
pub fn other(mut plan: Plan) -> Plan {
    for step in &mut plan.steps {
        if let Verb::DatasetAttach(with) = &mut step.verb {
            with.snapshot = POINT.replace("sync-1", "sync-2");
            step.expects.guid = Some("4343".to_owned());
        }
    }
    plan
}
