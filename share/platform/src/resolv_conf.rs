// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `/etc/resolv.conf`: whom a server asks for names.

use std::net::IpAddr;

use crate::{Error, Host, ParseError};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResolvConf {
    pub nameservers: Vec<IpAddr>,
    /// The domains that are tried, by `search` or `domain`, whichever stands last.
    pub search: Vec<String>,
}

/// Empty where there is no such file.
pub fn get(host: &Host) -> Result<ResolvConf, Error> {
    let Some(bytes) = host.read_if_there("/etc/resolv.conf")? else {
        return Ok(ResolvConf::default());
    };
    parse(&String::from_utf8_lossy(&bytes))
        .map_err(|error| Error::parse(host, "/etc/resolv.conf", error))
}

/// `/etc/resolv.conf` of a headnode's global zone. Lines with other keywords mean nothing to us.
///
/// ```text
/// domain joyent.us
/// search joyent.us
/// nameserver 10.99.99.11
/// nameserver 8.8.8.8
/// ```
pub fn parse(text: &str) -> Result<ResolvConf, ParseError> {
    let mut conf = ResolvConf::default();
    for (at, line) in text.lines().enumerate() {
        let line = line.split(['#', ';']).next().unwrap_or_default();
        let mut words = line.split_whitespace();
        match words.next() {
            Some("nameserver") => {
                let address = words.next().unwrap_or_default();
                let why = |_| {
                    ParseError::at(at + 1, format!("'{address}' is no address of a nameserver"))
                };
                conf.nameservers.push(address.parse().map_err(why)?);
            }
            Some("search" | "domain") => conf.search = words.map(str::to_owned).collect(),
            _ => (),
        }
    }
    Ok(conf)
}

/// The file with other nameservers, where the first one stood; all other lines stay as they are.
pub fn with_nameservers(text: &str, nameservers: &[IpAddr]) -> String {
    let is_nameserver = |line: &&str| line.split_whitespace().next() == Some("nameserver");
    let new = nameservers.iter().map(|ip| format!("nameserver {ip}"));
    let before = text.lines().take_while(|line| !is_nameserver(line));
    let after = text.lines().skip_while(|line| !is_nameserver(line));
    let kept = after.filter(|line| !is_nameserver(line));
    let lines = before.map(str::to_owned).chain(new);
    let lines: Vec<String> = lines.chain(kept.map(str::to_owned)).collect();
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_nameservers_take_the_place_of_the_old_ones_and_the_rest_stays() {
        let text =
            "domain a.example\nnameserver 10.99.99.11\noptions timeout:1\nnameserver 8.8.8.8\n";
        let new = ["10.99.99.12", "8.8.8.8"].map(|ip| ip.parse().unwrap());
        assert_eq!(
            with_nameservers(text, &new),
            "domain a.example\nnameserver 10.99.99.12\nnameserver 8.8.8.8\noptions timeout:1\n"
        );
        assert_eq!(with_nameservers("", &new[..1]), "nameserver 10.99.99.12\n");
    }

    #[test]
    fn nameservers_keep_their_order() {
        let text = "# by hand\ndomain a.example\nsearch b.example c.example\n\
                    nameserver 10.99.99.11 # binder0\nnameserver\t10.99.99.12\noptions timeout:1\n";
        let conf = parse(text).unwrap();
        let addresses: Vec<_> = conf.nameservers.iter().map(ToString::to_string).collect();
        assert_eq!(addresses, ["10.99.99.11", "10.99.99.12"]);
        assert_eq!(conf.search, ["b.example", "c.example"]);
    }

    #[test]
    fn a_nameserver_that_is_no_address_is_refused() {
        let error = parse("nameserver 10.99.99.11\nnameserver binder0\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 2: 'binder0' is no address of a nameserver"
        );
        assert!(parse("nameserver\n").is_err());
    }
}
