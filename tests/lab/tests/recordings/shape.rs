// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The shape of a JSON value, and how two of them differ.

use serde_json::Value;

/// Key sets and JSON types, recursively; arrays by their first element, or where it says which object it is, by that.
pub fn compare(theirs: &Value, ours: &Value, at: &str, differences: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (key, value) in theirs {
                match ours.get(key) {
                    Some(found) => compare(value, found, &format!("{at}.{key}"), differences),
                    None => differences.push(format!("{at}.{key} is missing")),
                }
            }
            for key in ours.keys().filter(|key| !theirs.contains_key(*key)) {
                differences.push(format!("{at}.{key} is too much"));
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => match (theirs.first(), ours.first()) {
            (Some(theirs), Some(first)) => {
                let named = ["uuid", "mac", "ip"]
                    .into_iter()
                    .find(|key| theirs[*key].is_string());
                let same = |ours: &&Value| named.is_some_and(|key| theirs[key] == ours[key]);
                let ours = ours.iter().find(same).unwrap_or(first);
                compare(theirs, ours, &format!("{at}[0]"), differences);
            }
            (None, None) => {}
            (theirs, _) => {
                let kind = if theirs.is_some() {
                    "empty"
                } else {
                    "not empty"
                };
                differences.push(format!("{at} is {kind}"));
            }
        },
        (theirs, ours) if kind(theirs) == kind(ours) => {}
        (theirs, ours) => differences.push(format!("{at} is {}, not {}", kind(ours), kind(theirs))),
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
