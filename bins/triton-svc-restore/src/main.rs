// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `triton-svc-restore`: bring the services of a lost headnode back on this one.

mod arguments;
mod restore;
mod show;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main(restore::run)
}
