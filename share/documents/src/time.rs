// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Points in time as the documents write them: RFC 3339, UTC, milliseconds (`2026-11-23T05:10:00.000Z`).

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// The only place in the documents that reads a clock. Planners never call it.
    pub fn now() -> Timestamp {
        Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
    }

    /// Milliseconds since 1970; what lies beyond the calendar becomes the nearest end of it.
    pub fn from_millis(millis: i64) -> Timestamp {
        Timestamp(
            jiff::Timestamp::from_millisecond(millis).unwrap_or(if millis < 0 {
                jiff::Timestamp::MIN
            } else {
                jiff::Timestamp::MAX
            }),
        )
    }

    pub fn as_millis(self) -> i64 {
        self.0.as_millisecond()
    }

    /// Whole seconds from `earlier` to here; negative when clocks disagree.
    pub fn seconds_since(self, earlier: Timestamp) -> i64 {
        (self.as_millis() - earlier.as_millis()).div_euclid(1000)
    }

    /// `20261123T051000Z`, for names of files and snapshots. They sort as time does.
    pub fn compact(self) -> String {
        self.0.strftime("%Y%m%dT%H%M%SZ").to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%dT%H:%M:%S.%3fZ"))
    }
}

impl FromStr for Timestamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Timestamp, String> {
        text.parse::<jiff::Timestamp>()
            .map(|t| Timestamp::from_millis(t.as_millisecond()))
            .map_err(|error| {
                format!("{text:?} is not a time such as 2026-11-23T05:10:00.000Z: {error}")
            })
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_back_as_it_was_written() {
        let text = "2026-11-23T05:10:00.042Z";
        assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
    }

    #[test]
    fn compact_names_sort_as_time_does() {
        let early: Timestamp = "2026-11-23T05:10:00Z".parse().unwrap();
        let late: Timestamp = "2026-11-23T05:10:01Z".parse().unwrap();
        assert_eq!(early.compact(), "20261123T051000Z");
        assert!(early.compact() < late.compact());
        assert_eq!(late.seconds_since(early), 1);
    }

    #[test]
    fn a_time_without_its_zone_is_refused() {
        assert!("2026-11-23T05:10:00".parse::<Timestamp>().is_err());
    }
}
