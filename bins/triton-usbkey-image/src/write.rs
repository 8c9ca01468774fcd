// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `triton-usbkey-image write`: files onto a medium that a headnode boots from, and into the copy of it that it works with.

use std::path::Path;

use cli::{Common, Exit, Failure, confirm, output};
use documents::Timestamp;
use platform::usbkey::{parse_config, with_medium};
use platform::{Host, sysinfo};
use serde_json::json;
use usbkey::{Report, Tree, put, put_copy, would_write};

use crate::arguments::Write;
use crate::{failure, medium};

pub fn run(common: &Common, write: &Write) -> Result<Exit, Failure> {
    let tree = medium::tree(&write.source)?;
    if tree.is_empty() {
        let source = write.source.display();
        return Err(Failure::bad(format!("{source} has no file in it")));
    }
    let stamp = Timestamp::now().compact();
    if let Some(folder) = &write.to {
        return onto(write, &tree, folder, |tree, folder| {
            put(tree, folder, &stamp)
        });
    }
    let host = Host::local(&common.root);
    is_of_this_machine(&tree, &host)?;
    let done = with_medium(&host, |mounted| {
        Ok(onto(write, &tree, &host.path(mounted), |tree, folder| {
            put(tree, folder, &stamp)
        }))
    });
    done.map_err(Failure::failed)??;
    let copy = host.path("/usbkey");
    onto(write, &tree, &copy, |tree, folder| {
        put_copy(tree, folder, &stamp)
    })
}

fn onto(
    write: &Write,
    tree: &Tree,
    folder: &Path,
    put: impl FnOnce(&Tree, &Path) -> Result<Report, usbkey::Error>,
) -> Result<Exit, Failure> {
    let changes = would_write(tree, folder).map_err(failure)?;
    if write.plan {
        let plan =
            json!({"kind": "triton.usbkey-write-preview/1", "medium": folder, "files": changes});
        output::json_line(&plan)?;
        return Ok(Exit::Done);
    }
    if !changes.is_empty() {
        let question = format!("write {} files to {}?", changes.len(), folder.display());
        confirm::confirm(&question, write.yes)?;
    }
    let report = put(tree, folder).map_err(failure)?;
    let mut document = json!({"kind": "triton.usbkey-write/1", "medium": folder});
    if let (Some(document), Ok(serde_json::Value::Object(report))) =
        (document.as_object_mut(), serde_json::to_value(&report))
    {
        document.extend(report);
    }
    output::json_line(&document)?;
    Ok(Exit::Done)
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
