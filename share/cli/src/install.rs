// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Where this installation's plugins and catalogue are: beside the program that runs, unless a flag says otherwise.

use std::path::PathBuf;

use loader::Loaded;
use plan::Catalogue;

use crate::exit::Failure;
use crate::flags::Common;

/// The folder that holds `bin`, `lib` and `share`.
fn prefix() -> Result<PathBuf, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::failed(format!("can't tell where this program is: {error}")))?;
    match program.parent().and_then(|bin| bin.parent()) {
        Some(prefix) => Ok(prefix.to_owned()),
        None => Err(Failure::failed(format!(
            "{} has no installation around it",
            program.display()
        ))),
    }
}

pub fn plugins_dir(common: &Common) -> Result<PathBuf, Failure> {
    match &common.plugins {
        Some(dir) => Ok(dir.clone()),
        None => Ok(prefix()?.join("lib/plugins")),
    }
}

pub fn services_dir(common: &Common) -> Result<PathBuf, Failure> {
    match &common.catalogue {
        Some(dir) => Ok(dir.clone()),
        None => Ok(prefix()?.join("share/services")),
    }
}

/// The plugins of this installation. A broken one is a fault of its own service only.
pub fn plugins(common: &Common) -> Result<Loaded, Failure> {
    Ok(Loaded::from_dir(&plugins_dir(common)?))
}

/// The service catalogue, unrefined.
pub fn catalogue(common: &Common) -> Result<Catalogue, Failure> {
    let dir = services_dir(common)?;
    let mut files = Vec::new();
    let entries = std::fs::read_dir(&dir).map_err(|error| {
        Failure::failed(format!(
            "can't read the service catalogue {}: {error}; is the installation whole?",
            dir.display()
        ))
    })?;
    for entry in entries {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let name = path.display().to_string();
            files.push((name, std::fs::read(&path)?));
        }
    }
    Catalogue::from_files(files).map_err(Failure::failed)
}
