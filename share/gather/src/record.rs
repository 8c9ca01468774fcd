// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Records of zones, NICs and servers as SAPI, VMAPI, NAPI, CNAPI and `vmadm` write them, read one field at a time: what is odd
//! is left out, what is secret is never looked at.

use std::net::IpAddr;

use documents::Uuid;
use documents::inventory::Nic;
use serde_json::{Map, Value};

/// NIC properties that NAPI or vmadm must be told again when a NIC is made anew.
const NIC_PROPERTIES: &[&str] = &[
    "allow_dhcp_spoofing",
    "allow_ip_spoofing",
    "allow_mac_spoofing",
    "allow_restricted_traffic",
    "allow_unfiltered_promisc",
    "dhcp_server",
];

/// What one source says of a zone. A field that it does not have is none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Zone {
    pub uuid: Uuid,
    pub owner: Option<Uuid>,
    /// `tags.smartdc_role`: what makes it a core zone.
    pub role: Option<String>,
    pub alias: Option<String>,
    pub server: Option<Uuid>,
    pub image: Option<Uuid>,
    /// MiB.
    pub memory: Option<u64>,
    pub state: Option<String>,
    pub nics: Vec<Nic>,
    pub delegate_dataset: Option<bool>,
    pub firewall: Option<bool>,
    pub dns_domain: Option<String>,
}

impl Zone {
    /// Reads a record of VMAPI or of `vmadm`.
    pub fn of_vm(record: &Value) -> Result<Zone, String> {
        let uuid = uuid(record, "uuid").ok_or_else(|| {
            format!(
                "a VM record has no usable UUID ({})",
                brief(&record["uuid"])
            )
        })?;
        let dataset = format!("zones/{uuid}/data");
        let delegate_dataset = match &record["datasets"] {
            Value::Array(datasets) => Some(datasets.iter().any(|name| *name == dataset.as_str())),
            _ => record["delegate_dataset"].as_bool(),
        };
        Ok(Zone {
            uuid,
            owner: self::uuid(record, "owner_uuid"),
            role: text(&record["tags"]["smartdc_role"]),
            alias: text(&record["alias"]),
            server: self::uuid(record, "server_uuid"),
            image: self::uuid(record, "image_uuid"),
            memory: record["max_physical_memory"]
                .as_u64()
                .or_else(|| record["ram"].as_u64()),
            state: text(&record["state"]),
            nics: nics(&record["nics"]),
            delegate_dataset,
            firewall: record["firewall_enabled"].as_bool(),
            dns_domain: text(&record["dns_domain"]),
        })
    }

    /// Reads a SAPI instance; `service` is the name of its service.
    pub fn of_sapi_instance(record: &Value, service: Option<&str>) -> Result<Zone, String> {
        let uuid = uuid(record, "uuid").ok_or_else(|| {
            format!(
                "a SAPI instance has no usable UUID ({})",
                brief(&record["uuid"])
            )
        })?;
        Ok(Zone {
            uuid,
            role: service.map(str::to_owned),
            alias: text(&record["params"]["alias"]),
            server: self::uuid(&record["params"], "server_uuid"),
            ..Zone::default()
        })
    }

    /// A core zone is the admin's and has a role. Where the admin is not known the role must do.
    pub fn is_core(&self, admin: Option<Uuid>) -> bool {
        self.role.is_some() && (admin.is_none() || self.owner == admin)
    }
}

pub fn nics(records: &Value) -> Vec<Nic> {
    let records = records.as_array().map_or(&[][..], Vec::as_slice);
    records.iter().filter_map(nic).collect()
}

/// A NIC of VMAPI, vmadm or NAPI. One without a MAC can't be referred to, and is left out.
pub fn nic(record: &Value) -> Option<Nic> {
    let properties: Map<String, Value> = NIC_PROPERTIES
        .iter()
        .filter(|name| truth(&record[**name]))
        .map(|name| ((*name).to_owned(), Value::Bool(true)))
        .collect();
    Some(Nic {
        mac: mac(record["mac"].as_str()?)?,
        ip: address(&record["ip"]),
        nic_tag: text(&record["nic_tag"]).unwrap_or_default(),
        network: uuid(record, "network_uuid"),
        primary: truth(&record["primary"]),
        interface: text(&record["interface"]),
        properties,
    })
}

