// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The plugins' libraries, built and put into one folder as they are installed. Tests of other crates take this file too.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

/// Every service that has a plugin.
pub const SERVICES: [&str; 6] = ["cns", "dhcpd", "imgapi", "sapi", "sdc", "ufds"];

/// A trusted folder with `<service>.so` for each.
pub fn plugins() -> tempfile::TempDir {
    let built = build();
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    for service in SERVICES {
        let to = dir.path().join(format!("{service}.so"));
        fs::copy(built.join(format!("libtriton_plugin_{service}.so")), &to).unwrap();
        fs::set_permissions(&to, Permissions::from_mode(0o755)).unwrap();
    }
    dir
}

/// Has cargo build the libraries beside this test, as a test can't depend on another crate's cdylib. Nothing is left to do
/// when they are up to date. Gives the folder they are in.
fn build() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().unwrap().parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--manifest-path"]);
    cargo.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"));
    cargo.arg("--target-dir").arg(profile.parent().unwrap());
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    for service in SERVICES {
        cargo.args(["--package", &format!("{service}-cdylib")]);
    }
    let output = cargo.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the plugins don't build: {errors}");
    profile.to_owned()
}
