// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Files that outlive a power loss: private, whole or not there, and on the disk when we say so.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::error::SyncError;

/// Makes a folder, and those above it, that only root can enter.
pub fn make_private_folder(path: &Path) -> Result<(), SyncError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(SyncError::file("make the folder", path))
}

/// Writes a new file that only root can read, down to the disk.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), SyncError> {
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(SyncError::file("write", path))
}

/// Replaces a file: after a crash it holds the old content or the new, never half of one.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), SyncError> {
    let partial = path.with_extension("partial");
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(SyncError::file("remove what is left of", &partial)(error));
        }
        _ => write_new(&partial, bytes)?,
    }
    rename(&partial, path)
}

/// Makes an empty file, or makes its time now.
pub fn touch(path: &Path) -> Result<(), SyncError> {
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true).mode(0o600);
    options.open(path).map_err(SyncError::file("touch", path))?;
    Ok(())
}

/// Renames within a folder, down to the disk.
pub fn rename(from: &Path, to: &Path) -> Result<(), SyncError> {
    fs::rename(from, to).map_err(SyncError::file("rename to", to))?;
    match to.parent() {
        Some(folder) => sync_folder(folder),
        None => Ok(()),
    }
}

/// Brings the names in a folder to the disk.
pub fn sync_folder(path: &Path) -> Result<(), SyncError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(SyncError::file("sync the folder", path))
}

/// Removes a folder of ours with all that is in it; that it is gone already is no fault.
pub fn remove_folder(path: &Path) -> Result<(), SyncError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(SyncError::file("remove", path)(error))
        }
        _ => Ok(()),
    }
}
