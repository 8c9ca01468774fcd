// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Two guests with 25 datasets, and what is measured on them.

use std::time::Instant;

use serde_json::Value;

use super::peers::Layer;
use super::tools::{TREE, Tool};
use crate::attaching::core_zone;
use crate::error::{Result, RigError};
use crate::remote::Running;
use crate::testing::TestRig;

pub const SOURCE: &str = "headnode0";
pub const TARGET: &str = "headnode1";
/// The last one is large.
pub const DATASETS: usize = 25;
const SMALL_MIB: usize = 16;
const LARGE_MIB: usize = 512;
/// Bytes of a first sync.
pub const TOTAL_MIB: usize = (DATASETS - 1) * SMALL_MIB + LARGE_MIB;
const CHANGED: usize = 5;
const SYNC: &str = "/opt/triton-headnode/bin/triton-sync-data";
/// What was destroyed is free again, and nothing waits to be written.
const SETTLED: &str = "zpool sync zones; zpool wait -t free zones";
/// The zone whose dataset is synced within one guest.
const LOCAL: &str = "1c7e5d11-4a9b-4f65-8c3d-2e1f0a9b8c7d";

/// One run of a tool.
#[derive(Debug, Clone)]
pub struct Round {
    pub seconds: f64,
    pub ssh: usize,
    pub zfs_here: usize,
    pub zfs_there: usize,
}

impl Round {
    pub fn told(&self) -> String {
        format!(
            "{:.2} s, {} ssh, zfs: {} here, {} there",
            self.seconds, self.ssh, self.zfs_here, self.zfs_there
        )
    }
}

/// KiB that our processes had at most.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    pub here: u64,
    pub there: u64,
}

pub struct Scene<'a> {
    rig: &'a TestRig,
    /// UUIDs of the zones whose datasets we sync; the peers' have the same data.
    zones: Vec<String>,
}

