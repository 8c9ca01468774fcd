// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A new headnode's `config`: the datacenter's, from any headnode of it, with what belongs to that one headnode taken out.
//!
//! Everything else stays to the byte, quotes and comments too, as bash will source it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use platform::ParseError;
use platform::usbkey::{Config, assignment, parse_config, with_values, without_keys};

use crate::{Error, Node};

/// The headnode's own: how it is called, and where it is. Of its external network nothing is carried over, as the address is
/// the old headnode's.
fn is_own(key: &str) -> bool {
    matches!(key, "admin_nic" | "admin_ip" | "hostname") || key.starts_with("external_")
}

/// The config of `node`, from that of a headnode of its datacenter. `binders` are those that live, all of them: with a dead
/// one alone its global zone would resolve nothing.
pub fn config_of(datacenter: &str, node: &Node, binders: &[IpAddr]) -> Result<String, Error> {
    let failed = |error: ParseError| Error::Bad(format!("the datacenter's config: {error}"));
    let before = parse_config(datacenter).map_err(failed)?;
    agrees(&before, node)?;
    if binders.is_empty() {
        return Err(Error::Bad(
            "no binder lives: the new headnode would resolve no name".into(),
        ));
    }
    let addresses: Vec<String> = binders.iter().map(IpAddr::to_string).collect();
    let values = BTreeMap::from([("binder_admin_ips".to_owned(), addresses.join(","))]);
    let mut text = without_keys(datacenter, is_own).map_err(failed)?;
    text = with_values(&text, &values).map_err(failed)?;
    // Also ends a last line that has no end, or that a backslash would join to the next.
    text.push_str(if text.ends_with('\n') { "\n" } else { "\n\n" });
    let mut own = vec![
        ("admin_nic", node.admin_nic.clone()),
        ("admin_ip", node.admin_ip.to_string()),
        ("hostname", node.hostname.clone()),
    ];
    if before.get("binder_admin_ips").is_none() {
        own.push(("binder_admin_ips", addresses.join(",")));
    }
    for (key, value) in &own {
        text.push_str(&assignment(key, value).map_err(failed)?);
    }
    let after = parse_config(&text).map_err(failed)?;
    let changed = before
        .keys()
        .filter(|key| !is_own(key) && *key != "binder_admin_ips");
    match changed
        .into_iter()
        .find(|key| after.get(key) != before.get(key))
    {
        None => Ok(text),
        Some(key) => Err(Error::Bad(format!(
            "the datacenter's config is so written that {key} would change with other keys"
        ))),
    }
}

fn agrees(config: &Config, node: &Node) -> Result<(), Error> {
    let name = config.get("datacenter_name").ok_or_else(|| {
        Error::Bad("the config has no datacenter_name: it is of no headnode".into())
    })?;
    if let Some(other) = node.datacenter.as_deref().filter(|other| *other != name) {
        return Err(Error::Refused(format!(
            "{} is of the datacenter {other}, and the config of {name}",
            node.hostname
        )));
    }
    if config.get("admin_ip") == Some(node.admin_ip.to_string().as_str()) {
        return Err(Error::Refused(format!(
            "{} has the address {} of the very headnode that the config is of",
            node.hostname, node.admin_ip
        )));
    }
    Ok(())
}

/// Whether a config can be a headnode's, and is of the node that the `networking.json` beside it is of.
pub(crate) fn check(config: &[u8], networking: Option<&[u8]>) -> Result<(), Error> {
    let text =
        std::str::from_utf8(config).map_err(|_| Error::Bad("the config is no UTF-8".into()))?;
    let config = parse_config(text).map_err(|error| Error::Bad(format!("the config: {error}")))?;
    let needed = ["datacenter_name", "admin_nic", "admin_ip", "hostname"];
    if let Some(key) = needed.into_iter().find(|key| config.get(key).is_none()) {
        return Err(Error::Bad(format!(
            "the config has no {key}: no headnode could set itself up with it"
        )));
    }
    let Some(networking) = networking else {
        return Ok(());
    };
    let node = Node::of_networking(networking, "the networking.json")?;
    match config.get("hostname") == Some(node.hostname.as_str()) {
        true => Ok(()),
        false => Err(Error::Bad(format!(
            "the config is of {}, and the networking.json of {}",
            config.get("hostname").unwrap_or_default(),
            node.hostname
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATACENTER: &str = include_str!("../../../tests/fixtures/platform/usbkey-config.txt");
    const NETWORKING: &[u8] =
        include_bytes!("../../../tests/fixtures/platform/networking-cn2.json");

    fn node() -> Node {
        Node::of_networking(NETWORKING, "n").unwrap()
    }

    fn binders() -> [IpAddr; 2] {
        [[10, 99, 99, 11].into(), [10, 99, 99, 51].into()]
    }

    #[test]
    fn only_what_is_the_headnode_s_own_changes() {
        let text = config_of(DATACENTER, &node(), &binders()).unwrap();
        let old: Vec<&str> = DATACENTER.lines().collect();
        let gone: Vec<&&str> = old
            .iter()
            .filter(|line| !text.lines().any(|new| new == **line))
            .collect();
        let own = |line: &&&&str| {
            !["admin_nic=", "admin_ip=", "hostname=", "binder_admin_ips="]
                .iter()
                .any(|key| line.starts_with(key))
        };
        assert!(
            gone.iter()
                .filter(own)
                .all(|line| line.starts_with("external_"))
        );
        assert_eq!(gone.len(), 12);
        assert!(text.contains("\nbinder_admin_ips=10.99.99.11,10.99.99.51\n"));
        assert!(
            text.ends_with("\n\nadmin_nic=00:50:56:2b:44:10\nadmin_ip=10.99.99.45\nhostname=cn2\n")
        );
        check(text.as_bytes(), Some(NETWORKING)).unwrap();
    }

    #[test]
    fn a_machine_of_another_datacenter_or_the_headnode_itself_is_refused() {
        let refused = |node: Node| {
            let error = config_of(DATACENTER, &node, &binders()).unwrap_err();
            assert!(matches!(error, Error::Refused(_)));
            error.to_string()
        };
        let other = Some("west".to_owned());
        assert!(
            refused(Node {
                datacenter: other,
                ..node()
            })
            .contains("west")
        );
        let itself = [10, 99, 99, 7].into();
        assert!(
            refused(Node {
                admin_ip: itself,
                ..node()
            })
            .contains("10.99.99.7")
        );
        assert!(config_of(DATACENTER, &node(), &[]).is_err());
    }

    #[test]
    fn a_config_and_a_networking_json_of_two_nodes_do_not_go_together() {
        let text = config_of(DATACENTER, &node(), &binders()).unwrap();
        let error = check(DATACENTER.as_bytes(), Some(NETWORKING)).unwrap_err();
        assert!(error.to_string().contains("headnode0"), "{error}");
        let nameless = text.replace("hostname=cn2\n", "");
        assert!(check(nameless.as_bytes(), None).is_err());
    }
}
