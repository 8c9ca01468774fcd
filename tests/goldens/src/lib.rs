// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a person sees of the tools (help, usage errors, manual pages, shown commands), held to what the tools really do.
//!
//! `expected/` holds transcripts: a `$` line is run as it stands there, and what follows is what came of it. A new case is a new
//! `$` line; `WRITE_GOLDENS=1 cargo lab test --test transcripts` writes the rest.
// Only tests use this crate, and they fail by panicking.
#![allow(clippy::unwrap_used, clippy::panic)]

pub mod flags;
pub mod shown;
pub mod tool;
pub mod transcript;

use std::path::{Path, PathBuf};

/// A file or folder of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Names in a folder, sorted, but for hidden ones.
pub fn names(folder: &Path) -> Vec<String> {
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}
