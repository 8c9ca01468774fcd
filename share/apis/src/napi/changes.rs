// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What NAPI can be asked to change. NAPI ignores unknown keys of a body without a word, so that these are types and not
//! free JSON.

use std::net::IpAddr;

use serde::Serialize;
use uuid::Uuid;

use crate::check::{self, Checked};

use super::objects::{BelongsTo, NicState};

/// A change of an address. `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct IpChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_uuid: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub belongs_to_type: Option<BelongsTo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub belongs_to_uuid: Option<Uuid>,
    /// False: take an owner that is none of the network's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_owner: Option<bool>,
    /// Takes it from what it belongs to, and keeps its reservation. Other fields are ignored then.
    #[serde(skip_serializing_if = "is_false")]
    pub unassign: bool,
    /// Wipes everything, its reservation too. Other fields are ignored then.
    #[serde(skip_serializing_if = "is_false")]
    pub free: bool,
}

impl IpChange {
    pub fn reserve(owner: Option<Uuid>) -> IpChange {
        IpChange {
            reserved: Some(true),
            owner_uuid: owner,
            ..IpChange::default()
        }
    }

    pub fn free() -> IpChange {
        IpChange {
            free: true,
            ..IpChange::default()
        }
    }

    pub fn unassign() -> IpChange {
        IpChange {
            unassign: true,
            ..IpChange::default()
        }
    }

    pub(super) fn check(&self) -> Checked {
        if *self == IpChange::default() {
            return check::wrong("change", "is empty");
        }
        if self.free && self.unassign {
            return check::wrong("free", "can't be asked for together with unassign");
        }
        let plain = IpChange {
            free: false,
            unassign: false,
            ..self.clone()
        };
        if (self.free || self.unassign) && plain != IpChange::default() {
            return check::wrong("change", "sets fields that free and unassign would ignore");
        }
        if self.belongs_to_type.is_some() != self.belongs_to_uuid.is_some() {
            return check::wrong("belongs_to_type", "and belongs_to_uuid must come together");
        }
        Ok(())
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

/// Fields of a NIC to be made or changed. `None` leaves a field to NAPI, or as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct NicFields {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_uuid: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub belongs_to_type: Option<BelongsTo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub belongs_to_uuid: Option<Uuid>,
    /// A certain address; not with a network pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// To move a NIC to another network; not when it is made, for then the path names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_uuid: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<NicState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cn_uuid: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_owner: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_dhcp_spoofing: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_ip_spoofing: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_mac_spoofing: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_restricted_traffic: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_unfiltered_promisc: Option<bool>,
}

impl NicFields {
    /// What a NIC of a zone needs at least.
    pub fn of_zone(zone: Uuid, owner: Uuid) -> NicFields {
        NicFields {
            owner_uuid: Some(owner),
            belongs_to_type: Some(BelongsTo::Zone),
            belongs_to_uuid: Some(zone),
            ..NicFields::default()
        }
    }

    pub(super) fn check_new(&self) -> Checked {
        let needed = [
            ("owner_uuid", self.owner_uuid.is_some()),
            ("belongs_to_type", self.belongs_to_type.is_some()),
            ("belongs_to_uuid", self.belongs_to_uuid.is_some()),
        ];
        if let Some((field, _)) = needed.iter().find(|(_, there)| !there) {
            return check::wrong(*field, "is missing");
        }
        if self.network_uuid.is_some() {
            return check::wrong("network_uuid", "is named by the path of a new NIC");
        }
        self.check_words()
    }

    pub(super) fn check_change(&self) -> Checked {
        if *self == NicFields::default() {
            return check::wrong("change", "is empty");
        }
        if self.mac.is_some() {
            return check::wrong("mac", "can't be changed");
        }
        if self.belongs_to_type.is_some() != self.belongs_to_uuid.is_some() {
            return check::wrong("belongs_to_type", "and belongs_to_uuid must come together");
        }
        self.check_words()
    }

    fn check_words(&self) -> Checked {
        if let Some(mac) = &self.mac {
            mac_digits(mac).map(drop)?;
        }
        if let Some(BelongsTo::Unknown(word)) = &self.belongs_to_type {
            return check::wrong("belongs_to_type", format!("is '{word}'"));
        }
        if let Some(NicState::Unknown(word)) = &self.state {
            return check::wrong("state", format!("is '{word}'"));
        }
        Ok(())
    }
}

/// A MAC as it is safe in a path: 12 hex digits. Takes colons, dashes, and leading zeros left out, as `dladm` prints it.
pub(super) fn mac_digits(mac: &str) -> Result<String, (String, String)> {
    let bad = || ("mac".to_owned(), format!("'{mac}' is not a MAC address"));
    let hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    let parts: Vec<&str> = mac.split([':', '-']).collect();
    let digits = match parts.as_slice() {
        [whole] if whole.len() == 12 && hex(whole) => (*whole).to_owned(),
        six if six.len() == 6 && six.iter().all(|p| (1..=2).contains(&p.len()) && hex(p)) => {
            six.iter().map(|part| format!("{part:0>2}")).collect()
        }
        _ => return Err(bad()),
    };
    Ok(digits.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macs_of_every_tool_become_twelve_digits() {
        for mac in [
            "90:b8:d0:0a:33:41",
            "90-B8-D0-0A-33-41",
            "90b8d00a3341",
            "90:b8:d0:a:33:41",
        ] {
            assert_eq!(mac_digits(mac).unwrap(), "90b8d00a3341");
        }
        for bad in [
            "",
            "zz",
            "90:b8:d0:0a:33",
            "90b8d00a334",
            "90:b8:d0:0a:33:41:00",
            "../../networks",
        ] {
            assert!(mac_digits(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn changes_that_napi_would_half_ignore_are_refused() {
        let both = IpChange {
            unassign: true,
            ..IpChange::free()
        };
        assert!(both.check().is_err());
        let and_more = IpChange {
            reserved: Some(true),
            ..IpChange::unassign()
        };
        assert!(and_more.check().is_err());
        let half = IpChange {
            belongs_to_uuid: Some(Uuid::nil()),
            ..IpChange::default()
        };
        assert!(half.check().is_err());
        assert!(IpChange::default().check().is_err());
        assert!(IpChange::reserve(None).check().is_ok());
    }
}
