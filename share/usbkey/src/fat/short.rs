// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! 8.3 names beside the long ones.

use std::collections::{HashMap, HashSet};

/// Gives each file of one folder its short name. A count for each beginning keeps many alike from being tried in turn.
#[derive(Default)]
pub(super) struct ShortNames {
    taken: HashSet<[u8; 11]>,
    counts: HashMap<(Vec<u8>, Vec<u8>), u32>,
}

impl ShortNames {
    /// Names that are 8.3 as they stand go first: what is made up must not take theirs.
    pub(super) fn reserve(&mut self, name: &str) {
        self.taken.extend(exact(name));
    }

    /// A name that is not 8.3 as it stands is given one nobody else in the folder has.
    pub(super) fn make(&mut self, name: &str) -> [u8; 11] {
        let (base, extension) = match name.trim_start_matches('.').rsplit_once('.') {
            Some((base, extension)) => (usable(base), usable(extension)),
            None => (usable(name), Vec::new()),
        };
        let key = (cut(&base, 6), cut(&extension, 3));
        let count = self.counts.entry(key.clone()).or_insert(0);
        loop {
            *count += 1;
            let tail = format!("~{count}");
            let mut short = [b' '; 11];
            let mut start = cut(&key.0, 8_usize.saturating_sub(tail.len()));
            start.extend_from_slice(tail.as_bytes());
            start.truncate(8);
            short[..start.len()].copy_from_slice(&start);
            short[8..8 + key.1.len()].copy_from_slice(&key.1);
            if self.taken.insert(short) {
                return short;
            }
        }
    }
}

/// The short name of what is 8.3 and upper case as it stands, and so needs no long one.
pub(super) fn exact(name: &str) -> Option<[u8; 11]> {
    let (base, extension) = name.split_once('.').unwrap_or((name, ""));
    let fits = !base.is_empty() && base.len() <= 8 && extension.len() <= 3;
    let dotted = name.contains('.') && extension.is_empty();
    let plain = |text: &str| {
        text.bytes()
            .all(|byte| allowed(byte) && !byte.is_ascii_lowercase())
    };
    if !fits || dotted || !plain(base) || !plain(extension) {
        return None;
    }
    let mut short = [b' '; 11];
    short[..base.len()].copy_from_slice(base.as_bytes());
    short[8..8 + extension.len()].copy_from_slice(extension.as_bytes());
    Some(short)
}

fn usable(text: &str) -> Vec<u8> {
    let bytes = text.bytes().filter(|byte| *byte != b' ' && *byte != b'.');
    bytes
        .map(|byte| {
            if allowed(byte) {
                byte.to_ascii_uppercase()
            } else {
                b'_'
            }
        })
        .collect()
}

fn cut(bytes: &[u8], most: usize) -> Vec<u8> {
    bytes[..bytes.len().min(most)].to_vec()
}

fn allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'()-@^_`{}~".contains(&byte)
}

/// What a long name's entries carry, so that a system without long names that renamed the file is noticed.
pub(super) fn checksum(short: &[u8; 11]) -> u8 {
    short
        .iter()
        .fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_8_3_stay_and_others_get_one_of_their_own() {
        assert_eq!(exact("LICENSE").as_ref(), Some(b"LICENSE    "));
        assert_eq!(exact("A.TXT").as_ref(), Some(b"A       TXT"));
        for name in ["license", "A.", ".A", "A.B.C", "NINECHARS", "A B", "A.LONG"] {
            assert_eq!(exact(name), None, "{name}");
        }
        let mut names = ShortNames::default();
        names.reserve("LOADER~1.CON");
        assert_eq!(&names.make("loader.conf"), b"LOADER~2CON");
        assert_eq!(&names.make("loader.conf.local"), b"LOADER~1LOC");
        assert_eq!(&names.make(".joyliveusb"), b"JOYLIV~1   ");
    }

    #[test]
    fn thousands_of_names_alike_are_told_apart() {
        let mut names = ShortNames::default();
        let made: HashSet<[u8; 11]> = (0..20_000)
            .map(|n| names.make(&format!("manifest-{n}.json")))
            .collect();
        assert_eq!(made.len(), 20_000);
    }
}
