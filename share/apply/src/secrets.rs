// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Opening references to restore data. What is opened must be what was planned with, in a file that others can't read.

use std::path::Path;

use documents::{Digest, SecretRef};
use platform::Host;
use serde_json::{Map, Value};

use crate::step::StepError;

/// Reads the file, checks that it is inside and unchanged, and decodes its JSON object.
pub fn open(
    host: &Host,
    folder: &Path,
    secret: &SecretRef,
) -> Result<Map<String, Value>, StepError> {
    if !secret.stays_inside() {
        return Err(StepError::firm(format!(
            "\"{}\" leads out of the restore data",
            secret.from
        )));
    }
    let path = folder.join(&secret.from);
    let bytes = host.read(&path).map_err(|error| {
        StepError::firm(format!(
            "{error}; the plan was made from restore data that is not on this headnode"
        ))
    })?;
    let found = Digest::of_bytes(&bytes);
    if found != secret.secret {
        return Err(StepError::firm(format!(
            "{} is not what the plan was made from (it has {found}, the plan names {}); plan again",
            path.display(),
            secret.secret
        )));
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        StepError::firm(format!("{} holds no JSON object: {error}", path.display()))
    })
}
