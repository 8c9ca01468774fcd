// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a command is given of our environment, and which program its name means there.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;

use super::command::Command;
use super::{Host, Place};

/// Variables of ours that a command is given; all others are cleared. `LC_*` is given too.
const KEPT: [&str; 5] = ["PATH", "HOME", "TERM", "LANG", "SSH_AUTH_SOCK"];

pub(crate) fn of(host: &Host, command: &Command) -> Vec<(OsString, OsString)> {
    let kept = |name: &OsString| {
        name.to_str()
            .is_some_and(|name| KEPT.contains(&name) || name.starts_with("LC_"))
    };
    let mut variables: Vec<_> = std::env::vars_os().filter(|(name, _)| kept(name)).collect();
    if matches!(*host.place, Place::Local { .. }) {
        let named = command.variables().iter();
        variables.extend(named.map(|(name, value)| (name.into(), value.clone())));
    }
    variables
}

/// The program's path. Were it only named, with a search path set anew, the standard library would have to copy this whole
/// process to start it (fork) instead of having the system start it (posix_spawn). A name that is not found stays as it is: the
/// failure to start it says so.
pub(crate) fn found(program: OsString, variables: &[(OsString, OsString)]) -> OsString {
    if program.as_encoded_bytes().contains(&b'/') {
        return program;
    }
    let path = variables.iter().rfind(|(name, _)| name == "PATH");
    let folders = path.map_or(OsStr::new(""), |(_, path)| path);
    std::env::split_paths(folders)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(&program))
        .find(|path| {
            let file = path.metadata();
            file.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
        })
        .map_or(program, OsString::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn program(folder: &std::path::Path, name: &str, mode: u32) {
        fs::write(folder.join(name), "").unwrap();
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_name_means_the_first_program_of_the_search_path() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        program(first.path(), "zfs", 0o644);
        program(second.path(), "zfs", 0o755);
        program(second.path(), "zpool", 0o755);
        fs::create_dir(first.path().join("zpool")).unwrap();
        let path = std::env::join_paths([first.path(), second.path()]).unwrap();
        let variables = [("PATH".into(), path)];
        for name in ["zfs", "zpool"] {
            let wanted = second.path().join(name).into_os_string();
            assert_eq!(found(name.into(), &variables), wanted);
        }
    }

    #[test]
    fn a_path_and_a_name_that_is_nowhere_stay_as_they_are() {
        for name in ["./zfs", "/sbin/zfs", "no such program"] {
            assert_eq!(
                found(name.into(), &[("PATH".into(), "/nowhere".into())]),
                name
            );
        }
    }
}
