// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The boot medium, mounted for as long as it is needed. On a headnode that boots from a pool `sdc-usbkey` finds it there.

use super::status;
use crate::{Command, Error, Host};

/// Does something with the medium, mounted at the path that is given, and leaves it as it was.
pub fn with_medium<T>(
    host: &Host,
    what: impl FnOnce(&str) -> Result<T, Error>,
) -> Result<T, Error> {
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
