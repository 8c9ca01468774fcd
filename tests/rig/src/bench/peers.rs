// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The peers, fetched once into the cache beside the rig: syncoid as Debian has it, zfs_autobackup as PyPI has it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::error::{Attempted, Result, RigError};

const SCRIPT: &str = include_str!("../../guest/peers.sh");

/// What a guest lays over its own root.
#[derive(Debug, Clone)]
pub struct Layer {
    pub root: PathBuf,
    /// `syncoid 2.1.0-1.1`, a line each.
    pub versions: Vec<String>,
    /// Peers that could not be had, and why.
    pub missing: Vec<String>,
}

pub fn fetch(say: &mut dyn FnMut(&str)) -> Result<Layer> {
    let cache = cache::folder()?;
    // The rig's own build leaves apt's sources and lists here.
    cache::built()?;
    let place = cache.join("peers");
    if let Ok(layer) = read(&place)
        && layer.missing.is_empty()
    {
        return Ok(layer);
    }
    say("fetching the peers");
    let scratch = tempfile::tempdir_in(&cache).attempted("making a folder for the peers")?;
    let script = scratch.path().join("peers.sh");
    fs::write(&script, SCRIPT).attempted("writing peers.sh")?;
    let out = scratch.path().join("out");
    let output = Command::new("bash")
        .arg(&script)
        .args([&cache.join("apt"), &scratch.path().join("work"), &out])
        .output()
        .attempted("running peers.sh")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(RigError::Failed(format!("fetching the peers: {said}")));
    }
    let old = scratch.path().join("old");
    let _ = fs::rename(&place, &old);
    fs::rename(&out, &place).attempted(format!("putting {} into place", place.display()))?;
    read(&place)
}

fn read(place: &Path) -> Result<Layer> {
    let lines = |name: &str| -> Result<Vec<String>> {
        let path = place.join(name);
        let text = fs::read_to_string(&path).attempted(format!("reading {}", path.display()))?;
        Ok(text.lines().map(str::to_owned).collect())
    };
    Ok(Layer {
        root: place.join("root"),
        versions: lines("versions")?,
        missing: lines("missing")?,
    })
}
