// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! sysinfo(8): what a server is.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::error::json;
use crate::{Command, Error, Host, ParseError};

/// What `sysinfo` prints, the fields we use. It prints a cache, which is made anew at boot and by `sysinfo -u`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sysinfo {
    #[serde(rename = "UUID")]
    pub uuid: Uuid,
    #[serde(rename = "Hostname")]
    pub hostname: String,
    /// Absent on a server that was never set up.
    #[serde(rename = "Datacenter Name", default)]
    pub datacenter_name: Option<String>,
    /// The platform that runs, `20260313T002414Z`.
    #[serde(rename = "Live Image", default)]
    pub live_image: Option<String>,
    /// The text `true` or `false`, not the value.
    #[serde(rename = "Setup", default, deserialize_with = "flag")]
    pub setup: bool,
    /// Seconds since 1970, as text.
    #[serde(rename = "Boot Time", default, deserialize_with = "text")]
    pub boot_time: Option<String>,
    #[serde(rename = "MiB of Memory", default, deserialize_with = "text")]
    pub mib_of_memory: Option<String>,
    #[serde(rename = "Zpool", default)]
    pub zpool: Option<String>,
    #[serde(rename = "Boot Parameters", default)]
    pub boot_parameters: Map<String, Value>,
    #[serde(rename = "Admin IP", default)]
    admin_ip: Option<String>,
    #[serde(rename = "Admin NIC Tag", default)]
    admin_nic_tag: Option<String>,
    #[serde(rename = "Network Interfaces", default)]
    pub network_interfaces: BTreeMap<String, Interface>,
    #[serde(rename = "Virtual Network Interfaces", default)]
    pub virtual_network_interfaces: BTreeMap<String, Interface>,
    #[serde(rename = "Link Aggregations", default)]
    pub link_aggregations: BTreeMap<String, Interface>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interface {
    #[serde(rename = "MAC Address", default)]
    pub mac: Option<String>,
    /// Empty when it has none.
    #[serde(rename = "ip4addr", default)]
    pub ip4addr: Option<String>,
    /// NIC tags.
    #[serde(rename = "NIC Names", default)]
    pub nic_names: Vec<String>,
    /// A virtual interface's physical one.
    #[serde(rename = "Host Interface", default)]
    pub host_interface: Option<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Sysinfo {
    /// Whether it booted as a headnode.
    pub fn is_headnode(&self) -> bool {
        self.boot_parameters.get("headnode").and_then(Value::as_str) == Some("true")
    }

    /// Its address on the admin network: said outright by newer platforms, else that of the interface with the admin tag
    /// (a NIC or an aggregation), else that of a virtual interface upon it.
    pub fn admin_ip(&self) -> Option<IpAddr> {
        let tag = self
            .admin_nic_tag
            .as_deref()
            .filter(|tag| !tag.is_empty())
            .unwrap_or("admin");
        let tagged = || {
            let links = self
                .network_interfaces
                .iter()
                .chain(&self.link_aggregations);
            links.filter(|(_, link)| link.nic_names.iter().any(|name| name == tag))
        };
        let upon = |virtual_one: &&Interface| {
            let below = virtual_one.host_interface.as_deref();
            tagged().any(|(name, _)| Some(name.as_str()) == below)
        };
        let said = self.admin_ip.as_deref().and_then(address);
        said.or_else(|| tagged().find_map(|(_, link)| link.address()))
            .or_else(|| {
                self.virtual_network_interfaces
                    .values()
                    .filter(upon)
                    .find_map(Interface::address)
            })
    }

    /// NIC tags that some interface of the server provides.
    pub fn nic_tags(&self) -> Vec<&str> {
        let links = self
            .network_interfaces
            .values()
            .chain(self.link_aggregations.values());
        let mut tags: Vec<&str> = links
            .flat_map(|link| &link.nic_names)
            .map(String::as_str)
            .collect();
        tags.sort_unstable();
        tags.dedup();
        tags
    }
}

impl Interface {
    fn address(&self) -> Option<IpAddr> {
        address(self.ip4addr.as_deref()?)
    }
}

/// Absent and `""` are the same; a prefix may follow.
fn address(text: &str) -> Option<IpAddr> {
    text.split('/').next()?.parse().ok()
}

/// `"true"`, `"false"`, and the values, which a later platform may print.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Bool(flag) => Ok(flag),
        Value::String(text) => Ok(text == "true"),
        Value::Null => Ok(false),
        _ => Err(serde::de::Error::custom("neither true nor false")),
    }
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    })
}

pub fn get(host: &Host) -> Result<Sysinfo, Error> {
    let text = host.run_ok(&Command::new("sysinfo"))?;
    parse(&text).map_err(|error| Error::parse(host, "what sysinfo printed", error))
}

