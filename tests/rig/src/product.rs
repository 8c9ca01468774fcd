// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Where the workspace's own build lies, for guests to run: the staged product, and the lab's command stand-ins.

use std::env;
use std::path::{Path, PathBuf};

use crate::error::{Attempted, Result, RigError};

/// Commands of SmartOS that the lab's program stands in for in guests, by the name that it is called by.
pub const STAND_INS: [&str; 4] = ["imgadm", "svcs", "sysinfo", "vmadm"];

/// The lab's program: this one, or for a test, what lies above the folder of test programs.
pub fn lab() -> Result<PathBuf> {
    let this = env::current_exe().attempted("finding this program")?;
    near(&this, "lab").ok_or_else(|| missing("lab program", &this, "cargo build -p lab"))
}

/// The install folder that `cargo lab stage` made of the build that this program belongs to.
pub fn staged() -> Result<PathBuf> {
    let this = env::current_exe().attempted("finding this program")?;
    near(&this, "../stage/debug").ok_or_else(|| missing("staged product", &this, "cargo lab stage"))
}

fn near(program: &Path, wanted: &str) -> Option<PathBuf> {
    let folders = program.ancestors().skip(1).take(2);
    folders
        .filter_map(|folder| folder.join(wanted).canonicalize().ok())
        .next()
}

fn missing(what: &str, program: &Path, remedy: &str) -> RigError {
    let near = program.parent().unwrap_or(program).display();
    RigError::Failed(format!(
        "there is no {what} near {near}; `{remedy}` makes it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_was_built_is_found_from_the_lab_and_from_a_test_program() {
        let target = tempfile::tempdir().unwrap();
        let path = |name: &str| target.path().canonicalize().unwrap().join(name);
        fs::create_dir_all(path("debug/deps")).unwrap();
        fs::create_dir_all(path("stage/debug")).unwrap();
        fs::write(path("debug/lab"), "").unwrap();
        for program in ["debug/lab", "debug/deps/guests-0123"] {
            assert_eq!(near(&path(program), "lab").unwrap(), path("debug/lab"));
            assert_eq!(
                near(&path(program), "../stage/debug").unwrap(),
                path("stage/debug")
            );
        }
        assert_eq!(near(&path("debug/deps/guests-0123"), "absent"), None);
    }
}
