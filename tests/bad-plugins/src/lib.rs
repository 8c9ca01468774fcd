// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Where the bad plugins of this package's examples were built to.

use std::path::PathBuf;

/// The shared library of the example `name`, beside the test that asks.
pub fn built(name: &str) -> Result<PathBuf, String> {
    let test = std::env::current_exe().map_err(|error| error.to_string())?;
    // target/debug/deps/<test>
    let profile = test.parent().and_then(|deps| deps.parent());
    let path = profile
        .ok_or("this test is in no target folder")?
        .join("examples")
        .join(format!("lib{name}.so"));
    if !path.exists() {
        return Err(format!(
            "{} was not built; run the whole package: cargo test -p bad-plugins",
            path.display()
        ));
    }
    Ok(path)
}