/// `sysinfo` on a headnode (shortened):
///
/// ```text
/// {
///   "Live Image": "20260313T002414Z",
///   "Boot Time": "1773370012",
///   "Datacenter Name": "coal",
///   "Setup": "true",
///   "Admin NIC Tag": "admin",
///   "Admin IP": "10.99.99.7",
///   "UUID": "564d5f1c-9a3e-4b7d-8c21-0f4e6a7b8c90",
///   "Hostname": "headnode0",
///   "MiB of Memory": "32763",
///   "Zpool": "zones",
///   "Boot Parameters": { "headnode": "true", "console": "text", ... },
///   "Network Interfaces": {
///     "e1000g0": { "MAC Address": "00:50:56:3d:a7:95", "ip4addr": "10.99.99.7", "Link Status": "up", "NIC Names": [ "admin" ] }, ...
///   },
///   "Virtual Network Interfaces": {
///     "external0": { "MAC Address": "02:08:20:6a:11:3f", "ip4addr": "10.88.88.7", "Host Interface": "e1000g1", "VLAN": "0", ... }
///   },
///   "Link Aggregations": {}
/// }
/// ```
pub fn parse(text: &str) -> Result<Sysinfo, ParseError> {
    json(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADNODE: &str = include_str!("../../../tests/fixtures/platform/sysinfo.json");
    const COMPUTE_NODE: &str = include_str!("../../../tests/fixtures/platform/sysinfo-cn.json");

    #[test]
    fn a_headnode_knows_that_it_is_one() {
        let sysinfo = parse(HEADNODE).unwrap();
        assert!(sysinfo.is_headnode() && sysinfo.setup);
        assert_eq!(sysinfo.hostname, "headnode0");
        assert_eq!(sysinfo.datacenter_name.as_deref(), Some("coal"));
        assert_eq!(sysinfo.live_image.as_deref(), Some("20260313T002414Z"));
        assert_eq!(sysinfo.admin_ip(), Some(IpAddr::from([10, 99, 99, 7])));
        assert_eq!(sysinfo.nic_tags(), ["admin", "external"]);
        assert!(!parse(COMPUTE_NODE).unwrap().is_headnode());
    }

    #[test]
    fn without_being_said_the_admin_address_is_that_of_the_nic_with_the_tag() {
        let text = HEADNODE.replace("\"Admin IP\"", "\"Other IP\"");
        assert_eq!(
            parse(&text).unwrap().admin_ip(),
            Some(IpAddr::from([10, 99, 99, 7]))
        );
    }

    #[test]
    fn an_aggregation_or_what_lies_upon_it_may_carry_the_admin_address() {
        let bare = |links: &str| {
            let text = format!(
                "{{\"UUID\":\"564d5f1c-9a3e-4b7d-8c21-0f4e6a7b8c90\",\"Hostname\":\"x\",{links}}}"
            );
            parse(&text).unwrap().admin_ip()
        };
        let on_it = bare(
            "\"Link Aggregations\":{\"aggr0\":{\"ip4addr\":\"10.99.99.9\",\"NIC Names\":[\"admin\"]}}",
        );
        assert_eq!(on_it, Some(IpAddr::from([10, 99, 99, 9])));
        let upon_it = bare(
            "\"Link Aggregations\":{\"aggr0\":{\"ip4addr\":\"\",\"NIC Names\":[\"admin\"]}},\
             \"Virtual Network Interfaces\":{\"x0\":{\"ip4addr\":\"10.1.1.1\",\"Host Interface\":\"e1\"},\
             \"admin0\":{\"ip4addr\":\"10.99.99.9\",\"Host Interface\":\"aggr0\"}}",
        );
        assert_eq!(upon_it, Some(IpAddr::from([10, 99, 99, 9])));
        assert_eq!(bare("\"Zpool\":\"zones\""), None);
    }

    #[test]
    fn setup_is_a_text_and_an_unset_up_server_has_less_to_say() {
        let text = HEADNODE.replace("\"Setup\": \"true\"", "\"Setup\": \"false\"");
        assert!(!parse(&text).unwrap().setup);
        assert!(
            parse(&HEADNODE.replace("\"Setup\": \"true\"", "\"Setup\": true"))
                .unwrap()
                .setup
        );
    }

    #[test]
    fn what_is_cut_short_or_names_no_server_is_refused() {
        assert!(parse(&HEADNODE[..900]).is_err());
        assert!(parse("").is_err());
        assert!(
            parse(&HEADNODE.replace("564d5f1c-9a3e-4b7d-8c21-0f4e6a7b8c90", "headnode0")).is_err()
        );
    }
}
