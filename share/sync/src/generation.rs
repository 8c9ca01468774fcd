// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Writing a generation: into a folder of another name, each file down to the disk, its description last, then the folder gets
//! its name. So a generation is whole or not there, whenever the power goes.

use std::fs;
use std::path::Path;

use documents::restore_data::{GENERATION_KIND, Generation, GenerationDc, PartFile};
use documents::{Digest, Timestamp, Uuid};
use serde_json::Map;
use tracing::{info, warn};

use crate::error::SyncError;
use crate::files;
use crate::keep;
use crate::names;
use crate::pins::Pins;
use crate::records::Content;
use crate::store::{DESCRIPTION, PARTIAL, Store};

/// Whose restore data it is, and who pulled it.
#[derive(Debug, Clone)]
pub struct Origin {
    pub server: Uuid,
    pub hostname: String,
    pub pulled_by: Uuid,
    pub dc: GenerationDc,
}

/// Writes one generation.
pub fn write(
    store: &Store,
    origin: &Origin,
    files: &[Content],
    at: Timestamp,
) -> Result<Generation, SyncError> {
    let server = store.of(origin.server);
    let name = names::generation(at);
    let partial = server.join(format!("{PARTIAL}{name}"));
    files::make_private_folder(&partial)?;
    let mut parts = Vec::with_capacity(files.len());
    for content in files {
        let path = partial.join(&content.path);
        if let Some(folder) = path.parent() {
            files::make_private_folder(folder)?;
        }
        files::write_new(&path, &content.bytes)?;
        parts.push(PartFile {
            part: content.part,
            path: content.path.clone(),
            digest: Digest::of_bytes(&content.bytes),
            taken_at: content.taken_at,
            from: content.from.clone(),
        });
    }
    let generation = Generation {
        kind: GENERATION_KIND.to_owned(),
        server: origin.server,
        hostname: origin.hostname.clone(),
        pulled_by: origin.pulled_by,
        generation: name.clone(),
        taken_at: at,
        dc: origin.dc.clone(),
        files: parts,
        rest: Map::new(),
    };
    let bytes = serde_json::to_vec(&generation)
        .map_err(|error| SyncError::command(format!("write {DESCRIPTION}"), error))?;
    sync_folders(&partial)?;
    files::write_new(&partial.join(DESCRIPTION), &bytes)?;
    files::sync_folder(&partial)?;
    files::rename(&partial, &server.join(&name))?;
    Ok(generation)
}

fn sync_folders(folder: &Path) -> Result<(), SyncError> {
    let entries = fs::read_dir(folder).map_err(SyncError::file("list", folder))?;
    for entry in entries {
        let path = entry.map_err(SyncError::file("list", folder))?.path();
        if path.is_dir() {
            sync_folders(&path)?;
        }
    }
    files::sync_folder(folder)
}

/// Removes old generations whole, and what runs that broke off left behind. The caller holds the lock, so nobody writes there.
pub fn remove_old(store: &Store, server: Uuid, pins: &Pins) -> Result<Vec<String>, SyncError> {
    let folder = store.of(server);
    let entries = fs::read_dir(&folder).map_err(SyncError::file("list", &folder))?;
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(PARTIAL) {
            info!(path = %entry.path().display(), "removing a pull that broke off");
            files::remove_folder(&entry.path())?;
        }
    }
    let names = store.generations(server)?;
    let mut removed = Vec::new();
    for name in keep::old_generations(&names, pins) {
        // Renamed first: half a generation must never pass for a generation.
        let going = folder.join(format!("{PARTIAL}{name}"));
        files::rename(&folder.join(name), &going)?;
        match files::remove_folder(&going) {
            Ok(()) => removed.push(name.clone()),
            Err(error) => warn!("{error}"),
        }
    }
    Ok(removed)
}
