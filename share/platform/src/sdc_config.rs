// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `/lib/sdc/config.sh`: the configuration a server runs with, whatever file it comes from. On a headnode that is
//! `config.inc/generic` with `/usbkey/config` over it, on a compute node its `node.config`.

use serde_json::{Map, Value};

use crate::error::json;
use crate::usbkey::Config;
use crate::{Command, Error, Host, ParseError};

/// A quote in a value breaks what the script prints (only one password is escaped): then this is an error, and
/// [`usbkey::config`](crate::usbkey::config) still works on a headnode.
pub fn config(host: &Host) -> Result<Config, Error> {
    let command = Command::new("/usr/bin/bash").args(["/lib/sdc/config.sh", "-json"]);
    let text = host.run_ok(&command)?;
    parse(&text).map_err(|error| Error::parse(host, "what config.sh -json printed", error))
}

/// `/usr/bin/bash /lib/sdc/config.sh -json` (shortened); all values are strings:
///
/// ```text
/// {
///   "datacenter_name": "coal",
///   "admin_ip": "10.99.99.7",
///   "binder_admin_ips": "10.99.99.11",
///   ...
/// }
/// ```
pub fn parse(text: &str) -> Result<Config, ParseError> {
    let values: Map<String, Value> = json(text)?;
    let plain = |value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    Ok(values
        .into_iter()
        .map(|(key, value)| (key, plain(value)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_texts() {
        let config = parse("{\"datacenter_name\":\"coal\",\"binder_admin_ips\":\"10.99.99.11,10.99.99.12\",\"n\":4}").unwrap();
        assert_eq!(config.get("datacenter_name"), Some("coal"));
        assert_eq!(config.list("binder_admin_ips").len(), 2);
        assert_eq!(config.get("n"), Some("4"));
    }

    #[test]
    fn a_value_with_a_quote_in_it_breaks_the_whole_and_is_refused() {
        assert!(parse("{\"datacenter_location\":\"a \"nice\" place\"}").is_err());
        assert!(parse("").is_err());
        assert!(parse("[]").is_err());
    }
}
