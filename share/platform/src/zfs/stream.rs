// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What `zfs send | zfs receive` is made of. The two commands run by [`Host::pipe`].

use super::name::check_bookmark;
use super::{InvalidName, check_dataset, check_snapshot, zfs};
use crate::{Command, Error, Host, ParseError};

/// What an increment starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// `dataset@snapshot` or `@snapshot` is not told apart by zfs; here it is always the whole name.
    Snapshot(String),
    /// `dataset#bookmark`.
    Bookmark(String),
}

/// A stream to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Send {
    Full {
        snapshot: String,
    },
    Increment {
        from: Base,
        to: String,
    },
    /// Goes on where a cut receive left off.
    Resume {
        token: String,
    },
}

/// How blocks travel, as far as the platform can: large ones (`-L`) and embedded ones (`-e`) as they are, and as compressed as
/// they lie on the disk (`-c`), which is the compression that the wire needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamOptions(Vec<&'static str>);

const BEST: [(char, &str); 3] = [('L', "-L"), ('e', "-e"), ('c', "-c")];

impl StreamOptions {
    /// Those that this platform's `zfs send` has, by its own usage message.
    pub fn probe(host: &Host) -> Result<StreamOptions, Error> {
        let output = host.run(&zfs("send"))?;
        Ok(StreamOptions::in_usage(&output.complaint()))
    }

    /// `usage:\n\tsend [-DnPpRvLec] [-[i|I] snapshot] <snapshot>`: the first letters in brackets. A usage message that can't be
    /// read offers none: a stream without options is received everywhere.
    fn in_usage(usage: &str) -> StreamOptions {
        let letters = usage
            .split_once("send [-")
            .and_then(|(_, rest)| rest.split_once(']'))
            .map_or("", |(letters, _)| letters);
        let known = BEST.iter().filter(|(letter, _)| letters.contains(*letter));
        StreamOptions(known.map(|(_, option)| *option).collect())
    }

    pub fn best() -> StreamOptions {
        StreamOptions(BEST.map(|(_, option)| option).to_vec())
    }
}

impl Send {
    /// `zfs send`. No properties: those of the sender (mountpoint!) must not come to life on the receiver.
    pub fn command(&self, options: &StreamOptions) -> Result<Command, InvalidName> {
        self.with(zfs("send"), options)
    }

    fn with(&self, command: Command, options: &StreamOptions) -> Result<Command, InvalidName> {
        Ok(match self {
            Send::Full { snapshot } => {
                check_snapshot(snapshot)?;
                command.args(&options.0).arg(snapshot)
            }
            Send::Increment { from, to } => {
                let from = match from {
                    Base::Snapshot(name) => check_snapshot(name).map(|()| name),
                    Base::Bookmark(name) => check_bookmark(name).map(|()| name),
                }?;
                check_snapshot(to)?;
                command.args(&options.0).arg("-i").arg(from).arg(to)
            }
            Send::Resume { token } => {
                check_token(token)?;
                command.arg("-t").arg(token)
            }
        })
    }
}

/// `zfs receive -s -u`: a cut leaves a token to go on from, and nothing is mounted. With `rollback`, changes made since the
/// newest snapshot are given up (`-F`): for increments into a copy of our own only, as a full stream with `-F` replaces
/// the dataset that is there.
pub fn receive(dataset: &str, rollback: bool) -> Result<Command, InvalidName> {
    check_dataset(dataset)?;
    Ok(zfs("receive")
        .args(["-s", "-u"])
        .args(rollback.then_some("-F"))
        .arg(dataset))
}

/// Gives up what a cut receive left behind.
pub fn receive_abort(host: &Host, dataset: &str) -> Result<(), Error> {
    super::checked(host, [(dataset, check_dataset)])?;
    host.run_ok(&zfs("receive").args(["-A", dataset]))?;
    Ok(())
}

