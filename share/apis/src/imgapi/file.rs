// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Image files on the wire: copied as they come, with their SHA-1 counted on the way. IMGAPI breaks the connection off, or
//! simply ends, when its storage fails, so that a file is whole only when its digest says so.

use std::io::{self, Read, Write};

use sha1::{Digest, Sha1};

use crate::error::ErrorKind;

use super::objects::ImageFile;

/// Copies an image's file and compares it with its manifest. What was written of a file that differs is of no use.
pub fn copy_verified(
    from: &mut dyn Read,
    to: &mut dyn Write,
    expected: &ImageFile,
) -> Result<u64, ErrorKind> {
    let mut digest = Sha1::new();
    let mut bytes: u64 = 0;
    let mut buffer = vec![0_u8; 128 * 1024];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(broken_off(&e, bytes, expected.size)),
        };
        let piece = buffer.get(..count).unwrap_or_default();
        digest.update(piece);
        bytes += count as u64;
        to.write_all(piece).map_err(|e| ErrorKind::Local {
            why: format!("the image file could not be written: {e}"),
        })?;
    }
    to.flush().map_err(|e| ErrorKind::Local {
        why: format!("the image file could not be written: {e}"),
    })?;
    let sha1: String = digest
        .finalize()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let wrong = |what: &str, why: String| ErrorKind::Undecodable {
        status: 200,
        json_path: format!("the file's {what}"),
        why,
    };
    if bytes != expected.size {
        let why = format!(
            "{bytes} bytes came, and the manifest promises {}",
            expected.size
        );
        return Err(wrong("size", why));
    }
    if !sha1.eq_ignore_ascii_case(&expected.sha1) {
        return Err(wrong(
            "sha1",
            format!("it is {sha1}, and the manifest says {}", expected.sha1),
        ));
    }
    Ok(bytes)
}

fn broken_off(error: &io::Error, bytes: u64, size: u64) -> ErrorKind {
    let why = format!(
        "after {bytes} of {size} bytes: {}",
        crate::http::causes(error)
    );
    if error.kind() == io::ErrorKind::TimedOut {
        ErrorKind::Unreachable {
            timed_out: true,
            sent: true,
            why,
        }
    } else {
        ErrorKind::Closed { why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn abc() -> ImageFile {
        serde_json::from_value(serde_json::json!({
            "sha1": "A9993E364706816ABA3E25717850C26C9CD0D89D", "size": 3, "compression": "none"
        }))
        .unwrap()
    }

    #[test]
    fn a_file_that_matches_its_manifest_is_copied() {
        let mut to = Vec::new();
        assert_eq!(copy_verified(&mut &b"abc"[..], &mut to, &abc()), Ok(3));
        assert_eq!(to, b"abc");
    }

    #[test]
    fn a_file_cut_short_is_told_by_its_size() {
        let error = copy_verified(&mut &b"ab"[..], &mut Vec::new(), &abc()).unwrap_err();
        assert!(error.to_string().contains("2 bytes came"), "{error}");
    }

    #[test]
    fn a_file_with_other_bytes_is_told_by_its_sha1() {
        let error = copy_verified(&mut &b"abd"[..], &mut Vec::new(), &abc()).unwrap_err();
        assert!(error.to_string().contains("the file's sha1"), "{error}");
    }
}
