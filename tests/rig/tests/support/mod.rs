// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Two headnodes on real ZFS and ssh: headnode0 with core zones and their data, headnode1 that pulls from it.

// No test uses all of it.
#![allow(dead_code)]

use std::time::{Duration, Instant};

use rig::testing::{self, TestRig};
use rig::{Options, Output};
use serde_json::Value;

pub const SOURCE: &str = "headnode0";
pub const TARGET: &str = "headnode1";
pub const SYNC: &str = "/opt/triton-headnode/bin/triton-sync-data";

/// Core zones of headnode0 whose data is synced.
const SERVICES: [&str; 3] = ["cloudapi", "imgapi", "sapi"];

const CONFIG: &str = "datacenter_name=east-1\ndns_domain=triton.example\n\
                      ufds_admin_uuid=$(vmadm get $(vmadm lookup tags.smartdc_role=$1) | sed -n 's/.*\"owner_uuid\": \"\\(.*\\)\",/\\1/p')\n";

pub struct Scene {
    pub rig: TestRig,
    /// The dataset of imgapi on headnode0, and its copy on headnode1.
    pub dataset: String,
    pub copy: String,
}

/// Both up, with data on headnode0 and trust between them; nothing synced yet. `None` where there can be no rig.
pub fn trusting() -> Option<Scene> {
    trusting_all(&[SOURCE, TARGET])
}

/// The same of more headnodes, each of which trusts all others.
pub fn trusting_all(hosts: &[&str]) -> Option<Scene> {
    let options = Options {
        guests: hosts.iter().map(|host| (*host).to_owned()).collect(),
        disk_mib: 1536,
        ..Options::with_product().unwrap()
    };
    let rig = testing::rig(options)?;
    for host in hosts {
        let role = if *host == SOURCE { "imgapi" } else { "moray" };
        rig.ok(host, "mkdir -p /var/rig && echo '{}' > /var/rig/model.json")
            .unwrap();
        let config = format!("set -- {role}; cat > /usbkey/config <<END\n{CONFIG}END");
        rig.ok(host, &config).unwrap();
    }
    for service in SERVICES {
        let make = format!(
            "vm=$(vmadm lookup tags.smartdc_role={service}) && zfs create -p -o atime=off zones/$vm/data && \
             head -c 300000 /dev/urandom > /zones/$vm/data/first"
        );
        rig.ok(SOURCE, &make).unwrap();
    }
    let offers: String = hosts
        .iter()
        .map(|host| rig.ok(host, &format!("{SYNC} trust show")).unwrap() + "\n")
        .collect();
    for host in hosts {
        let added = rig.run_with(host, &format!("{SYNC} trust add -i -"), offers.as_bytes());
        let added = added.unwrap();
        assert!(added.success(), "{}", added.stderr);
    }
    let vm = rig
        .ok(SOURCE, "vmadm lookup tags.smartdc_role=imgapi")
        .unwrap();
    let server: Value = serde_json::from_str(offers.lines().next().unwrap()).unwrap();
    let (vm, server) = (vm.trim(), server["server"].as_str().unwrap());
    Some(Scene {
        dataset: format!("zones/{vm}/data"),
        copy: format!("zones/triton-restore/{server}/{vm}"),
        rig,
    })
}

/// The same, synced once.
pub fn synced() -> Option<Scene> {
    let scene = trusting()?;
    let first = scene.sync();
    assert!(
        first.iter().all(|one| one["outcome"] == "sent"),
        "{first:?}"
    );
    Some(scene)
}

/// A shell command that lists the processes whose command line matches, and fails when there is none.
pub fn runs(pattern: &str) -> String {
    // The command line of this command has the word grep.
    format!("ps -o pid,args | grep -E '{pattern}' | grep -v grep")
}

/// A shell command that succeeds when no process matches.
pub fn none_runs(pattern: &str) -> String {
    format!("! ( {} )", runs(pattern))
}

/// A shell command that kills all processes that match; there must be one.
pub fn kills(pattern: &str) -> String {
    format!("kill -9 $({} | awk '{{print $1}}')", runs(pattern))
}

impl Scene {
    pub fn ok(&self, host: &str, command: &str) -> String {
        self.rig.ok(host, command).unwrap()
    }

    pub fn run(&self, host: &str, command: &str) -> Output {
        self.rig.run(host, command).unwrap()
    }

