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
    // The parser's own words could quote the content.
    serde_json::from_slice(&bytes)
        .map_err(|_| StepError::firm(format!("{} holds no JSON object", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT: &[u8] = br#"{"password":"CANARY-1"}"#;

    fn opened(
        content: &[u8],
        secret: &Digest,
        from: &str,
    ) -> Result<Map<String, Value>, StepError> {
        let root = tempfile::tempdir().unwrap();
        let host = Host::local(root.path());
        host.make_dir_all("/data/of a server", 0o700).unwrap();
        host.write_atomic("/data/of a server/x.json", content, 0o600)
            .unwrap();
        let secret = SecretRef {
            secret: secret.clone(),
            from: from.to_owned(),
        };
        open(&host, Path::new("/data"), &secret)
    }

    #[test]
    fn what_was_planned_with_is_opened() {
        let digest = Digest::of_bytes(CONTENT);
        let object = opened(CONTENT, &digest, "of a server/x.json").unwrap();
        assert_eq!(object["password"], "CANARY-1");
    }

    #[test]
    fn another_content_another_place_or_none_is_refused_without_a_word_of_it() {
        let digest = Digest::of_bytes(b"{}");
        let changed = opened(CONTENT, &digest, "of a server/x.json").unwrap_err();
        assert!(changed.why.contains("plan again"), "{changed}");
        let digest = Digest::of_bytes(CONTENT);
        assert!(
            opened(CONTENT, &digest, "../etc/shadow")
                .unwrap_err()
                .why
                .contains("leads out")
        );
        let absent = opened(CONTENT, &digest, "of a server/y.json").unwrap_err();
        assert!(absent.why.contains("not on this headnode"), "{absent}");
        let text = b"\"CANARY-1\"";
        let error = opened(text, &Digest::of_bytes(text), "of a server/x.json").unwrap_err();
        assert!(!error.why.contains("CANARY"), "{error}");
    }
}
