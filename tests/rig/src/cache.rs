// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Where what was built lies: outside the work tree, so that a clean clone finds it.
//!
//! `kernel-<recipe>-<packages>/` holds the kernel and its modules, `<recipe>-<packages>/` the RAM disk and the rig's key.
//! A folder appears under its name only when it is whole.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Result, RigError};
use crate::recipe;

/// A built kernel and RAM disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Build {
    /// The kernel, an ordinary program.
    pub linux: PathBuf,
    pub initrd: PathBuf,
    /// Private key of the rig's own way into its guests.
    pub key: PathBuf,
    /// Name of the folder: what it was made from.
    pub name: String,
}

/// `${XDG_CACHE_HOME:-$HOME/.cache}/triton-headnode-rig`.
pub fn folder() -> Result<PathBuf> {
    let set = |name: &str| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("XDG_CACHE_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| Some(set("HOME")?.join(".cache")))
        .map(|cache| cache.join("triton-headnode-rig"))
        .ok_or_else(|| {
            RigError::CannotHere("neither XDG_CACHE_HOME nor HOME says where to keep it".to_owned())
        })
}

/// The build that was made by this recipe; with several, of the packages that were fetched last.
pub fn built() -> Result<Build> {
    built_in(&folder()?)
}

fn built_in(cache: &Path) -> Result<Build> {
    let found = newest(cache, &format!("{}-", recipe::image()))
        .and_then(|image| Some((fs::canonicalize(image.join("kernel")).ok()?, image)));
    let Some((kernel, image)) = found else {
        return Err(RigError::CannotHere(
            "it is not built on this machine; `cargo lab rig build` does it in about 7 minutes"
                .to_owned(),
        ));
    };
    Ok(Build {
        linux: kernel.join("linux"),
        initrd: image.join("initrd"),
        key: image.join("key"),
        name: image
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
    })
}

/// The youngest folder whose name begins so.
fn newest(cache: &Path, prefix: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(cache).ok()?.flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .max_by_key(|entry| entry.metadata().and_then(|found| found.modified()).ok())
        .map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_build_of_this_recipe_there_is_no_rig_and_the_error_says_how_to_get_one() {
        let cache = tempfile::tempdir().unwrap();
        fs::create_dir(cache.path().join("another-recipe")).unwrap();
        let error = built_in(cache.path()).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains("cargo lab rig build"), "{error}");
    }

    #[test]
    fn a_build_is_found_by_its_recipe_and_leads_to_its_kernel() {
        let cache = tempfile::tempdir().unwrap();
        let kernel = cache.path().join("kernel-a-b");
        let image = cache.path().join(format!("{}-packages", recipe::image()));
        fs::create_dir(&kernel).unwrap();
        fs::create_dir(&image).unwrap();
        std::os::unix::fs::symlink("../kernel-a-b", image.join("kernel")).unwrap();
        let build = built_in(cache.path()).unwrap();
        assert!(build.linux.ends_with("kernel-a-b/linux"));
        assert_eq!(build.initrd, image.join("initrd"));
    }
}
