// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! POSIX quoting. sshd and zlogin join their words by spaces and hand the line to a shell: each word must come out of that
//! shell as it went in.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// One word, quoted where a shell would otherwise see more in it than a word.
pub fn quoted(word: &OsStr) -> OsString {
    let bytes = word.as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./:,@%+=".contains(byte);
    // `=` and a leading `~` mean something at the start of a word only; such words are quoted too.
    if !bytes.is_empty() && bytes.iter().all(plain) && bytes[0] != b'=' {
        return word.to_owned();
    }
    let mut out = vec![b'\''];
    for &byte in bytes {
        match byte {
            b'\'' => out.extend_from_slice(b"'\\''"),
            _ => out.push(byte),
        }
    }
    out.push(b'\'');
    OsString::from_vec(out)
}

/// The words as one line for a shell that runs them as a command.
pub fn line<'a>(words: impl Iterator<Item = &'a OsStr>) -> OsString {
    let mut out = OsString::new();
    for (at, word) in words.enumerate() {
        if at > 0 {
            out.push(" ");
        }
        // A first word with `=` in it would be an assignment.
        if at == 0 && word.as_bytes().contains(&b'=') {
            out.push("'");
            out.push(word);
            out.push("'");
        } else {
            out.push(quoted(word));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_word_stays_as_it_is() {
        assert_eq!(quoted(OsStr::new("zones/a-b_c@1.2:3")), "zones/a-b_c@1.2:3");
    }

    #[test]
    fn whatever_a_shell_would_touch_is_quoted() {
        for word in [
            "", "a b", "$HOME", "`x`", "a;b", "a\nb", "*", "~root", "#x", "a&b", "(x)", "{a,b}",
        ] {
            let out = quoted(OsStr::new(word));
            assert_eq!(out, format!("'{word}'").as_str());
        }
        assert_eq!(quoted(OsStr::new("it's")), "'it'\\''s'");
    }

    #[test]
    fn a_shell_gives_every_word_back_unchanged() {
        let words = [
            "printf", "%s\\n", "a b", "it's", "$HOME", "", "\\", "\"", "é", "!x", "=x",
        ];
        let line = line(words.iter().map(OsStr::new));
        let output = std::process::Command::new("sh")
            .arg("-c")
            .arg(line)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said.lines().collect::<Vec<_>>(), &words[2..]);
    }
}
