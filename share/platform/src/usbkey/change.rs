// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Changing a headnode's configuration: the medium's first, as that is what `/usbkey` is made of at every boot, then the copy's.
//! Lines that are not changed stay as they are, comments and quotes too.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use super::config::{assignments, parse_config};
use super::medium::with_medium;
use crate::host::quoted;
use crate::{Error, Host, ParseError};

const COPY: &str = "/usbkey/config";

/// Gives these keys these values, on the medium and in `/usbkey`. A key that is not there stays away.
pub fn set_config(host: &Host, values: &BTreeMap<String, String>) -> Result<(), Error> {
    with_medium(host, |mountpoint| {
        change(host, &format!("{mountpoint}/config"), values)
    })?;
    change(host, COPY, values)
}

fn change(host: &Host, path: &str, values: &BTreeMap<String, String>) -> Result<(), Error> {
    let bytes = host.read(path)?;
    let text = String::from_utf8_lossy(&bytes);
    let changed = with_values(&text, values).map_err(|error| Error::parse(host, path, error))?;
    if changed != text {
        host.rewrite(path, changed.as_bytes())?;
    }
    Ok(())
}

/// The text with other values. What bash would read from it is what [`parse_config`] reads.
pub fn with_values(text: &str, values: &BTreeMap<String, String>) -> Result<String, ParseError> {
    let mut changed = String::with_capacity(text.len());
    let mut at = 0;
    for assignment in assignments(text)? {
        let Some(value) = values.get(&assignment.key) else {
            continue;
        };
        if *value == assignment.value {
            continue;
        }
        changed.push_str(&text[at..assignment.span.start]);
        changed.push_str(&quoted(OsStr::new(value)).to_string_lossy());
        at = assignment.span.end;
    }
    changed.push_str(&text[at..]);
    // What was written must be read as what was meant.
    let read = parse_config(&changed)?;
    let wrong = values
        .iter()
        .find(|(key, value)| read.get(key).is_some_and(|read| read != value.as_str()));
    match wrong {
        None => Ok(changed),
        Some((key, _)) => Err(ParseError::new(format!(
            "the value for {key} can't be written so that bash reads it"
        ))),
    }
}

/// The text without the assignments of some keys; comments of their own lines stay.
pub fn without_keys(text: &str, drop: impl Fn(&str) -> bool) -> Result<String, ParseError> {
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    for assignment in assignments(text)? {
        if drop(&assignment.key) {
            kept.push_str(&text[at..assignment.lines.start]);
            at = assignment.lines.end;
        }
    }
    kept.push_str(&text[at..]);
    Ok(kept)
}

/// `key=value` and the end of the line, quoted so that bash reads just that.
pub fn assignment(key: &str, value: &str) -> Result<String, ParseError> {
    let line = format!("{key}={}\n", quoted(OsStr::new(value)).to_string_lossy());
    // Bash has no NUL in a value.
    let read = parse_config(&line)?;
    match read.get(key) == Some(value) && !value.contains('\0') {
        true => Ok(line),
        false => Err(ParseError::new(format!(
            "the value for {key} can't be written so that bash reads it"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let pairs = pairs.iter();
        pairs
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_value_changes_and_everything_else_stays_as_it_is() {
        let text = "# by hand\ncoal=true\nbinder_admin_ips=10.99.99.11 # one\nroot_shadow='$5$x'\nbinder_admin_ips='10.99.99.11'\n";
        let changed = with_values(
            text,
            &values(&[("binder_admin_ips", "10.99.99.12,10.99.99.13")]),
        );
        assert_eq!(
            changed.unwrap(),
            "# by hand\ncoal=true\nbinder_admin_ips=10.99.99.12,10.99.99.13 # one\nroot_shadow='$5$x'\n\
             binder_admin_ips=10.99.99.12,10.99.99.13\n"
        );
    }

    #[test]
    fn a_key_goes_with_all_its_lines_and_with_nothing_of_another() {
        let text = "a=1\n  external_ip=1 # x\n# external_vlan_id=9\nexternal_x='two\nlines'\nb=2\nexternal_y=";
        let kept = without_keys(text, |key| key.starts_with("external_"));
        assert_eq!(kept.unwrap(), "a=1\n  # external_vlan_id=9\nb=2\n");
    }

    #[test]
    fn a_value_that_bash_can_t_hold_is_refused() {
        assert_eq!(assignment("k", "a b").unwrap(), "k='a b'\n");
        assert!(assignment("k", "a\0b").is_err());
        assert!(assignment("k l", "a").is_err());
    }

    #[test]
    fn a_key_that_is_not_there_stays_away() {
        assert_eq!(
            with_values("coal=true\n", &values(&[("sapi_admin_ips", "10.99.99.32")])).unwrap(),
            "coal=true\n"
        );
    }

    #[test]
    fn a_value_with_anything_in_it_is_read_back_as_it_was() {
        for value in [
            "",
            "a b",
            "it's",
            "$HOME `id`",
            "two\nlines",
            "é",
            "\\",
            "\"",
        ] {
            let changed = with_values("before=1\nkey=old\nafter=2\n", &values(&[("key", value)]));
            let read = parse_config(&changed.unwrap()).unwrap();
            assert_eq!(read.get("key"), Some(value));
            assert_eq!(
                (read.get("before"), read.get("after")),
                (Some("1"), Some("2"))
            );
        }
    }
}
