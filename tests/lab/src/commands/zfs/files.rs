// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The files of a dataset: walked in a fixed order, copied, and compared.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

/// One entry of a tree, without its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    Folder { mode: u32 },
    Link { target: PathBuf },
    File { mode: u32, size: u64 },
}

/// Every entry below `root`, by its path there. A root that is not there is empty.
pub fn tree(root: &Path) -> io::Result<BTreeMap<PathBuf, Entry>> {
    let mut entries = BTreeMap::new();
    if !root.exists() {
        return Ok(entries);
    }
    for found in WalkDir::new(root).min_depth(1) {
        let found = found?;
        let about = found.metadata()?;
        let mode = about.permissions().mode() & 0o7777;
        let entry = if about.is_dir() {
            Entry::Folder { mode }
        } else if about.is_symlink() {
            Entry::Link {
                target: fs::read_link(found.path())?,
            }
        } else {
            Entry::File {
                mode,
                size: about.size(),
            }
        };
        let path = found.path().strip_prefix(root).map_err(io::Error::other)?;
        entries.insert(path.to_owned(), entry);
    }
    Ok(entries)
}

/// Copies a whole tree to where nothing is yet.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for (path, entry) in tree(from)? {
        put(to, &path, &entry, || fs::read(from.join(&path)))?;
    }
    Ok(())
}

/// Makes one entry, whatever was there before.
pub fn put(
    root: &Path,
    path: &Path,
    entry: &Entry,
    content: impl FnOnce() -> io::Result<Vec<u8>>,
) -> io::Result<()> {
    let full = root.join(path);
    match entry {
        Entry::Folder { mode } => {
            fs::create_dir_all(&full)?;
            fs::set_permissions(&full, fs::Permissions::from_mode(*mode))
        }
        Entry::Link { target } => {
            remove(&full)?;
            symlink(target, &full)
        }
        Entry::File { mode, .. } => {
            remove(&full)?;
            fs::write(&full, content()?)?;
            fs::set_permissions(&full, fs::Permissions::from_mode(*mode))
        }
    }
}

pub fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(_) => Ok(()),
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    }
}

/// Paths that are in the newer of two trees and not the same in the older, and paths that are only in that.
type Changes = (Vec<(PathBuf, Entry)>, Vec<PathBuf>);

pub fn changes(old: &Path, new: &Path) -> io::Result<Changes> {
    let (before, now) = (tree(old)?, tree(new)?);
    let mut changed = Vec::new();
    for (path, entry) in &now {
        let same = before.get(path) == Some(entry)
            && (!matches!(entry, Entry::File { .. })
                || fs::read(old.join(path))? == fs::read(new.join(path))?);
        if !same {
            changed.push((path.clone(), entry.clone()));
        }
    }
    let removed = before
        .keys()
        .filter(|path| !now.contains_key(*path))
        .cloned()
        .collect();
    Ok((changed, removed))
}

/// Bytes of all files.
pub fn size(root: &Path) -> u64 {
    let entries = tree(root).unwrap_or_default();
    entries
        .values()
        .map(|entry| {
            if let Entry::File { size, .. } = entry {
                *size
            } else {
                512
            }
        })
        .sum()
}

/// Bytes that changed between two trees.
pub fn written(old: &Path, new: &Path) -> u64 {
    let Ok((changed, removed)) = changes(old, new) else {
        return 0;
    };
    let bytes: u64 = changed
        .iter()
        .map(|(_, entry)| {
            if let Entry::File { size, .. } = entry {
                *size + 512
            } else {
                512
            }
        })
        .sum();
    bytes + 512 * removed.len() as u64
}
