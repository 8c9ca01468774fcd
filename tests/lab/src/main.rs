// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The `lab` program. Called by any other name it is the stand-in of the command of that name.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let called = std::env::args().next().unwrap_or_default();
    let name = Path::new(&called)
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("lab");
    match name {
        "lab" => lab::cli::main(),
        name => match lab::offline::model() {
            Some(model) => lab::offline::main(name, &model),
            None => lab::client::main(name.to_owned()),
        },
    }
}
