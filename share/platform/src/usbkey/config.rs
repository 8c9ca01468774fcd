// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `/usbkey/config`: a headnode's configuration, a file of assignments that bash sources. It is read without bash, so only
//! what is an assignment of plain text is understood, and anything else is refused rather than run or guessed.

use std::collections::BTreeMap;
use std::fmt;
use std::iter::Peekable;
use std::ops::Range;
use std::str::Chars;

use crate::{Error, Host, ParseError};

/// Keys and values. It holds passwords: its printable form is the keys.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Config(BTreeMap<String, String>);

impl Config {
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// A list that is written with commas; empty when the key is not there.
    pub fn list(&self, key: &str) -> Vec<&str> {
        let values = self.get(key).unwrap_or_default().split(',').map(str::trim);
        values.filter(|value| !value.is_empty()).collect()
    }

    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl FromIterator<(String, String)> for Config {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(entries: T) -> Config {
        Config(entries.into_iter().collect())
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Config({})", self.keys().collect::<Vec<_>>().join(" "))
    }
}

/// The host's `/usbkey/config`; an error where there is none, as on a compute node.
pub fn config(host: &Host) -> Result<Config, Error> {
    let bytes = host.read("/usbkey/config")?;
    parse_config(&String::from_utf8_lossy(&bytes))
        .map_err(|error| Error::parse(host, "/usbkey/config", error))
}

/// `/usbkey/config` (shortened). A later assignment wins over an earlier one of the same key.
///
/// ```text
/// #
/// # This file was auto-generated and must be source-able by bash.
/// #
///
/// coal=true
/// binder_admin_ips=10.99.99.11
/// # multiple datacenters exist within one region
/// region_name="coal-region"
/// root_shadow='$5$AbCdEfGh$notARealHashValueJustForTestFixtures0123456789'
/// ufds_admin_pw=exa\ mple
/// ```
pub fn parse_config(text: &str) -> Result<Config, ParseError> {
    let entries = assignments(text)?.into_iter();
    Ok(entries.map(|one| (one.key, one.value)).collect())
}

/// One assignment, and where it and its value stand in the text.
pub(super) struct Assignment {
    pub key: String,
    pub value: String,
    pub span: Range<usize>,
    /// Its lines, with the comment behind it and the end of the last.
    pub lines: Range<usize>,
}

/// All of them, in their order.
pub(super) fn assignments(text: &str) -> Result<Vec<Assignment>, ParseError> {
    let mut reader = Reader {
        length: text.len(),
        chars: text.chars().peekable(),
        line: 1,
    };
    let mut all = Vec::new();
    while let Some(assignment) = reader.assignment()? {
        all.push(assignment);
    }
    Ok(all)
}

struct Reader<'a> {
    length: usize,
    chars: Peekable<Chars<'a>>,
    line: usize,
}

