// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Reserved addresses: given to zones while no NAPI lives, told to NAPI once it does.

use apis::napi::{Nic, NicFields};
use documents::verb::{AddressAssign, AddressRegister};
use platform::vmadm;
use serde_json::{Map, Value, json};

use super::address::url_of;
use crate::step::{Context, Deed, Look, StepError, Undone};

/// Nothing is done: the address was reserved beforehand, and the plan says whose it is. What is looked at is that no other zone
/// of this headnode has it.
impl Deed for AddressAssign {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let host = context.world.host(context.step.host)?;
        let filter = format!("nics.*.ip={}", self.ip);
        let others = vmadm::lookup(&host, &[&filter])?;
        if let Some(other) = others.iter().find(|other| other.uuid != self.vm) {
            return Ok(Look::Conflict(format!(
                "zone {} on {} has the address {} already, which is reserved for recovery: plan again",
                other.uuid,
                host.name(),
                self.ip
            )));
        }
        let mut outputs = Map::new();
        outputs.insert("nic".to_owned(), Value::Object(as_vmadm_takes_it(self)));
        outputs.insert("url".to_owned(), url_of(self.ip));
        Ok(Look::Done(outputs))
    }

    fn act(&self, _: &Context<'_>, _: &Value) -> Result<(), StepError> {
        Ok(())
    }

    fn undo(&self, _: &Context<'_>, _: &Value) -> Result<Undone, StepError> {
        Ok(Undone::Back(format!("{} is still reserved", self.ip)))
    }
}

/// The NIC in the terms of `vmadm create`.
fn as_vmadm_takes_it(with: &AddressAssign) -> Map<String, Value> {
    let mut object = with.properties.clone();
    let mut put = |key: &str, value: Value| {
        if !value.is_null() {
            object.insert(key.to_owned(), value);
        }
    };
    put("interface", json!(with.interface));
    put("mac", json!(with.mac));
    put("ip", json!(with.ip));
    put("netmask", json!(with.netmask));
    put("nic_tag", json!(with.nic_tag));
    put("vlan_id", json!(with.vlan_id));
    put("mtu", json!(with.mtu));
    put("gateway", json!(with.gateway));
    put("network_uuid", json!(with.network));
    if with.primary {
        put("primary", json!(true));
    }
    object
}

/// The NIC in NAPI. net-agent may have told it already.
fn known(with: &AddressRegister, context: &Context<'_>) -> Result<Option<Nic>, StepError> {
    match context.world.napi()?.get_nic(&with.mac) {
        Ok(found) => Ok(Some(found.value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn seen(with: &AddressRegister, nic: Option<Nic>) -> Look {
    match nic {
        None => Look::Ready,
        Some(nic) if nic.belongs_to_uuid == with.vm && nic.ip == Some(with.ip) => Look::done(),
        Some(nic) => Look::Conflict(format!(
            "NAPI has NIC {} for {}, with the address {}",
            with.mac,
            nic.belongs_to_uuid,
            nic.ip.map_or("none".to_owned(), |ip| ip.to_string())
        )),
    }
}

impl Deed for AddressRegister {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        Ok(seen(self, known(self, context)?))
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let fields = NicFields {
            ip: Some(self.ip),
            mac: Some(self.mac.clone()),
            primary: Some(self.primary),
            check_owner: Some(false),
            ..NicFields::of_zone(self.vm, self.owner)
        };
        let napi = context.world.napi()?;
        match napi.provision_nic(&self.network.to_string(), &fields) {
            Ok(_) => Ok(()),
            // net-agent was faster: what counts is what NAPI has now.
            Err(error) => match known(self, context)? {
                Some(nic) => seen(self, Some(nic)).must_be_done(),
                None => Err(error.into()),
            },
        }
    }
}
