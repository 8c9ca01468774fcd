// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The boot medium, mounted for as long as it is needed. On a headnode that boots from a pool `sdc-usbkey` finds it there.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::{FlockOperation, flock};

use super::status;
use crate::{Command, Error, Host};

/// Whose turn it is with this machine's medium.
const TURN: &str = "/var/run/triton-usbkey.lock";

/// Does something with the medium, mounted at the path that is given, and leaves it as it was. On this machine one does at a time:
/// nobody unmounts it while another reads.
pub fn with_medium<T>(
    host: &Host,
    what: impl FnOnce(&str) -> Result<T, Error>,
) -> Result<T, Error> {
    let _turn = match host.is_local() {
        true => Some(turn(host)?),
        false => None,
    };
    let before = status(host)?;
    let mountpoint = host.run_ok(&Command::new("sdc-usbkey").arg("mount"))?;
    let done = what(mountpoint.trim());
    if !before.steps.mounted {
        let unmounted = host.run_ok(&Command::new("sdc-usbkey").arg("unmount"));
        if done.is_ok() {
            unmounted?;
        }
    }
    done
}

/// Waits for it; it ends with the file, however this process ends.
fn turn(host: &Host) -> Result<File, Error> {
    let path = host.path(TURN);
    let taken = || -> std::io::Result<File> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).mode(0o600).open(&path)?;
        flock(&file, FlockOperation::LockExclusive)?;
        Ok(file)
    };
    taken().map_err(|error| {
        let path = path.display();
        Error::refused(
            host,
            format!("can't wait for a turn with the boot medium by {path}: {error}"),
        )
    })
}
