// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Core zones that run on and ask a binder that is gone: every name that they look up waits for it first.

use std::net::IpAddr;

use documents::Uuid;
use documents::verb::ZonesResolvers;
use platform::{Host, vmadm};
use serde_json::{Map, Value, json};

use super::headnode::in_front;
use crate::step::{Context, Deed, Look, StepError};

/// Zones to be changed, with whom each asks now.
fn asking_the_gone(
    with: &ZonesResolvers,
    host: &Host,
) -> Result<Vec<(Uuid, Vec<IpAddr>)>, StepError> {
    let zones = vmadm::lookup_json(host, &[])?;
    let asking = zones.into_iter().filter_map(|zone| {
        let uuid: Uuid = zone.get("uuid")?.as_str()?.parse().ok()?;
        let there = resolvers(&zone);
        let concerned = is_core(&zone, with.owner) && there.iter().any(|ip| with.gone.contains(ip));
        concerned.then_some((uuid, there))
    });
    Ok(asking.collect())
}

fn is_core(zone: &Map<String, Value>, owner: Uuid) -> bool {
    let owned = zone.get("owner_uuid").and_then(Value::as_str) == Some(&owner.to_string());
    owned
        && zone
            .get("tags")
            .is_some_and(|tags| tags["smartdc_role"].is_string())
}

fn resolvers(zone: &Map<String, Value>) -> Vec<IpAddr> {
    let listed = zone.get("resolvers").and_then(Value::as_array);
    let texts = listed.into_iter().flatten().filter_map(Value::as_str);
    texts.filter_map(|text| text.parse().ok()).collect()
}

impl Deed for ZonesResolvers {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let host = context.world.host(context.step.host)?;
        match asking_the_gone(self, &host)?.is_empty() {
            true => Ok(Look::done()),
            false => Ok(Look::Ready),
        }
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let host = context.world.host(context.step.host)?;
        let zones = asking_the_gone(self, &host)?;
        let before: Map<String, Value> = zones
            .iter()
            .map(|(zone, resolvers)| (zone.to_string(), json!(resolvers)))
            .collect();
        context
            .journal
            .keep(&context.step.id, &Value::Object(before))?;
        for (zone, there) in zones {
            let wanted = in_front(&self.resolvers, &self.gone, &there);
            let change = Map::from_iter([("resolvers".to_owned(), json!(wanted))]);
            vmadm::update(&host, zone, &change)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_administrators_zones_with_a_role_are_core_zones() {
        let owner = Uuid::from_u128(1);
        let zone = |owner: Uuid, tags: Value| {
            Map::from_iter([
                ("owner_uuid".to_owned(), json!(owner)),
                ("tags".to_owned(), tags),
            ])
        };
        assert!(is_core(
            &zone(owner, json!({"smartdc_role": "imgapi"})),
            owner
        ));
        assert!(!is_core(&zone(owner, json!({})), owner));
        let customer = zone(Uuid::from_u128(2), json!({"smartdc_role": "imgapi"}));
        assert!(!is_core(&customer, owner));
    }

    #[test]
    fn what_is_no_address_is_passed_over() {
        let zone = Map::from_iter([("resolvers".to_owned(), json!(["10.99.99.11", "", 7]))]);
        assert_eq!(resolvers(&zone), ["10.99.99.11".parse::<IpAddr>().unwrap()]);
        assert_eq!(resolvers(&Map::new()), Vec::<IpAddr>::new());
    }
}
