// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A command as it will be run: argv, what it reads, its own environment, how long it may take. Never a shell string.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

/// One command. Built by chaining:
///
/// ```
/// use std::time::Duration;
/// use platform::Command;
///
/// let command = Command::new("zfs").args(["list", "-H"]).timeout(Duration::from_secs(30));
/// assert_eq!(command.to_string(), "zfs list -H");
/// ```
#[derive(Clone)]
pub struct Command {
    program: OsString,
    args: Vec<Arg>,
    stdin: Option<Vec<u8>>,
    env: Vec<(String, OsString)>,
    timeout: Option<Duration>,
    hidden: Vec<String>,
    alone: bool,
}

#[derive(Clone)]
struct Arg {
    text: OsString,
    secret: bool,
}

impl Command {
    /// `program` is looked up in PATH unless it has a slash.
    pub fn new(program: impl Into<OsString>) -> Command {
        Command {
            program: program.into(),
            args: Vec::new(),
            stdin: None,
            env: Vec::new(),
            timeout: None,
            hidden: Vec::new(),
            alone: false,
        }
    }

    pub fn arg(mut self, text: impl Into<OsString>) -> Command {
        self.args.push(Arg {
            text: text.into(),
            secret: false,
        });
        self
    }

    pub fn args<I>(mut self, texts: I) -> Command
    where
        I: IntoIterator,
        I::Item: Into<OsString>,
    {
        for text in texts {
            self = self.arg(text);
        }
        self
    }

    /// An argument that errors and logs show as `***`. Other users of the machine can see it in `ps` all the same:
    /// where a command can read a secret from its standard input, use [`Command::stdin`].
    pub fn secret_arg(mut self, text: impl Into<OsString>) -> Command {
        self.args.push(Arg {
            text: text.into(),
            secret: true,
        });
        self
    }

    /// Makes every argument given so far a secret one.
    pub fn secret_args(mut self) -> Command {
        for arg in &mut self.args {
            arg.secret = true;
        }
        self
    }

    /// A text to keep out of errors should the command repeat it: a secret that is quoted inside an argument.
    pub(crate) fn hide(mut self, text: &str) -> Command {
        self.hidden.push(text.to_owned());
        self
    }

    /// What the command reads on its standard input; without it that is empty. Never shown.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Command {
        self.stdin = Some(bytes.into());
        self
    }

    /// A variable on top of the few that every command is given (see [`Host`](crate::Host)). Never shown.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<OsString>) -> Command {
        self.env.push((name.into(), value.into()));
        self
    }

    /// How long the command may take before its process group is ended. Without one, as long as it takes.
    pub fn timeout(mut self, limit: Duration) -> Command {
        self.timeout = Some(limit);
        self
    }

    /// By ssh, over a connection of its own, which ends with it; otherwise commands share one.
    pub fn alone(mut self) -> Command {
        self.alone = true;
        self
    }

    pub(crate) fn is_alone(&self) -> bool {
        self.alone
    }

    /// The program and its arguments.
    pub(crate) fn words(&self) -> impl Iterator<Item = &OsStr> {
        let args = self.args.iter().map(|arg| arg.text.as_os_str());
        std::iter::once(self.program.as_os_str()).chain(args)
    }

    pub(crate) fn input(&self) -> Option<&[u8]> {
        self.stdin.as_deref()
    }

    pub(crate) fn variables(&self) -> &[(String, OsString)] {
        &self.env
    }

    pub(crate) fn limit(&self) -> Option<Duration> {
        self.timeout
    }

    /// `text` without the secret arguments: a command may repeat them in what it says about its failure.
    pub(crate) fn redact(&self, text: String) -> String {
        let args = self.args.iter().filter(|arg| arg.secret);
        let texts = args.filter_map(|arg| arg.text.to_str());
        // A secret of a letter or two would turn every message into asterisks.
        let secrets = texts
            .chain(self.hidden.iter().map(String::as_str))
            .filter(|text| text.len() >= 4);
        secrets.fold(text, |text, secret| text.replace(secret, "***"))
    }
}

/// The command line as a person would type it, secrets left out.
impl std::fmt::Display for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", shown(&self.program))?;
        for arg in &self.args {
            if arg.secret {
                write!(f, " ***")?;
            } else {
                write!(f, " {}", shown(&arg.text))?;
            }
        }
        Ok(())
    }
}

/// Like [`Display`](std::fmt::Display): a derived one would show the secrets.
impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{self}`")
    }
}

fn shown(word: &OsStr) -> String {
    super::quote::quoted(word).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_shown_as_it_would_be_typed_and_without_its_secrets() {
        let command = Command::new("putobject")
            .arg("-d")
            .secret_arg("{\"password\":\"hunter22\"}")
            .arg("sapi_instances")
            .arg("it's here");
        assert_eq!(
            command.to_string(),
            "putobject -d *** sapi_instances 'it'\\''s here'"
        );
        assert!(!format!("{command:?}").contains("hunter22"));
    }

    #[test]
    fn all_arguments_can_be_made_secret_at_once() {
        let command = Command::new("login")
            .args(["a", "b"])
            .secret_args()
            .arg("c");
        assert_eq!(command.to_string(), "login *** *** c");
    }

    #[test]
    fn a_secret_is_taken_out_of_what_a_command_says() {
        let command = Command::new("x").secret_arg("hunter22").secret_arg("a");
        assert_eq!(
            command.redact("bad password hunter22 was a try".to_owned()),
            "bad password *** was a try"
        );
    }
}
