// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Whether what the lab prints could have been printed by the real command: no key that this does not have, and the same
//! JSON types where both have one.

use serde_json::Value;

/// Every difference, by path. What the lab leaves out is no difference: it prints only what somebody reads.
pub fn strangers(ours: &Value, real: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", ours, real, &mut found);
    found
}

fn compare(path: &str, ours: &Value, real: &Value, found: &mut Vec<String>) {
    match (ours, real) {
        (Value::Object(ours), Value::Object(real)) => {
            for (key, value) in ours {
                let path = format!("{path}/{key}");
                match real.get(key) {
                    Some(other) => compare(&path, value, other, found),
                    None => found.push(format!("{path} is not there")),
                }
            }
        }
        (Value::Array(ours), Value::Array(real)) => {
            if let (Some(ours), Some(real)) = (ours.first(), real.first()) {
                compare(&format!("{path}/0"), ours, real, found);
            }
        }
        (ours, real) if kind(ours) != kind(real) => {
            found.push(format!("{path} is {}, not {}", kind(real), kind(ours)));
        }
        _ => {}
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