    /// One round; a line for each dataset. No API answers in the rig, so a round is never whole.
    pub fn sync(&self) -> Vec<Value> {
        self.sync_with("")
    }

    pub fn sync_with(&self, flags: &str) -> Vec<Value> {
        let command = format!("{SYNC} -j --from headnode0 --reserve 64M {flags}");
        let output = self.run(TARGET, &command);
        let lines: Vec<Value> = output
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let datasets = lines
            .into_iter()
            .filter(|line| line["kind"] == "triton.sync-result/1");
        let datasets: Vec<Value> = datasets.collect();
        assert!(!datasets.is_empty(), "{}{}", output.stdout, output.stderr);
        datasets
    }

    /// What became of imgapi's dataset in a round.
    pub fn imgapi(results: &[Value]) -> &Value {
        results
            .iter()
            .find(|one| one["service"] == "imgapi")
            .unwrap()
    }

    /// Writes this many MiB that compress to nothing less.
    pub fn write(&self, mib: u32) {
        let dataset = &self.dataset;
        self.ok(
            SOURCE,
            &format!(
                "head -c {mib}M /dev/urandom > /{dataset}/more-$(date +%s%N) && zpool sync zones"
            ),
        );
    }

    /// A round under way, so slow that it is caught in the middle of its receive.
    pub fn caught_receiving(&self) -> rig::Running {
        self.write(64);
        let command = format!("{SYNC} -j --from headnode0 --reserve 64M --limit-rate 2M");
        let running = self.rig.spawn(TARGET, &command).unwrap();
        self.wait_for(TARGET, &runs("zfs receive"), Duration::from_secs(60));
        self.ok(TARGET, "sleep 3");
        running
    }

    /// Waits until a command succeeds.
    pub fn wait_for(&self, host: &str, command: &str, limit: Duration) {
        let patience = Instant::now() + limit;
        while !self.run(host, command).success() {
            assert!(Instant::now() < patience, "on {host}, in vain: {command}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// At most one more round, and everything is whole and tidy on both ends.
    pub fn recovers(&self) {
        let results = self.sync();
        let good = |one: &Value| one["outcome"] == "sent" || one["outcome"] == "unchanged";
        assert!(results.iter().all(good), "{results:#?}");
        self.is_whole_and_tidy();
    }

    /// The newest restore point is the source's own, nothing is half received, held or still running.
    pub fn is_whole_and_tidy(&self) {
        let (dataset, copy) = (&self.dataset, &self.copy);
        let newest = "zfs list -Hp -t snapshot -o guid -s creation -d 1";
        let there = self.ok(SOURCE, &format!("{newest} {dataset} | tail -1"));
        let here = self.ok(TARGET, &format!("{newest} {copy} | tail -1"));
        assert_eq!(there, here, "the newest snapshot of both ends");
        let recorded = self.ok(TARGET, "cat /var/sdcadm/svc-restore-data/*/points/*.json");
        assert!(recorded.contains(here.trim()), "{recorded}");
        let tokens = self.ok(
            TARGET,
            "zfs get -Hp -o value receive_resume_token -r zones/triton-restore | sort -u",
        );
        assert_eq!(tokens, "-");
        for host in [SOURCE, TARGET] {
            let held = self.ok(
                host,
                "zfs list -Hp -t snapshot -o userrefs -r zones | sort -u",
            );
            assert_eq!(held, "0", "on {host}");
            self.wait_for(
                host,
                &none_runs("zfs (send|receive)"),
                Duration::from_secs(60),
            );
            self.wait_for(
                host,
                &none_runs("triton-sync-data"),
                Duration::from_secs(60),
            );
        }
        let first = "sha256sum < /$1/first | cut -c1-64";
        let theirs = self.ok(SOURCE, &format!("set -- {dataset}; {first}"));
        let clone = format!(
            "zfs clone -o mountpoint=/tmp/look -o readonly=on $(zfs list -H -t snapshot -o name -s creation -d 1 {copy} | tail -1) zones/look"
        );
        self.ok(TARGET, &clone);
        let ours = self.ok(
            TARGET,
            "sha256sum < /tmp/look/first | cut -c1-64; zfs destroy zones/look",
        );
        assert_eq!(theirs, ours);
    }
}
