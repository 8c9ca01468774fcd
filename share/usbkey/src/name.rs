// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Names as FAT has them: kept as they were given, compared without case.

/// The form in which two names are the same file on a key. Only ASCII is folded: nothing else stands on a Triton key.
pub fn folded(path: &str) -> String {
    path.to_ascii_lowercase()
}

/// A platform's stamp as its folder is truly called, `20260313T002414Z`; a foldcased mount shows it in lower case. `None` for
/// what is no stamp.
pub fn platform_stamp(name: &str) -> Option<String> {
    let upper = name.to_ascii_uppercase();
    let bytes = upper.as_bytes();
    let shaped = bytes.len() == 16
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            8 => *byte == b'T',
            15 => *byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    shaped.then_some(upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_has_its_true_name_in_whatever_case_it_is_seen() {
        assert_eq!(
            platform_stamp("20260313t002414z").as_deref(),
            Some("20260313T002414Z")
        );
        assert_eq!(platform_stamp("latest"), None);
        assert_eq!(platform_stamp("20260313T002414Z.old"), None);
    }
}
