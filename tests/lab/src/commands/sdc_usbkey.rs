// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `sdc-usbkey`: mounts and unmounts the boot medium, and says which it is. A mounted medium lies at its mountpoint, one that
//! is not beside the host's root.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;

use super::Subcommand;
use crate::call::Call;
use crate::lab::Lab;
use crate::machine::MARKER;

pub const SUBCOMMANDS: [Subcommand; 4] = [
    ("mount", mount),
    ("set-variable", set_variable),
    ("status", status),
    ("unmount", unmount),
];

const MOUNTPOINT: &str = "/mnt/usbkey";

pub fn run(lab: &Arc<Lab>, call: &mut Call) -> i32 {
    match super::dispatch(lab, call, &SUBCOMMANDS) {
        Some(code) => code,
        None => call.fail(2, "Usage: sdc-usbkey [-v] COMMAND"),
    }
}

/// Where it lies now, and where it would lie mounted.
fn places(lab: &Lab, call: &Call) -> (PathBuf, PathBuf) {
    (lab.key(&call.host), lab.host_path(&call.host, MOUNTPOINT))
}

fn mount(lab: &Arc<Lab>, call: &mut Call, _: &[&str]) -> i32 {
    let (key, mounted) = places(lab, call);
    if !key.exists() {
        return call.fail(1, "sdc-usbkey: error: no pcfs devices found");
    }
    // What is mounted and is no key is looked at as any other device.
    if !key.join(MARKER).exists() {
        let line = "sdc-usbkey: error: no suitable devices found for usbkey mount";
        return call.fail(1, line);
    }
    if key != mounted {
        let moved = fs::create_dir_all(mounted.parent().unwrap_or(&mounted))
            .and_then(|()| fs::rename(&key, &mounted));
        if let Err(error) = moved {
            return call.fail(
                1,
                format!("sdc-usbkey: error: mount timeout expired: {error}"),
            );
        }
    }
    call.out(format!("{MOUNTPOINT}\n"));
    0
}

fn unmount(lab: &Arc<Lab>, call: &mut Call, _: &[&str]) -> i32 {
    let (key, mounted) = places(lab, call);
    if key != mounted {
        return 0;
    }
    match fs::rename(&mounted, lab.unmounted_key(&call.host)) {
        Ok(()) => 0,
        Err(error) => call.fail(1, format!("sdc-usbkey: error: unmount: {error}")),
    }
}

/// Leaves the key mounted, as the real one does.
fn set_variable(lab: &Arc<Lab>, call: &mut Call, args: &[&str]) -> i32 {
    let [name, value] = args else {
        return call.fail(2, "sdc-usbkey: set-variable NAME VALUE");
    };
    let mounted = mount(lab, call, &[]);
    if mounted != 0 {
        return mounted;
    }
    let path = lab.key(&call.host).join("boot/loader.conf");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let of_it = |line: &&str| line.split('=').next().map(str::trim) == Some(name);
    let mut lines: Vec<String> = text
        .lines()
        .map(|line| match of_it(&line) {
            true => format!("{name}=\"{value}\""),
            false => line.to_owned(),
        })
        .collect();
    if !text.lines().any(|line| of_it(&line)) {
        lines.push(format!("{name}=\"{value}\""));
    }
    match fs::write(path, lines.join("\n") + "\n") {
        Ok(()) => 0,
        Err(error) => call.fail(1, format!("sdc-usbkey: error: {error}")),
    }
}

fn status(lab: &Arc<Lab>, call: &mut Call, args: &[&str]) -> i32 {
    if args != ["-j"] {
        return call.fail(2, "sdc-usbkey: the lab knows only status -j");
    }
    let (key, at) = places(lab, call);
    let marked = at.join(MARKER).exists();
    let text = if key == at {
        json!({
            "mountpoint": MOUNTPOINT, "device": "/dev/dsk/c1t0d0s2", "version": 2,
            "options": {"rw": true, "hidden": true, "foldcase": true, "clamptime": true, "noatime": true},
            "steps": {"mounted": true, "options_ok": true, "marker_file": marked},
            "ok": marked,
            "message": if marked { "mounted" } else { "mounted, but marker file not found" },
        })
    } else {
        json!({
            "mountpoint": null, "device": null, "version": null, "options": null,
            "steps": {"mounted": false, "options_ok": false, "marker_file": false},
            "ok": false, "message": "not mounted",
        })
    };
    call.out(format!("{text}\n"));
    0
}
