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

impl Send {
    /// `zfs send`, with large blocks and embedded data kept and blocks sent as compressed as they lie on the disk.
    /// No properties: those of the sender (mountpoint!) must not come to life on the receiver.
    pub fn command(&self) -> Result<Command, InvalidName> {
        self.with(zfs("send"))
    }

    fn with(&self, command: Command) -> Result<Command, InvalidName> {
        Ok(match self {
            Send::Full { snapshot } => {
                check_snapshot(snapshot)?;
                command.args(["-L", "-e", "-c"]).arg(snapshot)
            }
            Send::Increment { from, to } => {
                let from = match from {
                    Base::Snapshot(name) => check_snapshot(name).map(|()| name),
                    Base::Bookmark(name) => check_bookmark(name).map(|()| name),
                }?;
                check_snapshot(to)?;
                command.args(["-L", "-e", "-c", "-i"]).arg(from).arg(to)
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

/// How many bytes the stream will have, about. Nothing is sent.
pub fn estimate(host: &Host, send: &Send) -> Result<u64, Error> {
    let command = send.with(zfs("send").arg("-nvP"));
    let command = command.map_err(|why| Error::refused(host, why))?;
    let output = host.run(&command)?;
    if !output.success() {
        return Err(crate::CommandError::of_output(host, &command, &output).into());
    }
    // It is on standard output with -P; older platforms wrote it to standard error.
    parse_estimate(&output.text())
        .or_else(|_| parse_estimate(&output.complaint()))
        .map_err(|error| Error::parse(host, "what zfs send -nvP printed", error))
}

/// The snapshot that a resume token is of, as ZFS itself reads it.
pub fn token_snapshot(host: &Host, resume: &Send) -> Result<String, Error> {
    let command = resume.with(zfs("send").arg("-nvP"));
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

/// `zfs send -nvP -i zones/U/data@a zones/U/data@b`:
///
/// ```text
/// incremental    a    zones/U/data@b    1049200
/// size    1049200
/// ```
pub fn parse_estimate(text: &str) -> Result<u64, ParseError> {
    let size = text.lines().find_map(|line| line.strip_prefix("size\t"));
    let size = size.ok_or_else(|| ParseError::new("no line 'size'"))?;
    size.trim()
        .parse()
        .map_err(|_| ParseError::new(format!("the size is '{size}', not a number")))
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
            full.command().unwrap().to_string(),
            "zfs send -L -e -c 'zones/a b@x'"
        );
        let increment = Send::Increment {
            from: Base::Snapshot("z/d@x".to_owned()),
            to: "z/d@y".to_owned(),
        };
        assert_eq!(
            increment.command().unwrap().to_string(),
            "zfs send -L -e -c -i z/d@x z/d@y"
        );
        let rest = Send::Resume {
            token: "1-c740-e0-789c".to_owned(),
        };
        assert_eq!(
            rest.command().unwrap().to_string(),
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
            .command()
            .is_err()
        );
        assert!(
            Send::Full {
                snapshot: "z/d".to_owned()
            }
            .command()
            .is_err()
        );
        assert!(
            Send::Resume {
                token: "-R".to_owned()
            }
            .command()
            .is_err()
        );
        let base = Base::Bookmark("z/d@x".to_owned());
        assert!(
            Send::Increment {
                from: base,
                to: "z/d@y".to_owned()
            }
            .command()
            .is_err()
        );
        assert!(receive("-F", false).is_err());
    }

    #[test]
    fn an_estimate_is_read() {
        assert_eq!(
            parse_estimate("full\tz/d@x\t1049200\nsize\t1049200\n").unwrap(),
            1_049_200
        );
        assert!(parse_estimate("").is_err());
        assert!(parse_estimate("size\t1M\n").is_err());
    }
}
