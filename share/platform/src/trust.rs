// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Who could have written a file that is about to run with our rights.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Why a folder or file is not trusted, and the command that puts it right.
#[derive(Debug, thiserror::Error)]
pub enum Untrusted {
    #[error("can't look at {path}: {why}")]
    Unseen { path: PathBuf, why: io::Error },
    #[error(
        "{path} belongs to uid {owner}, which is neither root nor the user who runs this (uid \
         {user}), so someone else may have written it; check what it is, then: chown root {path}"
    )]
    Owner {
        path: PathBuf,
        owner: u32,
        user: u32,
    },
    #[error(
        "{path} has mode {mode:04o}: others than its owner (uid {owner}) may write to it; check \
         what it is, then: chmod go-w {path}"
    )]
    Mode {
        path: PathBuf,
        mode: u32,
        owner: u32,
    },
    #[error("{path} is {what}, and what runs with our rights is a regular file of its folder")]
    Kind { path: PathBuf, what: String },
}

/// Checks a folder of such files, and gives its real path.
pub fn folder(path: &Path) -> Result<PathBuf, Untrusted> {
    let unseen = |why| Untrusted::Unseen {
        path: path.to_owned(),
        why,
    };
    let real = path.canonicalize().map_err(unseen)?;
    let metadata = real.metadata().map_err(unseen)?;
    if !metadata.is_dir() {
        let what = "no folder".to_owned();
        return Err(Untrusted::Kind { path: real, what });
    }
    written_by_the_trusted(&real, &metadata)?;
    Ok(real)
}

/// Checks one file of a checked folder, and gives its real path.
///
/// Between this check and its use only those could exchange the file who may write to the folder, and they are trusted.
pub fn file(folder: &Path, path: &Path) -> Result<PathBuf, Untrusted> {
    let unseen = |why| Untrusted::Unseen {
        path: path.to_owned(),
        why,
    };
    let real = path.canonicalize().map_err(unseen)?;
    if real.parent() != Some(folder) {
        let what = format!("a link out of its folder, to {}", real.display());
        let path = path.to_owned();
        return Err(Untrusted::Kind { path, what });
    }
    let metadata = real.metadata().map_err(unseen)?;
    if !metadata.is_file() {
        let what = "no regular file".to_owned();
        return Err(Untrusted::Kind { path: real, what });
    }
    written_by_the_trusted(&real, &metadata)?;
    Ok(real)
}

fn written_by_the_trusted(path: &Path, metadata: &Metadata) -> Result<(), Untrusted> {
    let user = rustix::process::geteuid().as_raw();
    allowed(path, metadata.uid(), metadata.mode() & 0o7777, user)
}

fn allowed(path: &Path, owner: u32, mode: u32, user: u32) -> Result<(), Untrusted> {
    let path = path.to_owned();
    if owner != 0 && owner != user {
        return Err(Untrusted::Owner { path, owner, user });
    }
    if mode & 0o022 != 0 {
        return Err(Untrusted::Mode { path, mode, owner });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(owner: u32, mode: u32, user: u32) -> Result<(), String> {
        allowed(Path::new("/opt/p/imgapi.so"), owner, mode, user).map_err(|e| e.to_string())
    }

    #[test]
    fn root_trusts_only_what_root_owns() {
        assert_eq!(verdict(0, 0o755, 0), Ok(()));
        let refused = verdict(1000, 0o755, 0).unwrap_err();
        assert!(refused.contains("uid 1000"), "{refused}");
        assert!(refused.contains("chown root /opt/p/imgapi.so"), "{refused}");
    }

    #[test]
    fn a_user_trusts_root_and_himself_and_nobody_else() {
        assert_eq!(verdict(0, 0o644, 1000), Ok(()));
        assert_eq!(verdict(1000, 0o600, 1000), Ok(()));
        assert!(verdict(1001, 0o600, 1000).is_err());
    }

    #[test]
    fn whatever_group_or_others_may_write_is_refused() {
        for mode in [0o775, 0o757, 0o666, 0o1777] {
            let refused = verdict(0, mode, 0).unwrap_err();
            assert!(refused.contains("chmod go-w /opt/p/imgapi.so"), "{refused}");
            assert!(refused.contains(&format!("{mode:04o}")), "{refused}");
        }
    }
}
