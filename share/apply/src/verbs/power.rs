// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Has the operator's program ask a server's BMC whether its power is off.

use std::path::Path;
use std::time::Duration;

use documents::power::PROGRAM;
use documents::verb::FenceDeclare;
use platform::{Command, Host, trust};

use crate::step::StepError;

/// BMCs are slow, and a session with one is tried a few times.
const PATIENCE: Duration = Duration::from_secs(60);

/// Fails unless the program exits 0 and its last word is `off`: anything else may mean on, and unknown is not off.
pub fn ask_bmc(host: &Host, with: &FenceDeclare) -> Result<(), StepError> {
    let program = host.path(PROGRAM);
    let untrusted = |why: trust::Untrusted| {
        StepError::firm(format!("can't ask the BMC of {}: {why}", with.hostname))
    };
    let folder = trust::folder(program.parent().unwrap_or(Path::new("/"))).map_err(untrusted)?;
    let program = trust::file(&folder, &program).map_err(untrusted)?;
    let command = Command::new(program)
        .args(["status", &with.hostname, &with.server.to_string()])
        .timeout(PATIENCE);
    let said = host.run_ok(&command).map_err(platform::Error::from)?;
    match said.split_whitespace().next_back() {
        Some(word) if word.eq_ignore_ascii_case("off") => Ok(()),
        _ => Err(StepError::firm(format!(
            "{} is not known to be off: `{command}` says \"{}\"; its zones' addresses are given to nobody while it may have them. \
             Power it off first",
            with.hostname,
            said.trim()
        ))),
    }
}
