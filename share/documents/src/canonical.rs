// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! One byte sequence for one value: keys sorted, no white space. Digests, run identities and "same input, byte-identical
//! plan" rest on it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

/// `sha256:` and 64 hex digits.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    pub fn of_bytes(bytes: &[u8]) -> Digest {
        let mut text = String::with_capacity(7 + 64);
        text.push_str("sha256:");
        for byte in sha2::Sha256::digest(bytes) {
            text.push_str(&format!("{byte:02x}"));
        }
        Digest(text)
    }

    pub fn of<T: Serialize>(value: &T) -> Digest {
        Digest::of_bytes(&canonical_bytes(value))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The canonical bytes of a value. Going through `serde_json::Value` sorts the keys, as its map is ordered.
///
/// Our documents have string keys and finite numbers only, so this can't fail; were that ever broken the bytes are empty, and
/// no digest of real content equals the digest of nothing.
pub fn canonical_bytes<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_value(value)
        .and_then(|v| serde_json::to_vec(&v))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_order_of_keys_does_not_change_the_digest() {
        let one: serde_json::Value = serde_json::from_str(r#"{"b":1,"a":{"d":2,"c":3}}"#).unwrap();
        let two = json!({"a": {"c": 3, "d": 2}, "b": 1});
        assert_eq!(Digest::of(&one), Digest::of(&two));
        assert_eq!(canonical_bytes(&one), br#"{"a":{"c":3,"d":2},"b":1}"#);
    }

    #[test]
    fn a_digest_is_the_sha256_that_other_tools_print() {
        assert_eq!(
            Digest::of_bytes(b"abc").as_str(),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
