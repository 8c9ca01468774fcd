// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! ssh's command line, as far as scripts and the product use it.

use std::time::Duration;

/// Options of ssh(1) that take an argument.
const WITH_ARGUMENT: &str = "BbcDEeFIiJLlmOopQRSWw";

const USAGE: &str = "usage: ssh [-AnqTNf] [-i identity_file] [-l login_name] [-o option] [-p port] [-O ctl_cmd] destination [command]";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    Check,
    Exit,
}

#[derive(Debug)]
pub struct Arguments {
    pub user: String,
    pub host: String,
    pub port: u16,
    pub command: Vec<String>,
    pub identities: Vec<String>,
    pub identities_only: bool,
    pub no_agent: bool,
    pub forward_agent: bool,
    pub connect_timeout: Option<Duration>,
    /// ServerAliveInterval and ServerAliveCountMax: how long a server may be silent.
    pub alive_interval: Option<Duration>,
    pub alive_count: u32,
    pub control: Option<Control>,
    /// `-n`: standard input is /dev/null.
    pub no_stdin: bool,
    /// `-f`: goes into the background once it is let in.
    pub background: bool,
}

impl Arguments {
    /// True unless the options keep ssh from asking the agent.
    pub fn uses_agent(&self) -> bool {
        !self.identities_only && !self.no_agent
    }
}

pub fn parse(args: &[String]) -> Result<Arguments, String> {
    let mut parsed = Arguments {
        user: "root".to_owned(),
        host: String::new(),
        port: 22,
        command: Vec::new(),
        identities: Vec::new(),
        identities_only: false,
        no_agent: false,
        forward_agent: false,
        connect_timeout: None,
        alive_interval: None,
        alive_count: 3,
        control: None,
        no_stdin: false,
        background: false,
    };
    let mut words = args.iter();
    let mut ended = false;
    while let Some(word) = words.next() {
        if word == "--" && !ended {
            ended = true;
            continue;
        }
        if !ended && word.len() > 1 && word.starts_with('-') {
            parsed.options(&word[1..], &mut words)?;
            continue;
        }
        if parsed.host.is_empty() {
            parsed.destination(word)?;
            // ssh takes options behind the destination too, until the command begins.
            ended = false;
            continue;
        }
        parsed.command.push(word.clone());
        parsed.command.extend(words.by_ref().cloned());
    }
    if parsed.host.is_empty() {
        return Err(USAGE.to_owned());
    }
    Ok(parsed)
}

impl Arguments {
    /// One word of options: `-qT`, `-p22`, `-p 22`.
    fn options<'a>(
        &mut self,
        letters: &str,
        words: &mut impl Iterator<Item = &'a String>,
    ) -> Result<(), String> {
        for (at, letter) in letters.char_indices() {
            if WITH_ARGUMENT.contains(letter) {
                let attached = &letters[at + letter.len_utf8()..];
                let next = if attached.is_empty() {
                    words.next().map(String::as_str)
                } else {
                    Some(attached)
                };
                let missing = || format!("ssh: option requires an argument -- {letter}\n{USAGE}");
                return self.with_argument(letter, next.ok_or_else(missing)?);
            }
            match letter {
                'A' => self.forward_agent = true,
                'a' => self.forward_agent = false,
                'n' => self.no_stdin = true,
                'f' => (self.background, self.no_stdin) = (true, true),
                'q' | 'T' | 't' | 'N' | 'M' | 'v' | 'x' | 'X' | 'C' | '4' | '6' => (),
                other => return Err(format!("unknown option -- {other}\n{USAGE}")),
            }
        }
        Ok(())
    }

    fn with_argument(&mut self, letter: char, value: &str) -> Result<(), String> {
        match letter {
            'i' => self.identities.push(value.to_owned()),
            'l' => self.user = value.to_owned(),
            'p' => self.port = value.parse().map_err(|_| format!("Bad port '{value}'"))?,
            'o' => self.option(value)?,
            'O' => {
                self.control = match value {
                    "check" => Some(Control::Check),
                    "exit" | "stop" => Some(Control::Exit),
                    _ => return Err("Invalid multiplex command.".to_owned()),
                }
            }
            _ => (),
        }
        Ok(())
    }

    /// `-o Key=value` or `-o 'Key value'`.
    fn option(&mut self, text: &str) -> Result<(), String> {
        let (key, value) = text
            .split_once('=')
            .or_else(|| text.split_once(' '))
            .ok_or_else(|| format!("command-line: line 0: Missing argument: {text}"))?;
        let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
        match key.as_str() {
            "connecttimeout" => self.connect_timeout = super::seconds(value),
            "serveraliveinterval" => self.alive_interval = super::seconds(value),
            "serveralivecountmax" => self.alive_count = value.parse().unwrap_or(3),
            "identityfile" => self.identities.push(value.to_owned()),
            "identitiesonly" => self.identities_only = value.eq_ignore_ascii_case("yes"),
            "identityagent" => self.no_agent = value.eq_ignore_ascii_case("none"),
            "forwardagent" => self.forward_agent = value.eq_ignore_ascii_case("yes"),
            "user" => self.user = value.to_owned(),
            "port" => return self.with_argument('p', value),
            // Host keys and control connections: nothing of them changes what the lab does.
            _ => (),
        }
        Ok(())
    }

    /// `host`, `user@host` or `ssh://user@host`.
    fn destination(&mut self, word: &str) -> Result<(), String> {
        let word = word.strip_prefix("ssh://").unwrap_or(word);
        let host = match word.rsplit_once('@') {
            Some((user, host)) => {
                self.user = user.to_owned();
                host
            }
            None => word,
        };
        if host.is_empty() {
            return Err(USAGE.to_owned());
        }
        self.host = host.to_owned();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Arguments {
        parse(&line.split(' ').map(str::to_owned).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn options_stand_before_and_behind_the_destination_and_words_behind_the_command_are_its_own() {
        let line = parsed("-qT -oConnectTimeout=3 -i /var/key root@10.99.99.7 -n zfs list -H");
        assert_eq!(
            (line.user.as_str(), line.host.as_str()),
            ("root", "10.99.99.7")
        );
        assert_eq!(line.command, ["zfs", "list", "-H"]);
        assert_eq!(line.connect_timeout, Some(Duration::from_secs(3)));
        assert_eq!(line.identities, ["/var/key"]);
        assert!(line.no_stdin);
    }

    #[test]
    fn two_dashes_end_the_options() {
        let line = parsed("-o BatchMode=yes -- headnode1 zpool status");
        assert_eq!(line.host, "headnode1");
        assert_eq!(line.command, ["zpool", "status"]);
    }

    #[test]
    fn a_missing_destination_is_a_usage_error() {
        assert!(
            parse(&["-q".to_owned()])
                .unwrap_err()
                .starts_with("usage: ssh")
        );
        assert!(
            parse(&["-p".to_owned()])
                .unwrap_err()
                .contains("requires an argument -- p")
        );
    }
}
