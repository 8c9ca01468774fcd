// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What changes datasets. Only an empty one can be destroyed here.

use super::name::check_property;
use super::{check_dataset, check_snapshot, checked, says_absent, zfs};
use crate::{Command, CommandError, Error, Host};

/// Makes a filesystem. With `parents`, those above it that are missing are made too, with default properties.
pub fn create(
    host: &Host,
    name: &str,
    properties: &[(&str, &str)],
    parents: bool,
) -> Result<(), Error> {
    checked(host, [(name, check_dataset)])?;
    let command = zfs("create").args(parents.then_some("-p"));
    run(host, with_properties(host, command, properties)?.arg(name))
}

/// Makes a dataset of a snapshot, in the same pool.
pub fn clone(
    host: &Host,
    snapshot: &str,
    name: &str,
    properties: &[(&str, &str)],
) -> Result<(), Error> {
    checked(host, [(snapshot, check_snapshot), (name, check_dataset)])?;
    run(
        host,
        with_properties(host, zfs("clone"), properties)?
            .arg(snapshot)
            .arg(name),
    )
}

/// Gives a dataset another name in the same pool. Fails when the name is taken: nothing is overwritten.
pub fn rename(host: &Host, from: &str, to: &str) -> Result<(), Error> {
    checked(host, [(from, check_dataset), (to, check_dataset)])?;
    run(host, zfs("rename").args([from, to]))
}

/// Gives a zone's delegated dataset another name. The global zone may rename none while it is zoned, so it is not for a moment, and
/// `canmount` keeps a boot in that moment from mounting it here. Who was killed over it calls [`delegate`] with the name that it
/// has got.
pub fn rename_delegated(host: &Host, from: &str, to: &str) -> Result<(), Error> {
    set(host, from, &[("canmount", "noauto"), ("zoned", "off")])?;
    let renamed = rename(host, from, to);
    delegate(host, if renamed.is_ok() { to } else { from })?;
    renamed
}

/// Makes a dataset one as vmadm delegates to a zone.
pub fn delegate(host: &Host, name: &str) -> Result<(), Error> {
    set(host, name, &[("zoned", "on"), ("canmount", "on")])
}

/// Makes a clone the owner of the snapshots it was made from; what it was a clone of becomes a clone of it.
pub fn promote(host: &Host, name: &str) -> Result<(), Error> {
    checked(host, [(name, check_dataset)])?;
    run(host, zfs("promote").arg(name))
}

/// Destroys a dataset that has no snapshots and nothing below it: zfs itself refuses any other. One that is not there is fine.
pub fn destroy_empty(host: &Host, name: &str) -> Result<(), Error> {
    checked(host, [(name, check_dataset)])?;
    let command = zfs("destroy").arg(name);
    let output = host.run(&command)?;
    if output.success() || says_absent(&output) {
        return Ok(());
    }
    Err(CommandError::of_output(host, &command, &output).into())
}

/// Sets properties, each by a command of its own, so that a failure names the one that could not be set.
pub fn set(host: &Host, name: &str, properties: &[(&str, &str)]) -> Result<(), Error> {
    checked(host, [(name, check_dataset)])?;
    for (property, value) in properties {
        checked(host, [(*property, check_property)])?;
        run(
            host,
            zfs("set").arg(format!("{property}={value}")).arg(name),
        )?;
    }
    Ok(())
}

/// Takes a property's local value away.
pub fn inherit(host: &Host, name: &str, property: &str) -> Result<(), Error> {
    checked(host, [(name, check_dataset), (property, check_property)])?;
    run(host, zfs("inherit").args([property, name]))
}

pub fn mount(host: &Host, name: &str) -> Result<(), Error> {
    checked(host, [(name, check_dataset)])?;
    run(host, zfs("mount").arg(name))
}

pub fn unmount(host: &Host, name: &str) -> Result<(), Error> {
    checked(host, [(name, check_dataset)])?;
    run(host, zfs("unmount").arg(name))
}

fn with_properties(
    host: &Host,
    mut command: Command,
    properties: &[(&str, &str)],
) -> Result<Command, Error> {
    for (property, value) in properties {
        checked(host, [(*property, check_property)])?;
        command = command.arg("-o").arg(format!("{property}={value}"));
    }
    Ok(command)
}

fn run(host: &Host, command: Command) -> Result<(), Error> {
    host.run_ok(&command)?;
    Ok(())
}
