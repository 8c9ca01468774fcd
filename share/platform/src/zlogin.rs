// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! zlogin(1): commands inside a running zone.

use std::ffi::OsStr;

use uuid::Uuid;

use crate::host::quoted;
use crate::{Command, Error, Host, Output};

/// The command that runs `argv` in a zone. zlogin joins its words by spaces and hands them to `su`, thus to a shell:
/// each is quoted for it. The environment is that of a login; nothing is read from standard input.
/// `-Q` keeps zlogin's own remarks out of the output.
pub fn command<I>(zone: Uuid, argv: I) -> Command
where
    I: IntoIterator,
    I::Item: AsRef<OsStr>,
{
    let words = argv.into_iter();
    zlogin(zone).args(words.map(|word| quoted(word.as_ref())))
}

/// Like [`command`], with its last word a secret.
pub(crate) fn command_with_secret(
    zone: Uuid,
    argv: &[&str],
    secret: &str,
    more: &[&str],
) -> Command {
    let plain = |words: &[&str]| {
        words
            .iter()
            .map(|word| quoted(OsStr::new(word)))
            .collect::<Vec<_>>()
    };
    zlogin(zone)
        .args(plain(argv))
        .secret_arg(quoted(OsStr::new(secret)))
        .args(plain(more))
        .hide(secret)
}

fn zlogin(zone: Uuid) -> Command {
    Command::new("zlogin").args(["-Q", &zone.to_string()])
}

/// Runs `argv` in a zone, to whatever end. zlogin's own failure (the zone is not running) is exit 1 as well, and
/// says `zlogin: ` on standard error.
pub fn run<I>(host: &Host, zone: Uuid, argv: I) -> Result<Output, Error>
where
    I: IntoIterator,
    I::Item: AsRef<OsStr>,
{
    Ok(host.run(&command(zone, argv))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_reach_the_zone_as_they_are() {
        let zone = Uuid::nil();
        let command = command(zone, ["/usr/bin/cat", "/a b", "it's"]);
        let words: Vec<_> = command.words().map(|word| word.to_str().unwrap()).collect();
        assert_eq!(
            words[..3],
            ["zlogin", "-Q", "00000000-0000-0000-0000-000000000000"]
        );
        assert_eq!(words[3..], ["/usr/bin/cat", "'/a b'", "'it'\\''s'"]);
    }

    #[test]
    fn a_secret_word_is_not_shown() {
        let command = command_with_secret(Uuid::nil(), &["put", "-d"], "{\"pw\":1}", &["bucket"]);
        assert!(command.to_string().ends_with("put -d *** bucket"));
    }
}