impl Scene<'_> {
    /// Data on the source, trust for us, a key of the operator for the peers.
    pub fn furnish<'a>(
        rig: &'a TestRig,
        layer: &Layer,
        say: &mut dyn FnMut(&str),
    ) -> Result<Scene<'a>> {
        say("bringing up two guests with their data");
        let zones = (1..=DATASETS)
            .map(|n| format!("{n:08x}-0000-4000-8000-000000000000"))
            .collect();
        let scene = Scene { rig, zones };
        scene.zones_that_are()?;
        scene.datasets()?;
        scene.trust()?;
        scene.install_peers(layer)?;
        Ok(scene)
    }

    fn ok(&self, host: &str, command: &str) -> Result<String> {
        self.rig.ok(host, command)
    }

    /// Of the stand-ins' world headnode0 keeps its clusters, and gets 25 zones whose images headnode1 has.
    fn zones_that_are(&self) -> Result<()> {
        let binder = self.ok(SOURCE, "vmadm get $(vmadm lookup tags.smartdc_role=binder)")?;
        let binder: Value = parse(&binder)?;
        let mut vms = serde_json::Map::new();
        for role in ["sapi", "vmapi", "cloudapi", "imgapi"] {
            let vm = self.ok(SOURCE, &format!("vmadm lookup tags.smartdc_role={role}"))?;
            vms.insert(vm, Value::Null);
        }
        for (number, zone) in self.zones.iter().enumerate() {
            vms.insert(zone.clone(), core_zone(&binder, zone, number));
        }
        self.model(SOURCE, vms)?;
        let mut here = serde_json::Map::new();
        // What has no dataset here is not there at all.
        let others = self.ok(TARGET, "vmadm lookup")?;
        here.extend(others.lines().map(|vm| (vm.to_owned(), Value::Null)));
        here.insert(LOCAL.to_owned(), core_zone(&binder, LOCAL, 99));
        self.model(TARGET, here)?;
        for host in [SOURCE, TARGET] {
            let owner = binder["owner_uuid"].as_str().unwrap_or_default();
            let config = format!(
                "printf 'datacenter_name=east-1\\ndns_domain=triton.example\\nufds_admin_uuid={owner}\\n' > /usbkey/config"
            );
            self.ok(host, &config)?;
        }
        Ok(())
    }

    fn model(&self, host: &str, vms: serde_json::Map<String, Value>) -> Result<()> {
        let model = serde_json::json!({ "vms": vms }).to_string();
        let written = self.rig.run_with(
            host,
            "mkdir -p /var/rig; cat > /var/rig/model.json",
            model.as_bytes(),
        )?;
        match written.success() {
            true => Ok(()),
            false => Err(RigError::Failed(written.stderr)),
        }
    }

    fn datasets(&self) -> Result<()> {
        self.ok(SOURCE, &format!("zfs create -o mountpoint=/bench {TREE}"))?;
        for (number, zone) in self.zones.iter().enumerate() {
            let mib = if number + 1 == DATASETS {
                LARGE_MIB
            } else {
                SMALL_MIB
            };
            let make = format!(
                "zfs create -p zones/{zone}/data && head -c {mib}M /dev/urandom > /zones/{zone}/data/data && \
                 zfs create {TREE}/d{number} && cp /zones/{zone}/data/data /bench/d{number}/data"
            );
            self.ok(SOURCE, &make)?;
        }
        self.ok(SOURCE, "zpool sync zones").map(drop)
    }

    fn trust(&self) -> Result<()> {
        let offers = [SOURCE, TARGET].map(|host| self.ok(host, &format!("{SYNC} trust show")));
        let offers = offers.into_iter().collect::<Result<Vec<_>>>()?.join("\n") + "\n";
        for host in [SOURCE, TARGET] {
            let added =
                self.rig
                    .run_with(host, &format!("{SYNC} trust add -i -"), offers.as_bytes())?;
            if !added.success() {
                return Err(RigError::Failed(added.stderr));
            }
        }
        let key = self.ok(
            TARGET,
            "ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519 && cat /root/.ssh/id_ed25519.pub",
        )?;
        self.ok(
            SOURCE,
            &format!("echo '{key}' >> /root/.ssh/authorized_keys"),
        )?;
        self.ok(
            TARGET,
            "ssh -o StrictHostKeyChecking=accept-new root@headnode0 true",
        )
        .map(drop)
    }

    fn install_peers(&self, layer: &Layer) -> Result<()> {
        let tree = layer.root.display();
        // What the guest has stays as it is: its zfs above all.
        let install = format!(
            "mkdir -p /tmp/peers && mount -t hostfs -o {tree} none /tmp/peers && cp -an /tmp/peers/. / ; umount /tmp/peers; \
             ldconfig; mkdir -p /var/cache; command -v perl python3 || true"
        );
        self.ok(TARGET, &install)?;
        // It chooses datasets by this property.
        self.ok(SOURCE, &format!("zfs set autobackup:bench=child {TREE}"))
            .map(drop)
    }

    /// As if the tool had never run.
    pub fn forget(&self, tool: Tool) -> Result<()> {
        let container = tool.container();
        let kept = match tool {
            Tool::Limit => "@limit-",
            Tool::Ours => "[@#]triton-sync-",
            Tool::Syncoid => "@anybodys-",
            Tool::Autobackup => "@bench-",
        };
        self.ok(
            TARGET,
            &format!(
                "if zfs list {container} >/dev/null 2>&1; then zfs destroy -r {container}; fi"
            ),
        )?;
        self.ok(
            SOURCE,
            &format!(
                "zfs list -H -t snapshot,bookmark -o name -r zones | grep '{kept}' | while read name; do zfs destroy \"$name\"; done; true"
            ),
        )?;
        if tool.is_peer() {
            self.ok(
                TARGET,
                &format!("zfs create -o mountpoint=none {container}"),
            )?;
        }
        self.ok(
            TARGET,
            "rm -rf /var/sdcadm/svc-restore-data; zpool sync zones",
        )
        .map(drop)
    }

    /// Writes to a fifth of the datasets, ours and the peers'.
    pub fn write(&self, number: usize) -> Result<()> {
        let zones = self.zones[..CHANGED].join(" ");
        let write = format!(
            "n=0; for zone in {zones}; do head -c 1M /dev/urandom > /zones/$zone/data/more-{number}; \
             cp /zones/$zone/data/more-{number} /bench/d$n/; n=$((n+1)); done; zpool sync zones"
        );
        self.ok(SOURCE, &write).map(drop)
    }

    /// Timed by the guest's own clock; the tool must succeed. A round of ours is whole but for the APIs, which the rig has none of.
    pub fn round(&self, tool: Tool, command: &str) -> Result<Round> {
        self.rig.forget_calls(SOURCE)?;
        self.rig.forget_calls(TARGET)?;
        let timed = format!(
            "s=$(cut -d' ' -f1 /proc/uptime); ( {command} ) > /tmp/round 2>&1 < /dev/null; code=$?; \
             e=$(cut -d' ' -f1 /proc/uptime); echo $s $e $code; tail -n 40 /tmp/round"
        );
        let text = self.ok(TARGET, &timed)?;
        let (times, said) = text.split_once('\n').unwrap_or((&text, ""));
        let times: Vec<f64> = times
            .split(' ')
            .filter_map(|word| word.parse().ok())
            .collect();
        let [began, ended, code] = times[..] else {
            return Err(RigError::Failed(format!("{}: {text}", tool.name())));
        };
        check(tool, code, said)?;
        let here = self.rig.calls(TARGET)?;
        let there = self.rig.calls(SOURCE)?;
        let zfs = |calls: &[crate::Call]| calls.iter().filter(|call| call.command == "zfs").count();
        Ok(Round {
            seconds: ended - began,
            ssh: here.iter().filter(|call| call.command == "ssh").count(),
            zfs_here: zfs(&here),
            zfs_there: zfs(&there),
        })
    }

    pub fn take_foreign_snapshots(&self, count: usize, say: &mut dyn FnMut(&str)) -> Result<()> {
        say(&format!(
            "taking {count} foreign snapshots of ours and of the peers' datasets"
        ));
        let each = count / DATASETS;
        let names: Vec<String> = self
            .zones
            .iter()
            .map(|zone| format!("zones/{zone}/data@foreign-$n"))
            .collect();
        let take = format!(
            "for n in $(seq {each}); do zfs snapshot {}; zfs snapshot -r {TREE}@foreign-$n; done; zpool sync zones",
            names.join(" ")
        );
        self.ok(SOURCE, &take).map(drop)
    }

    /// Looks at both ends' memory every other second while a round runs.
    pub fn watch_memory(&self) -> Result<[Running; 2]> {
        let watch = "rm -f /tmp/peak /tmp/stop; while [ ! -e /tmp/stop ]; do for pid in $(pidof triton-sync-data); do \
                     awk '/^VmHWM:/ {print $2}' /proc/$pid/status >> /tmp/peak; done; sleep 2; done";
        Ok([
            self.rig.spawn(SOURCE, watch)?,
            self.rig.spawn(TARGET, watch)?,
        ])
    }

    pub fn memory(&self, watching: [Running; 2]) -> Result<Memory> {
        let mut peaks = Vec::new();
        for host in [TARGET, SOURCE] {
            let peak = self.ok(host, "touch /tmp/stop; sort -n /tmp/peak | tail -1")?;
            let peak = peak
                .trim()
                .parse()
                .map_err(|_| RigError::Failed(format!("no memory was seen on {host}")))?;
            peaks.push(peak);
        }
        for watch in watching {
            watch.wait()?;
        }
        Ok(Memory {
            here: peaks[0],
            there: peaks[1],
        })
    }

    /// 1 GiB of data in a zone of the target's own.
    pub fn fill(&self) -> Result<()> {
        let filled = format!(
            "zfs create -p zones/{LOCAL}/data && head -c 1G /dev/urandom > /zones/{LOCAL}/data/data && zpool sync zones"
        );
        self.ok(TARGET, &filled).map(drop)
    }

    /// Seconds for that GiB within one guest, by the bare pipe; with the snapshot, as the limit over ssh has it: nothing can be
    /// sent without.
    pub fn local_pipe(&self) -> Result<f64> {
        let pipe = format!(
            "s=$(cut -d' ' -f1 /proc/uptime); zfs snapshot zones/{LOCAL}/data@pipe; \
             zfs send -L -e -c zones/{LOCAL}/data@pipe | zfs receive -s -u zones/pipe; \
             e=$(cut -d' ' -f1 /proc/uptime); echo $s $e; \
             zfs destroy -r zones/pipe; zfs destroy zones/{LOCAL}/data@pipe; {SETTLED}"
        );
        let times = self.ok(TARGET, &pipe)?;
        let times: Vec<f64> = times
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        match times[..] {
            [began, ended] => Ok(ended - began),
            _ => Err(RigError::Failed("the bare pipe was not timed".to_owned())),
        }
    }

    /// The same by our engine: all of a round but its fixed part, which the other cases show.
    pub fn local_ours(&self) -> Result<f64> {
        let output = self
            .rig
            .run(TARGET, &format!("{SYNC} --json --local --reserve 64M"))?;
        let ours = output
            .stdout
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let ours = ours.filter(|line| line["vm"] == LOCAL && line["outcome"] == "sent");
        let seconds = ours.filter_map(|line| line["seconds"].as_f64()).next();
        let seconds = seconds
            .ok_or_else(|| RigError::Failed(format!("{}{}", output.stdout, output.stderr)))?;
        self.ok(
            TARGET,
            &format!(
                "for copy in $(zfs list -H -o name -r zones/triton-restore | grep {LOCAL}); do zfs destroy -r $copy; done; \
                 zfs list -H -t snapshot,bookmark -o name -r zones/{LOCAL} | while read name; do zfs destroy \"$name\"; done; {SETTLED}"
            ),
        )?;
        Ok(seconds)
    }

    /// MiB a second of ssh with no ZFS at either end: the ceiling of everything that goes over it.
    pub fn ssh_alone(&self) -> Result<f64> {
        let began = Instant::now();
        self.ok(
            TARGET,
            "ssh root@headnode0 'head -c 256M /dev/zero' > /dev/null",
        )?;
        Ok(256.0 / began.elapsed().as_secs_f64())
    }
}

fn check(tool: Tool, code: f64, said: &str) -> Result<()> {
    let good = match tool {
        Tool::Ours => {
            let summary = said
                .lines()
                .filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let mut summary = summary.filter(|line| line["kind"] == "triton.sync-summary/1");
            summary.next().is_some_and(|one| {
                one["failed"] == 0
                    && one["why"].is_null()
                    && one["sent"].as_u64().unwrap_or(0) + one["unchanged"].as_u64().unwrap_or(0)
                        == DATASETS as u64
            })
        }
        _ => code == 0.0,
    };
    match good {
        true => Ok(()),
        false => Err(RigError::Failed(format!(
            "{} ended with {code}: {said}",
            tool.name()
        ))),
    }
}

fn parse(text: &str) -> Result<Value> {
    serde_json::from_str(text)
        .map_err(|error| RigError::Failed(format!("vmadm get printed no JSON: {error}")))
}
