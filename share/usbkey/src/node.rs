// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Who a new headnode is: the few values of its config that are its own, from the `networking.json` that it boots with, or from
//! its sysinfo where boot-time networking is off.

use std::net::IpAddr;

use platform::sysinfo;
use serde::Deserialize;

use crate::Error;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub hostname: String,
    /// MAC of its NIC on the admin network.
    pub admin_nic: String,
    pub admin_ip: IpAddr,
    /// `None` where the source does not say.
    pub datacenter: Option<String>,
}

/// What booter's `hn-netfile` prints, the fields we use.
#[derive(Deserialize)]
struct Networking {
    #[serde(default = "admin")]
    admin_tag: String,
    vnics: Vec<Vnic>,
    hostname: String,
    datacenter_name: Option<String>,
}

#[derive(Deserialize)]
struct Vnic {
    nic_tag: String,
    mac: String,
    ip: IpAddr,
}

fn admin() -> String {
    "admin".to_owned()
}

impl Node {
    /// From a `networking.json`; its first NIC on the admin network counts.
    pub fn of_networking(bytes: &[u8], from: &str) -> Result<Node, Error> {
        let read: Networking = serde_json::from_slice(bytes)
            .map_err(|error| Error::Bad(format!("{from} is no networking.json: {error}")))?;
        let tag = read.admin_tag;
        let vnic = read.vnics.into_iter().find(|vnic| vnic.nic_tag == tag);
        let vnic = vnic.ok_or_else(|| {
            Error::Bad(format!(
                "{from} has no NIC with the tag \"{tag}\": a headnode is reached by its admin network"
            ))
        })?;
        Node {
            hostname: read.hostname,
            admin_nic: vnic.mac,
            admin_ip: vnic.ip,
            datacenter: read.datacenter_name,
        }
        .checked(from)
    }

    /// From what `sysinfo` prints on the machine itself.
    pub fn of_sysinfo(bytes: &[u8], from: &str) -> Result<Node, Error> {
        let bad = |why: &str| Error::Bad(format!("{from} is no sysinfo of a node to be: {why}"));
        let text = std::str::from_utf8(bytes).map_err(|_| bad("it is no UTF-8"))?;
        let read = sysinfo::parse(text).map_err(|error| bad(&error.to_string()))?;
        let booted_with = read.boot_parameters.get("admin_nic");
        let tagged = || {
            let mut links = read.network_interfaces.values();
            let link = links.find(|link| link.nic_names.iter().any(|name| name == "admin"))?;
            link.mac.clone()
        };
        let admin_nic = booted_with
            .and_then(|nic| nic.as_str())
            .filter(|nic| !nic.is_empty())
            .map(str::to_owned)
            .or_else(tagged)
            .ok_or_else(|| bad("no NIC has the tag admin"))?;
        Node {
            admin_ip: read
                .admin_ip()
                .ok_or_else(|| bad("it has no address on the admin network"))?,
            hostname: read.hostname,
            admin_nic,
            datacenter: read.datacenter_name,
        }
        .checked(from)
    }

    fn checked(self, from: &str) -> Result<Node, Error> {
        let letter = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        if self.hostname.is_empty() || !self.hostname.chars().all(letter) {
            return Err(Error::Bad(format!(
                "{from} has a hostname that no machine can have"
            )));
        }
        let digits = |part: &str| {
            (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        if self.admin_nic.split(':').count() != 6 || !self.admin_nic.split(':').all(digits) {
            return Err(Error::Bad(format!(
                "{from} has \"{}\" for the MAC of the admin NIC",
                self.admin_nic
            )));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETWORKING: &str = include_str!("../../../tests/fixtures/platform/networking-cn2.json");
    const SYSINFO: &str = include_str!("../../../tests/fixtures/platform/sysinfo-cn.json");

    #[test]
    fn both_sources_tell_the_same_of_the_same_machine() {
        let node = Node::of_networking(NETWORKING.as_bytes(), "n").unwrap();
        assert_eq!(node.hostname, "cn2");
        assert_eq!(node.admin_nic, "00:50:56:2b:44:10");
        assert_eq!(node.admin_ip.to_string(), "10.99.99.45");
        assert_eq!(Node::of_sysinfo(SYSINFO.as_bytes(), "s").unwrap(), node);
    }

    #[test]
    fn a_machine_that_did_not_boot_from_the_network_is_known_by_its_tagged_nic() {
        let mut value: serde_json::Value = serde_json::from_str(SYSINFO).unwrap();
        value["Boot Parameters"] = serde_json::json!({});
        let node = Node::of_sysinfo(value.to_string().as_bytes(), "s").unwrap();
        assert_eq!(node.admin_nic, "00:50:56:2b:44:10");
    }

    #[test]
    fn what_can_t_be_a_headnode_s_is_refused_by_name() {
        let refused = |from: &str, to: &str| {
            assert!(NETWORKING.contains(from));
            let changed = NETWORKING.replace(from, to);
            let error = Node::of_networking(changed.as_bytes(), "n.json").unwrap_err();
            error.to_string()
        };
        assert!(refused("\"nic_tag\": \"admin\"", "\"nic_tag\": \"x\"").contains("\"admin\""));
        assert!(refused("\"cn2\"", "\"cn2\\nroot_shadow=\"").contains("hostname"));
        assert!(refused("\"00:50:56:2b:44:10\"", "\"aa:bb\"").contains("aa:bb"));
        assert!(Node::of_sysinfo(b"", "s").is_err());
    }
}
