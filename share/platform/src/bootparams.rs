// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! bootparams(8): what a server's loader told its kernel.

use std::collections::BTreeMap;

use crate::{Command, Error, Host, ParseError};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bootparams(BTreeMap<String, String>);

impl Bootparams {
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    pub fn is_headnode(&self) -> bool {
        self.get("headnode") == Some("true")
    }

    /// The pool that the server boots from instead of a USB key.
    pub fn boot_pool(&self) -> Option<&str> {
        self.get("triton_bootpool").filter(|pool| !pool.is_empty())
    }
}

pub fn get(host: &Host) -> Result<Bootparams, Error> {
    let text = host.run_ok(&Command::new("bootparams"))?;
    parse(&text).map_err(|error| Error::parse(host, "what bootparams printed", error))
}

/// `bootparams` on a headnode:
///
/// ```text
/// headnode=true
/// console=text
/// os_console=text
/// smt_enabled=true
/// platform-version=20260313T002414Z
/// ```
pub fn parse(text: &str) -> Result<Bootparams, ParseError> {
    let pair = |(at, line): (usize, &str)| {
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        match key.trim() {
            "" => Err(ParseError::at(at + 1, "a value without a name")),
            key => Ok((key.to_owned(), value.to_owned())),
        }
    };
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    Ok(Bootparams(lines.map(pair).collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_headnode_is_booted_as_one() {
        let text = include_str!("../../../tests/fixtures/platform/bootparams-headnode.txt");
        let params = parse(text).unwrap();
        assert!(params.is_headnode());
        assert_eq!(params.get("platform-version"), Some("20260313T002414Z"));
        assert_eq!(params.boot_pool(), None);
        assert_eq!(
            parse("triton_bootpool=zones\n").unwrap().boot_pool(),
            Some("zones")
        );
    }

    #[test]
    fn a_value_may_hold_an_equals_sign_and_a_flag_has_none() {
        let params = parse("rabbitmq=guest:a=b\nnoimport\n").unwrap();
        assert_eq!(params.get("rabbitmq"), Some("guest:a=b"));
        assert_eq!(params.get("noimport"), Some(""));
    }

    #[test]
    fn a_value_without_a_name_is_refused() {
        assert_eq!(parse("a=1\n=2\n").unwrap_err().line, Some(2));
    }
}
