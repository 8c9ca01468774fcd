// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Putting a JSON object together from restore data and a plan: base, minus what is dropped, with the changes merged in, and
//! outputs of earlier steps where the plan refers to them.

use documents::plan::{StepId, output_reference};
use documents::verb::Composed;
use serde_json::{Map, Value};

use crate::step::{Look, Outputs, StepError};
use crate::world::World;

/// The object, or the step whose output it still lacks.
pub enum Composition {
    Whole(Map<String, Value>),
    Lacks(StepId),
}

impl Composition {
    /// Whether a step that needs it can be done.
    pub fn look(composed: Result<Composition, StepError>) -> Look {
        match composed {
            Ok(Composition::Whole(_)) => Look::Ready,
            Ok(Composition::Lacks(step)) => Look::NotYet(format!("{step} has no output yet")),
            Err(error) => Look::Conflict(error.why),
        }
    }

    pub fn whole(self) -> Result<Map<String, Value>, StepError> {
        match self {
            Composition::Whole(object) => Ok(object),
            Composition::Lacks(step) => Err(StepError::firm(format!("{step} has no output yet"))),
        }
    }
}

pub fn compose(
    world: &World,
    composed: &Composed,
    outputs: &Outputs,
) -> Result<Composition, StepError> {
    let mut object = match &composed.base {
        Some(secret) => world.open_secret(secret)?,
        None => Map::new(),
    };
    for key in &composed.drop {
        object.remove(key);
    }
    let set = match filled(&Value::Object(composed.set.clone()), outputs) {
        Ok(set) => set,
        Err(step) => return Ok(Composition::Lacks(step)),
    };
    let mut whole = Value::Object(object);
    merge(&mut whole, set);
    match whole {
        Value::Object(object) => Ok(Composition::Whole(object)),
        _ => Err(StepError::firm("the composed value is no JSON object")),
    }
}

/// The value with every reference to an output replaced by it.
pub fn filled(value: &Value, outputs: &Outputs) -> Result<Value, StepId> {
    if let Some((step, output)) = output_reference(value) {
        return outputs.get(&step, &output).ok_or(step);
    }
    Ok(match value {
        Value::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| filled(item, outputs))
                .collect::<Result<_, _>>()?,
        ),
        Value::Object(map) => {
            let pairs = map
                .iter()
                .map(|(key, item)| Ok((key.clone(), filled(item, outputs)?)));
            Value::Object(pairs.collect::<Result<_, StepId>>()?)
        }
        other => other.clone(),
    })
}

/// RFC 7396: null removes, objects merge, all else replaces.
fn merge(into: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *into = patch;
        return;
    };
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    let Value::Object(object) = into else { return };
    for (key, value) in patch {
        if value.is_null() {
            object.remove(&key);
        } else {
            merge(object.entry(key).or_insert(Value::Null), value);
        }
    }
}

/// True when `whole` has everything that the patch `part` says, and nothing that it removes.
pub fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part
            .iter()
            .all(|(key, value)| contains(whole.get(key).unwrap_or(&Value::Null), value)),
        _ => whole == part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn outputs() -> Outputs {
        let outputs = Outputs::default();
        let nic = json!({"nic": {"ip": "10.99.99.101", "mac": "90:b8:d0:00:00:01"}});
        outputs.set(
            &StepId::from("imgapi/address-net0"),
            nic.as_object().cloned().unwrap(),
        );
        outputs
    }

    #[test]
    fn an_output_stands_where_the_plan_refers_to_it() {
        let value = json!({"nics": [{"from": "imgapi/address-net0.nic"}], "a": {"from": "imgapi/address-net0.nic.ip"}});
        let filled = filled(&value, &outputs()).unwrap();
        assert_eq!(filled["a"], "10.99.99.101");
        assert_eq!(filled["nics"][0]["mac"], "90:b8:d0:00:00:01");
    }

    #[test]
    fn an_output_that_is_not_there_yet_names_its_step() {
        let value = json!({"from": "sapi/address-net0.nic"});
        assert_eq!(
            filled(&value, &outputs()),
            Err(StepId::from("sapi/address-net0"))
        );
    }

    #[test]
    fn null_removes_objects_merge_and_all_else_replaces() {
        let mut value = json!({"a": 1, "b": {"c": 1, "d": 2}, "e": [1]});
        merge(&mut value, json!({"a": null, "b": {"c": 3}, "e": [2, 3]}));
        assert_eq!(value, json!({"b": {"c": 3, "d": 2}, "e": [2, 3]}));
    }

    #[test]
    fn a_record_contains_what_was_set_in_it_whatever_else_it_has() {
        let record = json!({"uuid": "x", "params": {"alias": "imgapi1", "more": true}});
        assert!(contains(&record, &json!({"params": {"alias": "imgapi1"}})));
        assert!(!contains(&record, &json!({"params": {"alias": "imgapi2"}})));
        assert!(contains(&record, &json!({"params": {"gone": null}})));
        assert!(!contains(&record, &json!({"params": {"more": null}})));
        assert!(!contains(&record, &json!({"absent": {"x": 1}})));
    }
}
