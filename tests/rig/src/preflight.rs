// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Whether this machine can build and run a rig, said in one line before anything is tried.

use std::env;
use std::fs;
use std::path::Path;

use crate::error::{Result, RigError};

/// What building runs, beside what the recipe fetches itself.
const TO_BUILD: [&str; 9] = [
    "apt-get",
    "bash",
    "dpkg-deb",
    "gcc",
    "ldconfig",
    "perl",
    "ssh-keygen",
    "strip",
    "xz",
];

const TO_RUN: [&str; 2] = ["ip", "ssh"];

pub fn can_build() -> Result<()> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    if !release.lines().any(|line| line == "ID=debian") {
        return cannot("its guests are made from Debian's packages, and this machine isn't Debian");
    }
    if env::consts::ARCH != "x86_64" {
        return cannot("its guests are x86_64 programs, and this machine isn't");
    }
    can_run()?;
    has(&TO_BUILD)
}

pub fn can_run() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return cannot("its network needs root");
    }
    has(&TO_RUN)?;
    if !Path::new("/dev/net/tun").exists() {
        return cannot("its network needs /dev/net/tun, which this machine doesn't have");
    }
    Ok(())
}

fn has(programs: &[&str]) -> Result<()> {
    let path = env::var_os("PATH").unwrap_or_default();
    // Debian keeps some of them where only root's PATH looks.
    let folders: Vec<_> = env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(Into::into))
        .collect();
    let missing = |program: &&&str| !folders.iter().any(|folder| folder.join(program).is_file());
    match programs.iter().find(missing) {
        Some(program) => cannot(&format!("it needs {program}, which is not installed")),
        None => Ok(()),
    }
}

fn cannot(why: &str) -> Result<()> {
    Err(RigError::CannotHere(why.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named() {
        let error = has(&["sh", "no-such-program"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no rig: it needs no-such-program, which is not installed"
        );
        assert!(has(&["sh"]).is_ok());
    }
}
