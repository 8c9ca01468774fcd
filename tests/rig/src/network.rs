// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The rig's network: a namespace with two bridges and no way out. One joins the headnodes, as their admin network does;
//! the other is the rig's own way in, which stays when a headnode is cut off.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::process::Command;
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde::{Deserialize, Serialize};

use crate::error::{Attempted, Result, RigError};

/// Joins the headnodes.
const ADMIN: &str = "admin";
/// Joins them with the rig.
const RIG: &str = "rig";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Network {
    /// Name of the namespace, as `ip netns` lists it.
    pub namespace: String,
}

impl Network {
    /// Makes the namespace, its bridges, and two taps for each of so many guests.
    pub fn up(namespace: &str, guests: usize) -> Result<Network> {
        let network = Network {
            namespace: namespace.to_owned(),
        };
        ip(["netns", "add", namespace])?;
        let made = network.furnish(guests);
        if made.is_err() {
            network.down();
        }
        made.map(|()| network)
    }

    fn furnish(&self, guests: usize) -> Result<()> {
        self.ip(["link", "set", "lo", "up"])?;
        for (bridge, address) in [(ADMIN, "10.77.0.254/24"), (RIG, "10.78.0.254/24")] {
            self.ip(["link", "add", bridge, "type", "bridge"])?;
            self.ip(["addr", "add", address, "dev", bridge])?;
            self.ip(["link", "set", bridge, "up"])?;
            for number in 1..=guests {
                let tap = tap(bridge, number);
                self.ip(["tuntap", "add", &tap, "mode", "tap"])?;
                self.ip(["link", "set", &tap, "mtu", "9000", "master", bridge, "up"])?;
            }
        }
        Ok(())
    }

    /// Takes a guest off the headnodes' network. Its link stays up, as when a switch fails: frames go nowhere.
    pub fn cut(&self, number: usize) -> Result<()> {
        self.ip(["link", "set", &tap(ADMIN, number), "nomaster"])
    }

    pub fn heal(&self, number: usize) -> Result<()> {
        self.ip(["link", "set", &tap(ADMIN, number), "master", ADMIN])
    }

    pub fn is_cut(&self, number: usize) -> Result<bool> {
        let tap = tap(ADMIN, number);
        let shown = ip(["-n", &self.namespace, "-oneline", "link", "show", &tap])?;
        Ok(!shown.contains(&format!(" master {ADMIN} ")))
    }

    /// Runs `act` in a thread that is inside the namespace; what it starts is inside, too.
    pub fn inside<T: Send>(&self, act: impl FnOnce() -> T + Send) -> Result<T> {
        let on = || format!("entering the rig's network {}", self.namespace);
        let path = format!("/run/netns/{}", self.namespace);
        let namespace = File::open(path).attempted(on())?;
        let inside = || {
            let network = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(namespace.as_fd(), network).attempted(on())?;
            Ok(act())
        };
        thread::scope(|scope| scope.spawn(inside).join())
            .unwrap_or_else(|_| Err(RigError::Failed(format!("{}: a thread failed", on()))))
    }

    /// Removes all of it; whatever is gone already is fine.
    pub fn down(&self) {
        let _ = ip(["netns", "del", &self.namespace]);
    }

    fn ip<'a>(&'a self, words: impl IntoIterator<Item = &'a str>) -> Result<()> {
        ip(["-n", &self.namespace].into_iter().chain(words)).map(drop)
    }
}

/// A guest's device on the host's side. Namespaces keep them apart, so the names are the same in every rig.
pub fn tap(bridge: &str, number: usize) -> String {
    format!("{bridge}{number}")
}

/// The guest's two network devices, as User-Mode Linux wants them: without `gro=1` a long stream stalls.
pub fn devices(number: usize) -> [String; 2] {
    [("vec0", ADMIN, 77), ("vec1", RIG, 78)].map(|(device, bridge, network)| {
        format!(
            "{device}:transport=tap,ifname={},mac=52:54:00:{network}:00:{number:02x},depth=128,gro=1,mtu=9000",
            tap(bridge, number)
        )
    })
}

fn ip<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<String> {
    let words: Vec<&OsStr> = words.into_iter().map(OsStr::new).collect();
    let said = || format!("ip {}", words.join(OsStr::new(" ")).display());
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("ip")
        .args(&words)
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .output()
        .attempted(said())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(io::Error::other(why)).attempted(said())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guests_devices_have_names_and_addresses_of_their_own() {
        let [admin, rig] = devices(2);
        assert!(admin.starts_with("vec0:transport=tap,ifname=admin2,mac=52:54:00:77:00:02,"));
        assert!(rig.starts_with("vec1:transport=tap,ifname=rig2,mac=52:54:00:78:00:02,"));
        assert!(admin.contains("gro=1"));
    }
}
