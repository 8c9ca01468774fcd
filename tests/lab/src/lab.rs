// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `Lab`: the running datacenter that every thread of the lab's daemon shares.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use crate::host::Machines;
use crate::kill::KillSwitch;
use crate::log::CallLog;
use crate::model::Dc;
use crate::servers::OpenServers;
use crate::trouble::Troubles;
use crate::zookeeper::Agreed;

pub struct Lab {
    /// Everything of this lab lies below: `hosts/<name>/root`, sockets, the call log.
    pub dir: PathBuf,
    pub timings: Timings,
    pub log: CallLog,
    /// The process trees of the hosts that run.
    pub machines: Machines,
    /// Kills one of the product's tools at its n-th call, when armed.
    pub kill: KillSwitch,
    /// The ports of all zones.
    pub servers: OpenServers,
    /// What binder's ZooKeeper holds besides the registrars' nodes.
    pub zookeeper: Agreed,
    pub troubles: Troubles,
    /// Names that two zones stood for at once.
    pub doubles: Mutex<Vec<String>>,
    /// Held by a request that reads moray, decides and writes it.
    pub deciding: Mutex<()>,
    dc: Mutex<Dc>,
}

/// How long things take on a real headnode, in seconds, and how much faster the lab runs.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub struct Timings {
    /// 1.0 is real time; 0.05 runs twenty times as fast.
    pub scale: f64,
    /// From `vmadm start` to the first line of the setup script.
    pub zone_boot: f64,
    /// What the setup script does besides fetching its configuration.
    pub zone_setup: f64,
    /// From the end of setup to an answering API.
    pub service_start: f64,
    /// Between two tries to fetch `/configs/<uuid>` (30 tries).
    pub config_retry: f64,
    /// ZooKeeper session timeout of a registrar.
    pub session_timeout: f64,
    /// Between two reports of vm-agent, net-agent and the heartbeat.
    pub agent_period: f64,
    /// CNAPI calls a server `unknown` after this much silence.
    pub heartbeat_lifetime: f64,
    /// From the order to reboot until nothing answers any more.
    pub going_down: f64,
    /// From there until ssh answers.
    pub server_boot: f64,
}

impl Default for Timings {
    fn default() -> Self {
        Timings {
            scale: 0.05,
            zone_boot: 8.0,
            zone_setup: 25.0,
            service_start: 6.0,
            config_retry: 2.0,
            session_timeout: 40.0,
            agent_period: 5.0,
            heartbeat_lifetime: 11.0,
            going_down: 5.0,
            server_boot: 30.0,
        }
    }
}

impl Timings {
    pub fn scaled(&self, seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds * self.scale)
    }
}

impl Lab {
    pub fn new(dir: PathBuf, timings: Timings, log: CallLog, dc: Dc) -> Lab {
        Lab {
            dir,
            timings,
            log,
            machines: Machines::default(),
            kill: KillSwitch::default(),
            servers: OpenServers::default(),
            zookeeper: Agreed::default(),
            troubles: Troubles::default(),
            doubles: Mutex::default(),
            deciding: Mutex::default(),
            dc: Mutex::new(dc),
        }
    }

    /// The state model. Never hold it across a sleep, a file copy or a network call.
    pub fn dc(&self) -> MutexGuard<'_, Dc> {
        self.dc
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub fn host_root(&self, host: &str) -> PathBuf {
        self.dir.join("hosts").join(host).join("root")
    }

    /// Where an absolute path of a host lies on this machine.
    pub fn host_path(&self, host: &str, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.host_root(host)
            .join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The host's USB key, mounted or not.
    pub fn key(&self, host: &str) -> PathBuf {
        let mounted = self.host_path(host, "/mnt/usbkey");
        match mounted.exists() {
            true => mounted,
            false => self.unmounted_key(host),
        }
    }

    pub fn unmounted_key(&self, host: &str) -> PathBuf {
        self.dir.join("hosts").join(host).join("key")
    }

    pub fn zone_root(&self, host: &str, vm: Uuid) -> PathBuf {
        self.host_path(host, format!("/zones/{vm}/root"))
    }

    /// The live files of a dataset or the frozen files of a snapshot, by their `store` name.
    pub fn dataset_files(&self, host: &str, store: &str) -> PathBuf {
        self.host_path(host, "/.lab/datasets").join(store)
    }

    /// Where the staged product of this lab lies; every host sees it as `/opt/triton-headnode`.
    pub fn install(&self) -> PathBuf {
        self.dir.join("install")
    }

    pub fn now_ms(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map(|d| d.as_millis() as u64)
            .unwrap_or(0)
    }
}
