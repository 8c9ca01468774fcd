// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! SmartOS's commands, as far as the product uses them: they print what the facts say the real ones print, and change the one
//! state model.

mod bootparams;
mod imgadm;
mod manatee_adm;
mod reboot;
mod sdc_usbkey;
mod sdcadm;
mod ssh_keygen;
mod svccfg;
mod svcs;
mod sysinfo;
mod vmadm;
pub mod zfs;
mod zlogin;

use std::sync::Arc;

use crate::call::Call;
use crate::lab::Lab;

/// Every command that a host has a stand-in of.
pub const NAMES: [&str; 12] = [
    "bootparams",
    "imgadm",
    "reboot",
    "sdc-usbkey",
    "sdcadm",
    "ssh-keygen",
    "svccfg",
    "svcs",
    "sysinfo",
    "vmadm",
    "zfs",
    "zlogin",
];

/// A subcommand, and what runs it with the words that follow.
type Subcommand = (&'static str, fn(&Arc<Lab>, &mut Call, &[&str]) -> i32);

/// Runs one call; returns its exit code.
pub fn run(lab: &Arc<Lab>, call: &mut Call) -> i32 {
    match call.name.as_str() {
        "bootparams" => bootparams::run(lab, call),
        "imgadm" => imgadm::run(lab, call),
        "reboot" => reboot::run(lab, call),
        "sdc-usbkey" => sdc_usbkey::run(lab, call),
        "sdcadm" => sdcadm::run(lab, call),
        "svccfg" => svccfg::run(lab, call),
        "ssh-keygen" => ssh_keygen::run(lab, call),
        "svcs" => svcs::run(lab, call),
        "sysinfo" => sysinfo::run(lab, call),
        "vmadm" => vmadm::run(lab, call),
        "zfs" => zfs::run(lab, call),
        "zlogin" => zlogin::run(lab, call),
        other => {
            let line = format!("{other}: command not found");
            call.fail(127, line)
        }
    }
}

/// What one command's stand-in can do: its subcommands, or for `zlogin` the programs that it finds in zones. A command
/// without any does one thing.
pub fn offered(name: &str) -> Vec<&'static str> {
    match name {
        "imgadm" => imgadm::SUBCOMMANDS.iter().map(|(name, _)| *name).collect(),
        "sdc-usbkey" => sdc_usbkey::SUBCOMMANDS
            .iter()
            .map(|(name, _)| *name)
            .collect(),
        "sdcadm" => sdcadm::SUBCOMMANDS.iter().map(|(name, _)| *name).collect(),
        "vmadm" => vmadm::SUBCOMMANDS.iter().map(|(name, _)| *name).collect(),
        "zfs" => zfs::SUBCOMMANDS.iter().map(|(name, _)| *name).collect(),
        "zlogin" => zlogin::PROGRAMS.iter().map(|(path, ..)| *path).collect(),
        _ => Vec::new(),
    }
}

/// Runs the subcommand that the first word names; `None` when the table has none of that name.
fn dispatch(lab: &Arc<Lab>, call: &mut Call, table: &[Subcommand]) -> Option<i32> {
    let words = call.args.clone();
    let (first, rest) = words.split_first()?;
    let (_, run) = table.iter().find(|(name, _)| name == first)?;
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    Some(run(lab, call, &rest))
}

/// True for a call that takes data away.
pub fn destroys(name: &str, args: &[String]) -> bool {
    let first = args.first().map(String::as_str).unwrap_or_default();
    match name {
        "zfs" => {
            matches!(first, "destroy" | "rollback")
                || (first == "receive" && args.iter().any(|arg| arg == "-F" || arg == "-A"))
        }
        "vmadm" => matches!(first, "delete" | "reprovision"),
        "imgadm" => first == "delete",
        "zlogin" => args.iter().any(|arg| arg.ends_with("/delmany")),
        _ => false,
    }
}
