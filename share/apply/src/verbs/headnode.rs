// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A headnode's global zone: whom it asks for names, and its configuration.

use std::collections::BTreeMap;
use std::net::IpAddr;

use documents::verb::{ConfigSet, ResolversSet};
use platform::{resolv_conf, usbkey};
use serde_json::{Value, json};

use crate::compose::filled;
use crate::step::{Context, Deed, Look, StepError, Undone};

const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The wanted ones first, then what else there is and may stay.
pub(super) fn in_front(wanted: &[IpAddr], gone: &[IpAddr], there: &[IpAddr]) -> Vec<IpAddr> {
    let others = there
        .iter()
        .filter(|ip| !wanted.contains(ip) && !gone.contains(ip));
    wanted.iter().chain(others).copied().collect()
}

impl Deed for ResolversSet {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let host = context.world.host(context.step.host)?;
        let there = resolv_conf::get(&host)?.nameservers;
        match in_front(&self.resolvers, &self.gone, &there) == there {
            true => Ok(Look::done()),
            false => Ok(Look::Ready),
        }
    }

    /// What was there before, for an undo.
    fn intend(&self, context: &Context<'_>) -> Result<Value, StepError> {
        let host = context.world.host(context.step.host)?;
        Ok(json!({ "before": resolv_conf::get(&host)?.nameservers }))
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let host = context.world.host(context.step.host)?;
        let there = resolv_conf::get(&host)?.nameservers;
        rewrite(context, &in_front(&self.resolvers, &self.gone, &there))
    }

    fn undo(&self, context: &Context<'_>, intent: &Value) -> Result<Undone, StepError> {
        let before: Vec<IpAddr> = serde_json::from_value(intent["before"].clone())
            .map_err(|_| StepError::firm("the journal does not say who was asked before"))?;
        rewrite(context, &before)?;
        Ok(Undone::Back(format!("{RESOLV_CONF} is as it was")))
    }
}

fn rewrite(context: &Context<'_>, nameservers: &[IpAddr]) -> Result<(), StepError> {
    let host = context.world.host(context.step.host)?;
    let old = host.read_if_there(RESOLV_CONF)?;
    let text = String::from_utf8_lossy(old.as_deref().unwrap_or_default()).into_owned();
    let new = resolv_conf::with_nameservers(&text, nameservers);
    match old {
        Some(_) => host.rewrite(RESOLV_CONF, new.as_bytes())?,
        None => host.write_atomic(RESOLV_CONF, new.as_bytes(), 0o644)?,
    }
    Ok(())
}

/// The keys with their texts, as far as the steps that they come from are done.
fn texts(with: &ConfigSet, context: &Context<'_>) -> Result<BTreeMap<String, String>, String> {
    let mut texts = BTreeMap::new();
    for (key, value) in &with.set {
        let value =
            filled(value, context.outputs).map_err(|step| format!("{step} has no output yet"))?;
        match value {
            Value::String(text) => texts.insert(key.clone(), text),
            _ => return Err(format!("the value for {key} is no text")),
        };
    }
    Ok(texts)
}

impl Deed for ConfigSet {
    /// The copy is written after the medium, so it tells for both.
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let texts = match texts(self, context) {
            Ok(texts) => texts,
            Err(why) => return Ok(Look::NotYet(why)),
        };
        let host = context.world.host(context.step.host)?;
        let config = usbkey::config(&host)?;
        let differs = |(key, text): (&String, &String)| {
            config.get(key).is_some_and(|there| there != text.as_str())
        };
        match texts.iter().any(differs) {
            true => Ok(Look::Ready),
            false => Ok(Look::done()),
        }
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let host = context.world.host(context.step.host)?;
        let texts = texts(self, context).map_err(StepError::firm)?;
        Ok(usbkey::set_config(&host, &texts)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_nameservers_come_first_dead_ones_go_and_others_stay() {
        let ips = |texts: &[&str]| -> Vec<IpAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let there = ips(&["10.99.99.11", "10.99.99.13", "8.8.8.8"]);
        let found = in_front(
            &ips(&["10.99.99.12", "10.99.99.13"]),
            &ips(&["10.99.99.11"]),
            &there,
        );
        assert_eq!(found, ips(&["10.99.99.12", "10.99.99.13", "8.8.8.8"]));
        assert_eq!(in_front(&found[..2], &there[..1], &found), found);
    }
}
