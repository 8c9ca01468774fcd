// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What SAPI and NAPI tell others: metadata of the application and of services, nameservers of a network.

use apis::sapi::{Action, Change};
use documents::verb::{MetadataSet, NetworkResolvers, SapiObject};
use serde_json::{Map, Value, json};

use super::headnode::in_front;
use crate::compose::filled;
use crate::step::{Context, Deed, Look, StepError};

/// What is still to be set; or which step must be done first.
fn missing(
    with: &MetadataSet,
    context: &Context<'_>,
) -> Result<Result<Map<String, Value>, String>, StepError> {
    let set = match filled(&Value::Object(with.set.clone()), context.outputs) {
        Ok(Value::Object(set)) => set,
        Ok(_) => return Err(StepError::firm("what is to be set is no object")),
        Err(step) => return Ok(Err(format!("{step} has no output yet"))),
    };
    let sapi = context.world.sapi()?;
    let there = match with.of {
        SapiObject::Application => sapi.get_application(with.uuid)?.metadata,
        SapiObject::Service => sapi.get_service(with.uuid)?.metadata,
    };
    let wanted = set.into_iter().filter(|(key, value)| match there.get(key) {
        Some(known) => known != value,
        None => !with.existing,
    });
    Ok(Ok(wanted.collect()))
}

impl Deed for MetadataSet {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        Ok(match missing(self, context)? {
            Err(why) => Look::NotYet(why),
            Ok(missing) if missing.is_empty() => Look::done(),
            Ok(_) => Look::Ready,
        })
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let missing = missing(self, context)?.map_err(StepError::firm)?;
        let sapi = context.world.sapi()?;
        let change = Change::new(Action::Update).metadata(missing);
        match self.of {
            SapiObject::Application => drop(sapi.update_application(self.uuid, &change)?),
            SapiObject::Service => drop(sapi.update_service(self.uuid, &change)?),
        }
        Ok(())
    }

    fn tells_beforehand(&self) -> bool {
        false
    }
}

impl Deed for NetworkResolvers {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let network = context
            .world
            .napi()?
            .get_network(&self.network.to_string())?;
        let there = network.value.resolvers;
        match in_front(&self.resolvers, &self.gone, &there) == there {
            true => Ok(Look::done()),
            false => Ok(Look::Ready),
        }
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let napi = context.world.napi()?;
        let network = napi.get_network(&self.network.to_string())?;
        let before = &network.value.resolvers;
        context
            .journal
            .keep(&context.step.id, &json!({ "resolvers": before }))?;
        let wanted = in_front(&self.resolvers, &self.gone, before);
        napi.set_resolvers(self.network, &wanted, network.etag.as_deref())?;
        Ok(())
    }

    fn tells_beforehand(&self) -> bool {
        false
    }
}
