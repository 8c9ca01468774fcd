// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A reference to content that must not travel in documents: VM payloads, SAPI records and metadata hold keys and passwords.
//! Only the executor opens it, on the headnode that holds the restore data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::canonical::Digest;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretRef {
    /// Digest of the file's bytes: what is opened must be what was planned with.
    pub secret: Digest,
    /// Path below the restore data, `<server>/<generation>/<path>`. Never absolute, never with `..`.
    pub from: String,
}

impl SecretRef {
    /// True for a path that stays below the folder it is joined to.
    pub fn stays_inside(&self) -> bool {
        !self.from.is_empty()
            && !self.from.starts_with('/')
            && self
                .from
                .split('/')
                .all(|part| !part.is_empty() && part != "." && part != "..")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(path: &str) -> SecretRef {
        SecretRef {
            secret: Digest::of_bytes(b""),
            from: path.to_owned(),
        }
    }

    #[test]
    fn a_reference_cannot_leave_the_restore_data() {
        assert!(from("44454c4c/20261123T051000Z/vms/x.json").stays_inside());
        for path in ["", "/etc/shadow", "a/../../etc/shadow", "a//b", "./a"] {
            assert!(!from(path).stays_inside(), "{path}");
        }
    }
}
