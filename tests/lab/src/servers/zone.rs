// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The zone that a server runs in, and what it reaches from there: moray, its own files, other services by name.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::routing::plain_error;
use crate::http::{self, Response};
use crate::lab::Lab;
use crate::model::{HostState, MorayObject};
use crate::{dns, physics};

pub struct Zone {
    pub lab: Arc<Lab>,
    pub host: String,
    pub vm: Uuid,
}

impl Zone {
    pub fn new(lab: &Arc<Lab>, host: &str, vm: Uuid) -> Zone {
        Zone {
            lab: Arc::clone(lab),
            host: host.to_owned(),
            vm,
        }
    }

    pub fn runs(&self) -> bool {
        let dc = self.lab.dc();
        let host = dc
            .hosts
            .get(&self.host)
            .filter(|host| host.state == HostState::Up);
        host.and_then(|host| host.vms.get(&self.vm))
            .is_some_and(|vm| vm.state == "running")
    }

    /// True while some moray answers.
    pub fn moray(&self) -> bool {
        self.lab.dc().moray_answers()
    }

    /// What a request ends with when it needs moray and there is none.
    pub fn need_moray(&self) -> Result<(), Response> {
        if self.moray() {
            Ok(())
        } else {
            Err(plain_error(500, "no active connections"))
        }
    }

    pub fn object(&self, bucket: &str, key: &str) -> Result<Option<MorayObject>, Response> {
        self.need_moray()?;
        Ok(self.lab.dc().moray.get(bucket, key).cloned())
    }

    pub fn value(&self, bucket: &str, key: &str) -> Result<Option<Value>, Response> {
        Ok(self.object(bucket, key)?.map(|object| object.value))
    }

    /// All objects of a bucket, oldest first.
    pub fn objects(&self, bucket: &str) -> Result<Vec<MorayObject>, Response> {
        self.need_moray()?;
        Ok(self
            .lab
            .dc()
            .moray
            .list(bucket)
            .into_iter()
            .cloned()
            .collect())
    }

    pub fn values(&self, bucket: &str) -> Result<Vec<Value>, Response> {
        Ok(self
            .objects(bucket)?
            .into_iter()
            .map(|object| object.value)
            .collect())
    }

    pub fn put(&self, bucket: &str, key: &str, value: Value) -> Result<(), Response> {
        self.need_moray()?;
        let now = self.lab.now_ms();
        self.lab.dc().moray.put(bucket, key, value, now);
        Ok(())
    }

    pub fn delete(&self, bucket: &str, key: &str) -> Result<bool, Response> {
        self.need_moray()?;
        Ok(self.lab.dc().moray.delete(bucket, key).is_some())
    }

    /// Nobody else decides meanwhile. The real services write with etags and begin again when another was faster.
    pub fn deciding(&self) -> MutexGuard<'_, ()> {
        let held = self.lab.deciding.lock();
        held.unwrap_or_else(PoisonError::into_inner)
    }

    /// The files of the zone's delegate dataset.
    pub fn files(&self) -> Option<PathBuf> {
        physics::zone_files(&self.lab, &self.host, self.vm)
    }

    /// Calls another service by its name in this datacenter, as any zone must: through its own resolvers.
    pub fn call(&self, service: &str, method: &str, path: &str) -> io::Result<(u16, Value)> {
        let (name, resolvers) = {
            let dc = self.lab.dc();
            let vm = dc
                .hosts
                .get(&self.host)
                .and_then(|host| host.vms.get(&self.vm));
            (
                dc.name_of(service),
                vm.map(|vm| addresses(vm.props.get("resolvers")))
                    .unwrap_or_default(),
            )
        };
        let unresolved = || io::Error::new(ErrorKind::NotFound, format!("{name} does not resolve"));
        let found = dns::lookup(&resolvers, &name).unwrap_or_default();
        let address = found.first().copied().ok_or_else(unresolved)?;
        let address = SocketAddr::new(IpAddr::V4(address), 80);
        let (status, bytes) =
            http::send(address, &name, method, path, None, "restify/4.3 (lab zone)")?;
        Ok((
            status,
            serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        ))
    }

    /// ISO 8601 with milliseconds, as all these APIs print times.
    pub fn now(&self) -> String {
        iso(self.lab.now_ms())
    }

    /// The process that would be the server's.
    pub fn pid(&self) -> Value {
        json!(4000 + u32::from(self.vm.as_bytes()[15]))
    }
}

pub fn iso(ms: u64) -> String {
    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(ms)
        .map(|time| format!("{time:.3}"))
        .unwrap_or_default()
}

/// A list of addresses out of a JSON array.
pub fn addresses(list: Option<&Value>) -> Vec<Ipv4Addr> {
    let texts = list
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    texts.filter_map(|text| text.parse().ok()).collect()
}

pub fn is_uuid(text: &str) -> bool {
    // Only the dashed form counts, in either case.
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}