/// The snapshot that a resume token is of, as ZFS itself reads it.
pub fn token_snapshot(host: &Host, resume: &Send) -> Result<String, Error> {
    let command = resume.with(zfs("send").arg("-nvP"), &StreamOptions::best());
    let command = command.map_err(|why| Error::refused(host, why))?;
    let output = host.run(&command)?;
    if !output.success() {
        return Err(crate::CommandError::of_output(host, &command, &output).into());
    }
    // It is on standard output with -P; older platforms wrote it to standard error.
    parse_token_snapshot(&output.text())
        .or_else(|_| parse_token_snapshot(&output.complaint()))
        .map_err(|error| Error::parse(host, "what zfs send -nvP -t printed", error))
}

/// `toname = zones/U/data@NAME`
pub fn parse_token_snapshot(text: &str) -> Result<String, ParseError> {
    let name = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("toname = "));
    name.map(str::to_owned)
        .ok_or_else(|| ParseError::new("no line 'toname'"))
}

/// `1-c740b4779-e0-789c6360...`
fn check_token(token: &str) -> Result<(), InvalidName> {
    let plain = |c: char| c.is_ascii_hexdigit() || c == '-';
    if token.is_empty() || token.starts_with('-') || !token.chars().all(plain) {
        return Err(InvalidName {
            name: token.to_owned(),
            what: "receive that can go on",
            why: "a token holds hexadecimal digits and - only",
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_stream_an_increment_and_the_rest_of_one_are_commands() {
        let full = Send::Full {
            snapshot: "zones/a b@x".to_owned(),
        };
        assert_eq!(
            full.command(&StreamOptions::best()).unwrap().to_string(),
            "zfs send -L -e -c 'zones/a b@x'"
        );
        let increment = Send::Increment {
            from: Base::Snapshot("z/d@x".to_owned()),
            to: "z/d@y".to_owned(),
        };
        assert_eq!(
            increment
                .command(&StreamOptions::best())
                .unwrap()
                .to_string(),
            "zfs send -L -e -c -i z/d@x z/d@y"
        );
        let rest = Send::Resume {
            token: "1-c740-e0-789c".to_owned(),
        };
        assert_eq!(
            rest.command(&StreamOptions::best()).unwrap().to_string(),
            "zfs send -t 1-c740-e0-789c"
        );
        assert_eq!(
            receive("z/d", true).unwrap().to_string(),
            "zfs receive -s -u -F z/d"
        );
    }

    #[test]
    fn what_could_be_taken_for_an_option_is_refused() {
        assert!(
            Send::Full {
                snapshot: "-R".to_owned()
            }
            .command(&StreamOptions::best())
            .is_err()
        );
        assert!(
            Send::Full {
                snapshot: "z/d".to_owned()
            }
            .command(&StreamOptions::best())
            .is_err()
        );
        assert!(
            Send::Resume {
                token: "-R".to_owned()
            }
            .command(&StreamOptions::best())
            .is_err()
        );
        let base = Base::Bookmark("z/d@x".to_owned());
        assert!(
            Send::Increment {
                from: base,
                to: "z/d@y".to_owned()
            }
            .command(&StreamOptions::best())
            .is_err()
        );
        assert!(receive("-F", false).is_err());
    }

    #[test]
    fn options_are_those_that_the_usage_message_has() {
        let usage = "missing snapshot argument\nusage:\n\tsend [-DLPbcehnpsvw] [-[i|I] snapshot] <snapshot>\n";
        assert_eq!(StreamOptions::in_usage(usage), StreamOptions::best());
        let old = "usage:\n\tsend [-DnPpRvLe] [-[iI] snapshot] <snapshot>\n\tsend [-c]";
        assert_eq!(
            StreamOptions::in_usage(old),
            StreamOptions(vec!["-L", "-e"])
        );
        assert_eq!(StreamOptions::in_usage("?"), StreamOptions(Vec::new()));
    }
}