impl Reader<'_> {
    /// The next assignment, or `None` at the end. An error names the key and never the value.
    fn assignment(&mut self) -> Result<Option<Assignment>, ParseError> {
        loop {
            match self.chars.peek() {
                None => return Ok(None),
                Some('#') => self.comment(),
                Some(c) if c.is_whitespace() => {
                    self.next();
                }
                Some(_) => break,
            }
        }
        let line = self.position();
        let mut key = self.word();
        if key == "export" && self.chars.peek() == Some(&' ') {
            self.next();
            key = self.word();
        }
        let named = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !named || self.next() != Some('=') {
            return Err(self.error("not an assignment of the form key=value"));
        }
        let start = self.position();
        let value = self.value(&key)?;
        let span = start..self.position();
        self.rest_is_blank(&key)?;
        self.chars.next_if_eq(&'\n').inspect(|_| self.line += 1);
        let lines = line..self.position();
        Ok(Some(Assignment {
            key,
            value,
            span,
            lines,
        }))
    }

    /// Bytes that were read.
    fn position(&self) -> usize {
        self.length - self.chars.clone().map(char::len_utf8).sum::<usize>()
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(c) = self
            .chars
            .next_if(|c| c.is_ascii_alphanumeric() || *c == '_')
        {
            word.push(c);
        }
        word
    }

    fn value(&mut self, key: &str) -> Result<String, ParseError> {
        let mut value = String::new();
        while let Some(&c) = self.chars.peek() {
            match c {
                '\n' | ' ' | '\t' | '\r' => break,
                '\'' => {
                    self.next();
                    self.until('\'', key, &mut value, |_, c| Ok(Some(c)))?;
                }
                '"' => {
                    self.next();
                    self.until('"', key, &mut value, Reader::in_double_quotes)?;
                }
                '\\' => {
                    self.next();
                    // A backslash at the end of a line joins it with the next.
                    value.extend(self.next().filter(|c| *c != '\n'));
                }
                '$' => {
                    self.next();
                    if self.chars.next_if_eq(&'\'').is_none() {
                        return Err(
                            self.error(format!("the value of {key} needs a shell to be read"))
                        );
                    }
                    self.until('\'', key, &mut value, Reader::in_dollar_quotes)?;
                }
                '`' | ';' | '&' | '|' | '<' | '>' | '(' | ')' => {
                    return Err(self.error(format!("the value of {key} needs a shell to be read")));
                }
                _ => value.extend(self.next()),
            }
        }
        Ok(value)
    }

    /// Reads to the closing quote; `each` gives what a character inside stands for.
    fn until(
        &mut self,
        close: char,
        key: &str,
        value: &mut String,
        each: fn(&mut Self, char) -> Result<Option<char>, ParseError>,
    ) -> Result<(), ParseError> {
        let opened = self.line;
        while let Some(c) = self.next() {
            if c == close {
                return Ok(());
            }
            value.extend(each(self, c)?);
        }
        Err(ParseError::at(
            opened,
            format!("a quote in the value of {key} is never closed"),
        ))
    }

    fn in_double_quotes(&mut self, c: char) -> Result<Option<char>, ParseError> {
        match c {
            '$' | '`' => Err(self.error("a value in double quotes needs a shell to be read")),
            '\\' => match self.chars.next_if(|c| "$`\"\\\n".contains(*c)) {
                Some('\n') => {
                    self.line += 1;
                    Ok(None)
                }
                Some(escaped) => Ok(Some(escaped)),
                None => Ok(Some('\\')),
            },
            plain => Ok(Some(plain)),
        }
    }

    /// Inside `$'...'`, as bash's `printf %q` writes what has control characters.
    fn in_dollar_quotes(&mut self, c: char) -> Result<Option<char>, ParseError> {
        if c != '\\' {
            return Ok(Some(c));
        }
        Ok(Some(match self.next() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('a') => '\x07',
            Some('b') => '\x08',
            Some('e' | 'E') => '\x1b',
            Some('f') => '\x0c',
            Some('v') => '\x0b',
            Some(c @ ('\\' | '\'' | '"' | '?')) => c,
            Some(digit @ '0'..='7') => {
                let mut octal = String::from(digit);
                while octal.len() < 3
                    && let Some(c) = self.chars.next_if(|c| ('0'..='7').contains(c))
                {
                    octal.push(c);
                }
                let byte = u8::from_str_radix(&octal, 8);
                let byte = byte.map_err(|_| self.error("an escape that is no byte"))?;
                return self.spelled_in_bytes(byte).map(Some);
            }
            _ => return Err(self.error("an escape that is not known")),
        }))
    }

    /// A character of which bash, where it runs in no locale, writes each byte as `\\ooo`; the first was read.
    fn spelled_in_bytes(&mut self, first: u8) -> Result<char, ParseError> {
        let mut bytes = vec![first];
        while bytes.len() < 4 && std::str::from_utf8(&bytes).is_err() {
            let octal: String = match self.chars.next_if_eq(&'\\') {
                Some(_) => (0..3).map_while(|_| self.chars.next_if(|c| ('0'..='7').contains(c))),
                None => break,
            }
            .collect();
            match u8::from_str_radix(&octal, 8) {
                Ok(byte) => bytes.push(byte),
                Err(_) => break,
            }
        }
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        let mut chars = text.chars().filter(|c| *c != '\0');
        chars
            .next()
            .ok_or_else(|| self.error("escaped bytes that are no UTF-8"))
    }

    /// Behind a value only blanks and a comment may stand: another word would be a command.
    fn rest_is_blank(&mut self, key: &str) -> Result<(), ParseError> {
        while self
            .chars
            .next_if(|c| [' ', '\t', '\r'].contains(c))
            .is_some()
        {}
        match self.chars.peek() {
            None | Some('\n') => Ok(()),
            Some('#') => {
                self.comment();
                Ok(())
            }
            Some(_) => Err(self.error(format!("something stands behind the value of {key}"))),
        }
    }

    fn comment(&mut self) {
        while self.chars.next_if(|c| *c != '\n').is_some() {}
    }

    fn next(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        if c == '\n' {
            self.line += 1;
        }
        Some(c)
    }

    fn error(&self, why: impl Into<String>) -> ParseError {
        ParseError::at(self.line, why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_headnode_s_config_is_read_as_bash_would() {
        let text = include_str!("../../../../tests/fixtures/platform/usbkey-config.txt");
        let config = parse_config(text).unwrap();
        assert_eq!(config.get("datacenter_name"), Some("coal"));
        assert_eq!(config.get("admin_ip"), Some("10.99.99.7"));
        assert_eq!(config.get("hostname"), Some("headnode0"));
        assert_eq!(config.get("ufds_ldap_root_dn"), Some("cn=root"));
        assert!(
            config
                .get("root_shadow")
                .unwrap()
                .starts_with("$5$AbCdEfGh$")
        );
        assert_eq!(config.list("dns_resolvers"), ["8.8.8.8", "8.8.4.4"]);
        assert_eq!(config.get("external_vlan_id"), None);
        let assignments = text
            .lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
        assert_eq!(config.keys().count(), assignments.count());
    }

    #[test]
    fn every_way_of_quoting_is_undone() {
        let value = |text: &str| {
            parse_config(text)
                .unwrap()
                .get("k")
                .map(str::to_owned)
                .unwrap()
        };
        assert_eq!(value("k=\n"), "");
        assert_eq!(value("k=a\\ b\\'c\n"), "a b'c");
        assert_eq!(value("k='a $b \\'\n"), "a $b \\");
        assert_eq!(value("k=\"a \\$b \\\"c\\\" \\d\""), "a $b \"c\" \\d");
        assert_eq!(value("k=a'b 'c\"d \"e  # a comment\n"), "ab cd e");
        assert_eq!(value("k=$'a\\tb\\'\\101'\n"), "a\tb'A");
        assert_eq!(value("k=$'gr\\303\\274n \\342\\202\\254'\n"), "grün €");
        assert_eq!(value("export k=a#b\n"), "a#b");
        assert_eq!(value("k='two\nlines'\n"), "two\nlines");
        assert_eq!(value("k=1\nk=2\n"), "2");
    }

    #[test]
    fn what_needs_a_shell_is_refused_and_its_value_is_not_shown() {
        for text in [
            "k=$HOME",
            "k=`x`",
            "k=\"$HOME\"",
            "k=$(x)",
            "k=a;b",
            "k=a b",
            "if x",
            "k = a",
            "k='open",
            "k=$'\\303\\050'",
            "k=$'\\303'",
            "k=$'\\000'",
            "1k=a",
        ] {
            let error = parse_config(&format!("a=1\n{text}")).unwrap_err();
            assert_eq!(error.line, Some(2), "{text}");
            assert!(!error.to_string().contains("HOME"), "{text}");
        }
    }

    #[test]
    fn a_config_that_is_printed_shows_its_keys_alone() {
        assert_eq!(
            format!("{:?}", parse_config("b=CANARY\na=1\n").unwrap()),
            "Config(a b)"
        );
    }
}
