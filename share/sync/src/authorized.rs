// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Root's authorized keys: one line of ours in the file that sshd reads, which a boot makes anew, and in those that it is made
//! from. All other lines stay as they are.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use platform::{FailureKind, Host, usbkey};
use tracing::warn;

use crate::error::SyncError;
use crate::files;
use crate::hosts;

/// Where root's authorized keys are now.
const NOW: &str = "/root/.ssh/authorized_keys";

/// Where they come from at the next boot: on the boot medium, and in the copy that is made of it.
const NEXT_BOOT: &str = "config.inc/root.authorized_keys";
const COPY: &str = "/usbkey";

/// Replaces the line that ends with `mark`, where root's authorized keys are and where they come from; or takes it away.
pub fn set(host: &Host, mark: &str, line: Option<&str>) -> Result<(), SyncError> {
    let copy = host.path(COPY).join(NEXT_BOOT);
    change(&host.path(NOW), None, mark, line)?;
    on_medium(host, &copy, mark, line)?;
    change(&copy, None, mark, line)
}

/// The medium has the last word: what it has is copied over `/usbkey` at every boot.
fn on_medium(host: &Host, copy: &Path, mark: &str, line: Option<&str>) -> Result<(), SyncError> {
    let changed = usbkey::with_medium(host, |mountpoint| {
        let keys = host.path(mountpoint).join(NEXT_BOOT);
        Ok(change(&keys, Some(copy), mark, line))
    });
    match changed {
        Ok(changed) => changed,
        Err(error) if was_not_started(&error) => {
            warn!(
                "the keys were written to {COPY} alone, and not to the medium that it is copied from: {error}"
            );
            Ok(())
        }
        Err(error) => Err(hosts::failed(
            "write the keys on the boot medium, from which the next boot takes them",
            error,
        )),
    }
}

/// A machine without `sdc-usbkey` has no medium that would overwrite anything.
fn was_not_started(error: &platform::Error) -> bool {
    error
        .command()
        .is_some_and(|command| command.kind() == FailureKind::NotStarted)
}

/// Replaces the marked line of a file of keys. One that is not there yet begins with the lines of `model`, which it would
/// otherwise hide at the next boot.
fn change(
    path: &Path,
    model: Option<&Path>,
    mark: &str,
    line: Option<&str>,
) -> Result<(), SyncError> {
    let own = read(path)?;
    let begin = match (&own, model) {
        (None, Some(model)) => read(model)?.unwrap_or_default(),
        (own, _) => own.clone().unwrap_or_default(),
    };
    let new = with_line(&begin, mark, line);
    if new == own.unwrap_or_default() {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        files::make_private_folder(folder)?;
    }
    files::replace(path, new.as_bytes())
}

fn read(path: &Path) -> Result<Option<String>, SyncError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SyncError::file("read", path)(error)),
    }
}

/// The text with the marked line replaced, added or left out. All other lines stay as they are.
fn with_line(text: &str, mark: &str, line: Option<&str>) -> String {
    let marked = |one: &&str| one.split_whitespace().next_back() == Some(mark);
    let kept = text.lines().filter(|one| !marked(one));
    let lines = kept.chain(line);
    lines.flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_medium_without_keys_gets_those_of_its_copy_first() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        fs::write(path("copy"), "ssh-rsa AAAA operator\n").unwrap();
        let keys = |name: &str| fs::read_to_string(path(name)).unwrap();
        change(
            &path("medium"),
            Some(&path("copy")),
            "mark",
            Some("key mark"),
        )
        .unwrap();
        assert_eq!(keys("medium"), "ssh-rsa AAAA operator\nkey mark\n");
        fs::write(path("other"), "ssh-rsa BBBB own\n").unwrap();
        change(
            &path("other"),
            Some(&path("copy")),
            "mark",
            Some("key mark"),
        )
        .unwrap();
        assert_eq!(keys("other"), "ssh-rsa BBBB own\nkey mark\n");
    }
}
