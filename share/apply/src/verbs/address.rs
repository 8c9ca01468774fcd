// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Addresses in NAPI: taken for a zone that is not made yet, released with one that is lost.

use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use apis::napi::{Nic, NicFields, NicFilter};
use documents::verb::{AddressRelease, AddressTake};
use platform::vmadm;
use serde_json::{Map, Value, json};

use crate::step::{Context, Deed, Look, StepError, Undone};

/// How often NAPI is let choose an address.
const TRIES: u32 = 8;
const PAUSE: Duration = Duration::from_millis(20);

/// The NIC that the zone has on the network already, made by this run or an earlier one.
fn taken(with: &AddressTake, context: &Context<'_>) -> Result<Option<Nic>, StepError> {
    let filter = NicFilter {
        belongs_to_uuids: vec![with.vm],
        network_uuid: Some(with.network),
        ..NicFilter::default()
    };
    let nics = context.world.napi()?.list_nics(&filter)?;
    Ok(nics
        .iter()
        .find(|nic| nic.network_uuid == Some(with.network))
        .cloned())
}

impl Deed for AddressTake {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        Ok(match taken(self, context)? {
            Some(nic) if self.ip.is_some() && nic.ip != self.ip => Look::Conflict(format!(
                "the zone has NIC {} on this network already, with another address: plan again",
                nic.mac
            )),
            Some(nic) => {
                let mut outputs = Map::new();
                outputs.insert(
                    "nic".to_owned(),
                    Value::Object(as_vmadm_takes_it(self, &nic)?),
                );
                if let Some(ip) = nic.ip {
                    outputs.insert("url".to_owned(), url_of(ip));
                }
                Look::Done(outputs)
            }
            None => Look::Ready,
        })
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let fields = NicFields {
            ip: self.ip,
            primary: Some(self.primary),
            ..NicFields::of_zone(self.vm, self.owner)
        };
        let napi = context.world.napi()?;
        let mut tries = 1;
        loop {
            match napi.provision_nic(&self.network.to_string(), &fields) {
                Ok(_) => return Ok(()),
                // Which address it is is NAPI's choice, and another provision was faster: let it choose again.
                Err(error) if error.is_conflict() && self.ip.is_none() && tries < TRIES => {
                    if taken(self, context)?.is_some() {
                        return Ok(());
                    }
                    thread::sleep(PAUSE * tries);
                    tries += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn undo(&self, context: &Context<'_>, _: &Value) -> Result<Undone, StepError> {
        let Some(nic) = taken(self, context)? else {
            return Ok(Undone::Back("NAPI has no such NIC any more".to_owned()));
        };
        // NAPI would give the address to another while the zone still comes up with it.
        let host = context.world.host(context.step.host)?;
        if vmadm::get(&host, self.vm)?.is_some() {
            return Ok(Undone::Left(format!(
                "NIC {} stays with zone {}, which is there; it goes with `vmadm delete {}` on {}",
                nic.mac,
                self.vm,
                self.vm,
                host.name()
            )));
        }
        context.world.napi()?.delete_nic(&nic.mac)?;
        Ok(Undone::Back(format!("released NIC {}", nic.mac)))
    }
}

/// Output `url` of an address: what is set where something is found by address, and not by name.
pub(super) fn url_of(ip: IpAddr) -> Value {
    match ip {
        IpAddr::V4(v4) => json!(format!("http://{v4}")),
        IpAddr::V6(v6) => json!(format!("http://[{v6}]")),
    }
}

/// A NIC of NAPI in the terms of `vmadm create`.
fn as_vmadm_takes_it(with: &AddressTake, nic: &Nic) -> Result<Map<String, Value>, StepError> {
    let Some(ip) = nic.ip else {
        return Err(StepError::firm(format!(
            "NAPI gave NIC {} no address",
            nic.mac
        )));
    };
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| {
        if !value.is_null() {
            object.insert(key.to_owned(), value);
        }
    };
    put("interface", json!(with.interface));
    put("mac", json!(nic.mac));
    put("ip", json!(ip));
    put("netmask", json!(nic.netmask));
    put("nic_tag", json!(nic.nic_tag));
    put("vlan_id", json!(nic.vlan_id));
    put("mtu", json!(nic.mtu));
    put("gateway", json!(nic.gateway));
    put("network_uuid", json!(with.network));
    if with.primary {
        put("primary", json!(true));
    }
    for (key, value) in &with.properties {
        put(key, value.clone());
    }
    Ok(object)
}

impl Deed for AddressRelease {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        match context.world.napi()?.get_nic(&self.mac) {
            Ok(found) if found.value.belongs_to_uuid == self.vm => Ok(Look::Ready),
            Ok(found) => Ok(Look::left_alone(format!(
                "NIC {} belongs to {} by now",
                self.mac, found.value.belongs_to_uuid
            ))),
            Err(error) if error.is_not_found() => Ok(Look::done()),
            Err(error) => Err(error.into()),
        }
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        match context.world.napi()?.delete_nic(&self.mac) {
            Err(error) if error.is_not_found() => Ok(()),
            other => Ok(other?),
        }
    }
}
