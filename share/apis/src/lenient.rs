// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! How fields are read that services leave out, null or empty by turns: all three mean "not set".

use serde::Deserialize;
use serde::de::{Deserializer, Error};
use uuid::Uuid;

/// For maps, lists and booleans: null is the default.
pub fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// For UUIDs: null and `""` are none; anything else must be one.
pub fn uuid<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Uuid>, D::Error> {
    match Option::<String>::deserialize(deserializer)? {
        None => Ok(None),
        Some(text) if text.is_empty() => Ok(None),
        Some(text) => Uuid::parse_str(&text)
            .map(Some)
            .map_err(|e| D::Error::custom(format!("'{text}' is not a UUID: {e}"))),
    }
}

/// For text such as a timestamp: null and `""` are none.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Loose {
        #[serde(default, deserialize_with = "or_default")]
        list: Vec<u8>,
        #[serde(default, deserialize_with = "uuid")]
        id: Option<Uuid>,
        #[serde(default, deserialize_with = "text")]
        when: Option<String>,
    }

    #[test]
    fn absent_null_and_empty_are_the_same() {
        let unset = Loose {
            list: Vec::new(),
            id: None,
            when: None,
        };
        for body in [
            "{}",
            r#"{"list":null,"id":null,"when":null}"#,
            r#"{"list":[],"id":"","when":""}"#,
        ] {
            assert_eq!(serde_json::from_str::<Loose>(body).unwrap(), unset);
        }
    }

    #[test]
    fn a_wrong_uuid_is_told_and_not_dropped() {
        let wrong = serde_json::from_str::<Loose>(r#"{"id":"xyz"}"#).unwrap_err();
        assert!(wrong.to_string().contains("'xyz' is not a UUID"));
    }
}
