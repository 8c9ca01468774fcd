// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A key's files, wherever their bytes are: in a folder, or made here.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::{Error, fat, folded};

/// One file. Folders follow from the paths.
#[derive(Debug, Clone)]
pub struct Item {
    pub size: u64,
    /// Permission bits; FAT keeps none.
    pub mode: u32,
    /// Seconds since 1970.
    pub modified: i64,
    pub content: Content,
}

#[derive(Debug, Clone)]
pub enum Content {
    File(PathBuf),
    Bytes(Vec<u8>),
    /// Offsets and lengths in a disk image.
    Runs {
        image: PathBuf,
        runs: Vec<(u64, u64)>,
    },
}

impl Item {
    /// A file as it lies somewhere.
    pub fn of_file(path: &Path) -> Result<Item, Error> {
        let about = std::fs::metadata(path).map_err(|error| Error::file("read", path, error))?;
        Ok(Item {
            size: about.len(),
            mode: about.permissions().mode() & 0o7777,
            modified: about.mtime(),
            content: Content::File(path.to_owned()),
        })
    }

    pub fn of_bytes(bytes: Vec<u8>, mode: u32, modified: i64) -> Item {
        Item {
            size: bytes.len() as u64,
            mode,
            modified,
            content: Content::Bytes(bytes),
        }
    }

    /// The bytes, from the first. A file that changed its size since it was seen fails, as what is made of it would be wrong.
    pub fn open(&self) -> Result<Box<dyn Read + Send + '_>, Error> {
        match &self.content {
            Content::Bytes(bytes) => Ok(Box::new(Cursor::new(bytes))),
            Content::File(path) => {
                let file = File::open(path).map_err(|error| Error::file("read", path, error))?;
                Ok(Box::new(Exactly {
                    inner: file,
                    left: self.size,
                }))
            }
            Content::Runs { image, runs } => {
                let file = File::open(image).map_err(|error| Error::file("read", image, error))?;
                Ok(Box::new(InRuns {
                    image: file,
                    runs: runs.clone().into(),
                }))
            }
        }
    }

    pub fn read(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        self.open()?
            .read_to_end(&mut bytes)
            .map_err(|error| match &self.content {
                Content::File(path) => Error::file("read", path, error),
                Content::Runs { image, .. } => Error::file("read", image, error),
                Content::Bytes(_) => Error::Bad(error.to_string()),
            })?;
        Ok(bytes)
    }
}

struct Exactly {
    inner: File,
    left: u64,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let short = count == 0 && self.left > 0 && !buffer.is_empty();
        if short || count as u64 > self.left {
            return Err(io::Error::other("its size changed while it was read"));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

struct InRuns {
    image: File,
    runs: VecDeque<(u64, u64)>,
}

impl Read for InRuns {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((at, left)) = self.runs.front_mut() else {
            return Ok(0);
        };
        let most = usize::try_from(*left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let count = self.image.read_at(&mut buffer[..most], *at)?;
        if count == 0 && !buffer.is_empty() {
            return Err(io::Error::other("the image ends in the middle of the file"));
        }
        *at += count as u64;
        *left -= count as u64;
        if *left == 0 {
            self.runs.pop_front();
        }
        Ok(count)
    }
}

/// Files by path (no leading slash), in byte order of the paths. No two differ in case alone.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    items: BTreeMap<String, Item>,
    /// Folded path to the path as it is called.
    names: BTreeMap<String, String>,
}

impl Tree {
    /// All files below a folder. Symlinks are left out: a key has none (`/usbkey/os/latest` is one).
    pub fn of_folder(folder: &Path) -> Result<Tree, Error> {
        let mut tree = Tree::default();
        for entry in WalkDir::new(folder).sort_by_file_name() {
            let entry = entry.map_err(|error| {
                let path = error.path().unwrap_or(folder).to_owned();
                Error::file("read", path, error.into())
            })?;
            if entry.file_type().is_dir() {
                continue;
            }
            let relative = entry.path().strip_prefix(folder).unwrap_or(entry.path());
            let Some(path) = relative.to_str().filter(|path| !path.is_empty()) else {
                return Err(Error::Bad(format!(
                    "{} is no folder of files with UTF-8 names",
                    entry.path().display()
                )));
            };
            if !entry.file_type().is_file() {
                tracing::warn!(
                    "{} is no plain file and is left out",
                    entry.path().display()
                );
                continue;
            }
            tree.add(path, Item::of_file(entry.path())?)?;
        }
        Ok(tree)
    }

    /// All files of a disk image's root partition.
    pub fn of_image(image: &Path) -> Result<Tree, Error> {
        fat::tree_of_image(image)
    }

    /// Adds a file; one that FAT would take for another of the tree is refused.
    pub fn add(&mut self, path: &str, item: Item) -> Result<(), Error> {
        if let Some(other) = self.names.get(&folded(path)) {
            return Err(Error::Bad(format!(
                "{path} and {other} are one file on a key, whose names have no case; remove one of them"
            )));
        }
        self.names.insert(folded(path), path.to_owned());
        self.items.insert(path.to_owned(), item);
        Ok(())
    }

    /// Adds a file in place of the one that FAT takes for the same, which keeps its name.
    pub fn put(&mut self, path: &str, item: Item) {
        let name = self.names.entry(folded(path)).or_insert(path.to_owned());
        self.items.insert(name.clone(), item);
    }

    /// The file that FAT finds by this path.
    pub fn get(&self, path: &str) -> Option<&Item> {
        self.items.get(self.names.get(&folded(path))?)
    }

    /// The file that FAT finds by this path, and what it is called.
    pub fn find(&self, path: &str) -> Option<(&str, &Item)> {
        let name = self.names.get(&folded(path))?;
        Some((name, self.items.get(name)?))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Item)> {
        self.items.iter().map(|(path, item)| (path.as_str(), item))
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// All bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.items.values().map(|item| item.size).sum()
    }

    /// When the newest file was changed.
    pub fn newest(&self) -> i64 {
        let times = self.items.values().map(|item| item.modified);
        times.max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_names_that_fat_takes_for_one_are_refused() {
        let mut tree = Tree::default();
        tree.add("LICENSE", Item::of_bytes(vec![], 0o644, 0))
            .unwrap();
        let error = tree
            .add("license", Item::of_bytes(vec![], 0o644, 0))
            .unwrap_err();
        assert!(error.to_string().contains("LICENSE"));
        assert!(tree.get("License").is_some());
    }

    #[test]
    fn a_file_that_shrinks_while_it_is_read_is_an_error_and_not_a_short_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "longer").unwrap();
        let tree = Tree::of_folder(folder.path()).unwrap();
        std::fs::write(folder.path().join("a"), "short").unwrap();
        let error = tree.get("a").unwrap().read().unwrap_err();
        assert!(error.to_string().contains("changed while"), "{error}");
    }
}
