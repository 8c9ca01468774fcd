// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Symbolic links of a host.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::failure::CommandError;
use super::files::{FileError, FileFailure, beside};
use super::{Command, Host};

/// What there is where a link is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// A link that leads there.
    Right,
    /// Nothing, or a link that leads elsewhere.
    Open,
    /// No link, but a file or folder of its own.
    Taken,
}

impl Host {
    /// Whether `path` is a link to `to`.
    pub fn link_state(&self, path: impl AsRef<Path>, to: &str) -> Result<LinkState, FileError> {
        let path = self.path(path);
        if self.is_local() {
            return match fs::read_link(&path) {
                Ok(found) if found == Path::new(to) => Ok(LinkState::Right),
                Ok(_) => Ok(LinkState::Open),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(LinkState::Open),
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(LinkState::Taken),
                Err(error) => self.io("read the link", &path, Err(error)),
            };
        }
        let is = |test: Command| match self.run(&test) {
            Ok(output) if matches!(output.status.code(), Some(0 | 1)) => Ok(output.success()),
            Ok(output) => Err(CommandError::of_output(self, &test, &output)),
            Err(error) => Err(error),
        };
        let test = |flag: &str| Command::new("test").arg(flag).arg(&path);
        let same = Command::new("test").arg(&path).arg("-ef").arg(to);
        let state = is(test("-L")).and_then(|link| {
            Ok(match link {
                true if is(same)? => LinkState::Right,
                false if is(test("-e"))? => LinkState::Taken,
                _ => LinkState::Open,
            })
        });
        state.map_err(|why| self.file_error("read the link", &path, FileFailure::Command(why)))
    }

    /// Makes `path` a link to `to`, in place of the link that is there. The folder it is in is made where it is missing.
    pub fn link(&self, path: impl AsRef<Path>, to: &str) -> Result<(), FileError> {
        let path = self.path(path);
        if self.is_local() {
            let new = beside(&path);
            // Left by one that was killed.
            let _ = fs::remove_file(&new);
            let linked = fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))
                .and_then(|()| symlink(to, &new))
                .and_then(|()| fs::rename(&new, &path));
            return self.io("link", &path, linked);
        }
        // `ln -f` would put the new link into the folder that the old one leads to.
        let commands = [
            Command::new("rm").args(["-f", "--"]).arg(&path),
            Command::new("ln").args(["-s", "--", to]).arg(&path),
        ];
        for command in commands {
            let done = self.run_ok(&command);
            done.map_err(|why| self.file_error("link", &path, FileFailure::Command(why)))?;
        }
        Ok(())
    }
}
