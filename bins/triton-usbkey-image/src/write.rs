// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `triton-usbkey-image write`: files onto a medium that a headnode boots from, and into the copy of it that it works with.

use std::path::Path;

use cli::{Common, Exit, Failure, confirm, output};
use documents::Timestamp;
use platform::usbkey::{parse_config, with_medium};
use platform::{Host, sysinfo};
use serde_json::json;
use usbkey::{Place, Tree, put, would_put};

use crate::arguments::Write;
use crate::peers::{COPY, datacenter_of};
use crate::{failure, medium};

/// Where files are to be put: in this order.
type Places<'a> = [(Place, &'a Path)];

pub fn run(common: &Common, write: &Write) -> Result<Exit, Failure> {
    let (tree, _unpacked) = medium::tree(&write.source, common)?;
    if tree.is_empty() {
        let source = write.source.display();
        return Err(Failure::bad(format!("{source} has no file in it")));
    }
    if let Some(folder) = &write.to {
        return onto(write, &tree, &[(Place::Medium, folder)]);
    }
    let host = Host::local(&common.root);
    is_of_this_machine(&tree, &host)?;
    let copy = host.path(COPY);
    if write.copy {
        return onto(write, &tree, &[(Place::Copy, &copy)]);
    }
    let done = with_medium(&host, |mounted| {
        let mounted = host.path(mounted);
        let places = [(Place::Medium, mounted.as_path()), (Place::Copy, &copy)];
        Ok(is_of_this_datacenter(&mounted, &copy).and_then(|()| onto(write, &tree, &places)))
    });
    done.map_err(Failure::failed)?
}

/// Everything that speaks against it is found before anybody is asked, and asked is once.
fn onto(write: &Write, tree: &Tree, places: &Places<'_>) -> Result<Exit, Failure> {
    let mut question = String::new();
    for (place, folder) in places {
        let files = would_put(tree, *place, folder).map_err(failure)?;
        if write.plan {
            let plan = json!({
                "kind": "triton.usbkey-write-preview/1", "medium": folder, "files": files,
            });
            output::json_line(&plan)?;
        } else if !files.is_empty() {
            question += &format!("{}: {} files\n", folder.display(), files.len());
        }
    }
    if write.plan {
        return Ok(Exit::Done);
    }
    if !question.is_empty() {
        confirm::confirm(&format!("{question}write these?"), write.yes)?;
    }
    let stamp = Timestamp::now().compact();
    for (place, folder) in places {
        report(folder, &put(tree, *place, folder, &stamp).map_err(failure)?)?;
    }
    Ok(Exit::Done)
}

fn report(folder: &Path, report: &usbkey::Report) -> Result<(), Failure> {
    let mut document = json!({"kind": "triton.usbkey-write/1", "medium": folder});
    if let (Some(document), Ok(serde_json::Value::Object(report))) =
        (document.as_object_mut(), serde_json::to_value(report))
    {
        document.extend(report);
    }
    Ok(output::json_line(&document)?)
}

/// A medium made for another machine would make this one take its name and addresses at the next boot.
fn is_of_this_machine(tree: &Tree, host: &Host) -> Result<(), Failure> {
    let Some(config) = tree.get("config") else {
        return Ok(());
    };
    let text = String::from_utf8_lossy(&config.read().map_err(failure)?).into_owned();
    let config =
        parse_config(&text).map_err(|error| Failure::bad(format!("its config: {error}")))?;
    let here = sysinfo::get(host).map_err(Failure::failed)?;
    match config.get("hostname") {
        Some(name) if name != here.hostname => Err(Failure::refused(format!(
            "it is the medium of {name}, and this is {}: at the next boot this machine would take the other's name. To write it \
             to another machine's mounted key all the same, name that: --to FOLDER",
            here.hostname
        ))),
        _ => Ok(()),
    }
}

/// A key that somebody left in this machine and that is of another datacenter must stay as it is.
fn is_of_this_datacenter(medium: &Path, copy: &Path) -> Result<(), Failure> {
    match (datacenter_of(medium)?, datacenter_of(copy)?) {
        (Some(key), Some(here)) if key != here => Err(Failure::refused(format!(
            "the key that is mounted is of datacenter {key}, and this headnode is of {here}; nothing was written. To write to that \
             key all the same, name it: --to {}",
            medium.display()
        ))),
        _ => Ok(()),
    }
}
