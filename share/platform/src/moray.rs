// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Moray's own tools, run inside a moray zone: how records are written when the APIs above moray are down.
//!
//! Their texts are those of node-moray's `bin/*` and moray's `lib/errors.js`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{CommandError, Error, Host, Output, ParseError, zlogin};

const NODE: &str = "/opt/smartdc/moray/build/node/bin/node";
const GETOBJECT: &str = "/opt/smartdc/moray/node_modules/moray/bin/getobject";
const PUTOBJECT: &str = "/opt/smartdc/moray/node_modules/moray/bin/putobject";
const DELOBJECT: &str = "/opt/smartdc/moray/node_modules/moray/bin/delobject";
const FINDOBJECTS: &str = "/opt/smartdc/moray/node_modules/moray/bin/findobjects";

/// How many objects one `findobjects` is asked for; its own default.
const PAGE: usize = 1000;

/// A record. Values hold keys and passwords: it has no printable form but its name.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Object {
    pub bucket: String,
    pub key: String,
    pub value: Map<String, Value>,
    /// Changes with every write.
    #[serde(rename = "_etag")]
    pub etag: String,
    /// Milliseconds since 1970.
    #[serde(rename = "_mtime", default, skip_serializing_if = "Option::is_none")]
    pub mtime: Option<i64>,
    #[serde(rename = "_id", default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
}

impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Object({}::{} {})", self.bucket, self.key, self.etag)
    }
}

/// A moray zone of a host, and what is asked of it.
#[derive(Debug, Clone)]
pub struct Moray {
    pub host: Host,
    pub zone: Uuid,
}

/// How a write ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    Written,
    /// The object has another etag than the one given, or is not there. Nothing was written.
    Conflict {
        /// `B::K was expected to have etag "X", but was "Y"`
        words: String,
    },
}

impl Moray {
    /// The object, read past moray's cache; `None` when it is not there. A bucket that is not there is an error.
    pub fn get(&self, bucket: &str, key: &str) -> Result<Option<Object>, Error> {
        self.check(bucket, key)?;
        let command = zlogin::command(self.zone, argv(GETOBJECT, &["-s", bucket, key]));
        let output = self.host.run(&command)?;
        if output.success() {
            let parsed = parse_object(&output.text());
            return Ok(Some(
                parsed.map_err(|error| self.misunderstood("getobject", error))?,
            ));
        }
        if says_absent(&output, bucket, key) {
            return Ok(None);
        }
        Err(CommandError::of_output(&self.host, &command, &output).into())
    }

    /// Writes the object, over what is there. With `etag`, only if what is there has it.
    ///
    /// The tool can't say "only if nothing is there": without an etag it overwrites, and with one it fails where nothing is
    /// there. A new object is therefore written after a [`get`](Moray::get) found none, and read again afterwards; its key
    /// should be one that nobody else would choose.
    ///
    /// The value is an argument, as the tool reads it from nowhere else: root of that zone can see it while it runs.
    pub fn put(
        &self,
        bucket: &str,
        key: &str,
        value: &Map<String, Value>,
        etag: Option<&str>,
    ) -> Result<Put, Error> {
        self.check(bucket, key)?;
        let mut more = Vec::new();
        if let Some(etag) = etag {
            more.extend(["-e", etag]);
        }
        more.extend([bucket, key]);
        let value = Value::Object(value.clone()).to_string();
        let command =
            zlogin::command_with_secret(self.zone, &argv(PUTOBJECT, &["-d"]), &value, &more);
        let output = self.host.run(&command)?;
        if output.success() {
            return Ok(Put::Written);
        }
        match conflict(&output.complaint()) {
            Some(words) => Ok(Put::Conflict { words }),
            None => Err(CommandError::of_output(&self.host, &command, &output).into()),
        }
    }

    /// Removes the object. False when it was not there.
    pub fn delete(&self, bucket: &str, key: &str) -> Result<bool, Error> {
        self.check(bucket, key)?;
        let command = zlogin::command(self.zone, argv(DELOBJECT, &[bucket, key]));
        let output = self.host.run(&command)?;
        match output.success() {
            true => Ok(true),
            false if says_absent(&output, bucket, key) => Ok(false),
            false => Err(CommandError::of_output(&self.host, &command, &output).into()),
        }
    }

    /// Every object that an LDAP filter, `(service_uuid=6a1d...)`, matches.
    pub fn find(&self, bucket: &str, filter: &str) -> Result<Vec<Object>, Error> {
        self.check(bucket, filter)?;
        let mut objects: Vec<Object> = Vec::new();
        loop {
            let (limit, offset) = (PAGE.to_string(), objects.len().to_string());
            // Sorted by what never changes, so that pages fit together.
            let args = ["-l", &limit, "-o", &offset, "-a", "_id", bucket, filter];
            let text = self
                .host
                .run_ok(&zlogin::command(self.zone, argv(FINDOBJECTS, &args)))?;
            let page =
                parse_objects(&text).map_err(|error| self.misunderstood("findobjects", error))?;
            let last = page.len() < PAGE;
            objects.extend(page);
            if last {
                return Ok(objects);
            }
        }
    }