/// A MAC with colons and two digits each, whichever way it was written.
fn mac(text: &str) -> Option<String> {
    let digits: String = if text.contains([':', '-']) {
        text.split([':', '-'])
            .map(|part| format!("{part:0>2}"))
            .collect()
    } else {
        text.to_owned()
    };
    if digits.len() != 12 || !digits.chars().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let digits = digits.to_ascii_lowercase();
    let pairs: Vec<&str> = (0..6).map(|i| &digits[2 * i..2 * i + 2]).collect();
    Some(pairs.join(":"))
}

/// `true`, and the string "true" that old records have.
fn truth(value: &Value) -> bool {
    value == &Value::Bool(true) || value == "true" || value == &Value::from(1)
}

/// A text that says something.
pub fn text(value: &Value) -> Option<String> {
    value
        .as_str()
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

pub fn uuid(record: &Value, field: &str) -> Option<Uuid> {
    record.get(field)?.as_str()?.parse().ok()
}

/// `dhcp` and the like are no address.
pub fn address(value: &Value) -> Option<IpAddr> {
    value.as_str()?.parse().ok()
}

/// Addresses, from an array of them.
pub fn addresses(value: &Value) -> Vec<IpAddr> {
    let values = value.as_array().map_or(&[][..], Vec::as_slice);
    values.iter().filter_map(address).collect()
}

/// A value in a few characters, for a message. Only ever called with UUIDs, never with what may be secret.
fn brief(value: &Value) -> String {
    let text = value.to_string();
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fixture(name: &str) -> Value {
        let path = format!(
            "{}/../../tests/fixtures/platform/{name}",
            env!("CARGO_MANIFEST_DIR")
        );
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn a_vmadm_record_says_what_a_restore_needs_and_no_metadata() {
        let zone = Zone::of_vm(&fixture("vmadm-get-imgapi0.json")).unwrap();
        assert_eq!(zone.role.as_deref(), Some("imgapi"));
        assert_eq!(zone.alias.as_deref(), Some("imgapi0"));
        assert_eq!(zone.delegate_dataset, Some(true));
        assert_eq!(zone.nics.len(), 2);
        assert_eq!(zone.nics[0].mac, "90:b8:d0:17:02:3a");
        assert!(zone.nics[0].primary && !zone.nics[1].primary);
        assert_eq!(zone.nics[1].nic_tag, "external");
        assert!(zone.is_core(zone.owner));
    }

    #[test]
    fn a_customer_who_tags_a_vm_makes_no_core_zone() {
        let zone = Zone::of_vm(&fixture("vmadm-get-imgapi0.json")).unwrap();
        assert!(!zone.is_core(Some(Uuid::nil())));
    }

    #[test]
    fn a_stateless_zone_has_no_delegate_dataset() {
        let zone = Zone::of_vm(&fixture("vmadm-get-vmapi0.json")).unwrap();
        assert_ne!(zone.delegate_dataset, Some(true));
    }

    #[test]
    fn macs_are_one_however_they_are_written() {
        for text in ["90:b8:d0:5:91:c", "90B8D005910C", "90-b8-d0-05-91-0c"] {
            assert_eq!(mac(text).as_deref(), Some("90:b8:d0:05:91:0c"), "{text}");
        }
        assert_eq!(mac("no mac"), None);
        assert_eq!(mac("90:b8"), None);
    }

    #[test]
    fn odd_records_are_refused_or_read_as_far_as_they_go() {
        assert!(Zone::of_vm(&json!({"alias": "x"})).is_err());
        assert!(Zone::of_vm(&json!("not an object")).is_err());
        let zone = Zone::of_vm(&json!({
            "uuid": "0c7e5d11-4a9b-4f65-8c3d-2e1f0a9b8c7d", "alias": 7, "nics": "none",
            "tags": [], "server_uuid": "", "delegate_dataset": true
        }))
        .unwrap();
        assert_eq!(zone.alias, None);
        assert_eq!(zone.server, None);
        assert_eq!(zone.delegate_dataset, Some(true));
        assert!(
            nics(&json!([{"ip": "dhcp"}, {"mac": "90:b8:d0:05:91:0c", "ip": "dhcp"}]))[0]
                .ip
                .is_none()
        );
    }

    #[test]
    fn only_properties_that_are_on_are_told_again() {
        let nic = nic(&json!({"mac": "90b8d005910c", "dhcp_server": true, "allow_ip_spoofing": false, "mtu": 1500})).unwrap();
        assert_eq!(
            serde_json::to_value(nic.properties).unwrap(),
            json!({"dhcp_server": true})
        );
    }
}