    fn check(&self, bucket: &str, key: &str) -> Result<(), Error> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if bucket.is_empty() || !bucket.chars().all(plain) {
            return Err(Error::refused(
                &self.host,
                format!("'{bucket}' is no name of a bucket"),
            ));
        }
        if key.is_empty() || key.chars().any(char::is_control) {
            return Err(Error::refused(
                &self.host,
                "an object's key must not be empty or hold control characters",
            ));
        }
        Ok(())
    }

    fn misunderstood(&self, tool: &str, error: ParseError) -> Error {
        Error::parse(
            &self.host,
            format!("what {tool} printed in zone {}", self.zone),
            error,
        )
    }
}

/// A login's environment has no LOG_LEVEL, and older tools log their connection to standard error without one.
fn argv<'a>(tool: &'static str, args: &[&'a str]) -> Vec<&'a str> {
    let mut argv = vec!["/usr/bin/env", "LOG_LEVEL=fatal", NODE, tool];
    argv.extend(args);
    argv
}

/// `getobject: sapi_instances::0c7e... does not exist`. Of a bucket that is not there it says `sapi_instances does not exist`.
fn says_absent(output: &Output, bucket: &str, key: &str) -> bool {
    output
        .complaint()
        .contains(&format!("{bucket}::{key} does not exist"))
}

/// `putobject: sapi_instances::0c7e... was expected to have etag "1A2B3C4D", but was "5E6F7A8B"`
fn conflict(complaint: &str) -> Option<String> {
    let line = complaint
        .lines()
        .find(|line| line.contains(" was expected to have etag "))?;
    Some(line.strip_prefix("putobject: ").unwrap_or(line).to_owned())
}

/// `getobject sapi_instances 0c7e5d11-4a9b-4f65-8c3d-2e1f0a9b8c7d`:
///
/// ```text
/// {
///   "bucket": "sapi_instances",
///   "key": "0c7e5d11-4a9b-4f65-8c3d-2e1f0a9b8c7d",
///   "value": {
///     "uuid": "0c7e5d11-4a9b-4f65-8c3d-2e1f0a9b8c7d",
///     "service_uuid": "8a4b...", ...
///   },
///   "_id": 47,
///   "_etag": "A3C0D1F2",
///   "_mtime": 1773370012345,
///   "_txn_snap": null,
///   "_count": null
/// }
/// ```
pub fn parse_object(text: &str) -> Result<Object, ParseError> {
    crate::error::json(text)
}

/// `findobjects BUCKET FILTER`: one such object after the other, over several lines or, in other versions, on one each;
/// nothing where none matches.
pub fn parse_objects(text: &str) -> Result<Vec<Object>, ParseError> {
    let objects = serde_json::Deserializer::from_str(text).into_iter();
    objects
        .collect::<Result<_, serde_json::Error>>()
        .map_err(|error| ParseError::new(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Status;

    const OBJECT: &str = "{\n  \"bucket\": \"sapi_instances\",\n  \"key\": \"k\",\n  \"value\": {\"uuid\": \"CANARY\"},\n  \
                          \"_id\": 47,\n  \"_etag\": \"A3C0D1F2\",\n  \"_mtime\": 1773370012345,\n  \"_count\": null\n}\n";

    fn output(complaint: &str) -> Output {
        Output {
            status: Status::Exit(1),
            stdout: Vec::new(),
            stderr: complaint.as_bytes().to_vec(),
        }
    }

    #[test]
    fn an_object_is_read_and_its_value_is_not_shown() {
        let object = parse_object(OBJECT).unwrap();
        assert_eq!(
            (object.etag.as_str(), object.mtime),
            ("A3C0D1F2", Some(1_773_370_012_345))
        );
        assert_eq!(object.value["uuid"], "CANARY");
        assert_eq!(format!("{object:?}"), "Object(sapi_instances::k A3C0D1F2)");
    }

    #[test]
    fn objects_follow_each_other_on_one_line_or_on_many() {
        assert_eq!(parse_objects(&OBJECT.repeat(3)).unwrap().len(), 3);
        let one_line = OBJECT.replace('\n', "") + "\n";
        assert_eq!(parse_objects(&one_line.repeat(2)).unwrap().len(), 2);
        assert!(parse_objects("").unwrap().is_empty());
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        assert!(parse_object(&OBJECT[..50]).is_err());
        assert!(parse_object("").is_err());
        assert!(parse_objects(&format!("{OBJECT}{}", &OBJECT[..50])).is_err());
    }

    #[test]
    fn an_absent_object_is_told_apart_from_an_absent_bucket() {
        let absent = "getobject: sapi_instances::k does not exist\n";
        assert!(says_absent(&output(absent), "sapi_instances", "k"));
        let no_bucket = "getobject: sapi_instances does not exist\n";
        assert!(!says_absent(&output(no_bucket), "sapi_instances", "k"));
    }

    #[test]
    fn a_lost_race_is_told_apart_from_a_failure() {
        let said = "putobject: b::k was expected to have etag \"1\", but was \"2\"\n";
        assert_eq!(
            conflict(said).unwrap(),
            "b::k was expected to have etag \"1\", but was \"2\""
        );
        assert_eq!(conflict("putobject: connect timeout after 4000 ms\n"), None);
    }
}
