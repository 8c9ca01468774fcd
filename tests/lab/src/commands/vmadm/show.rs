// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What vmadm prints of VMs.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::call::Call;
use crate::lab::Lab;
use crate::model::{Host, Vm};

/// Everything that `vmadm get` prints.
pub fn object(host: &Host, vm: &Vm) -> Map<String, Value> {
    let mut object = vm.props.clone();
    object.insert("uuid".to_owned(), json!(vm.uuid));
    object.insert("state".to_owned(), json!(vm.state));
    let zone_state = if vm.state == "running" {
        "running"
    } else {
        "installed"
    };
    object.insert("zone_state".to_owned(), json!(zone_state));
    object.insert("server_uuid".to_owned(), json!(host.uuid));
    object
}

pub fn get(lab: &Arc<Lab>, call: &mut Call, args: &[&str]) -> i32 {
    let [uuid] = args else {
        return super::usage(call);
    };
    let found = {
        let dc = lab.dc();
        let host = dc.hosts.get(&call.host);
        let vm = uuid
            .parse::<Uuid>()
            .ok()
            .and_then(|uuid| host?.vms.get(&uuid));
        host.zip(vm)
            .map(|(host, vm)| Value::Object(object(host, vm)))
    };
    match found {
        Some(object) => {
            call.out(format!("{object:#}\n"));
            0
        }
        None => super::absent(call, uuid),
    }
}

/// `lookup [-j] key=value...`, with dots into objects.
pub fn lookup(lab: &Arc<Lab>, call: &mut Call, args: &[&str]) -> i32 {
    let as_json = args.first() == Some(&"-j");
    let filters: Vec<(&str, &str)> = args.iter().filter_map(|arg| arg.split_once('=')).collect();
    let found: Vec<Value> = {
        let dc = lab.dc();
        let host = dc.hosts.get(&call.host);
        let all = host
            .into_iter()
            .flat_map(|host| host.vms.values().map(|vm| object(host, vm)));
        all.filter(|vm| {
            filters
                .iter()
                .all(|(key, value)| text(vm, key).as_deref() == Some(value))
        })
        .map(Value::Object)
        .collect()
    };
    if as_json {
        call.out(format!("{:#}\n", json!(found)));
    } else {
        let uuids: String = found
            .iter()
            .filter_map(|vm| vm["uuid"].as_str())
            .map(|u| format!("{u}\n"))
            .collect();
        call.out(uuids);
    }
    0
}

/// `list -H -p -o uuid,alias,state`: colons between the columns.
pub fn list(lab: &Arc<Lab>, call: &mut Call, args: &[&str]) -> i32 {
    let ["-H", "-p", "-o", columns] = args else {
        return call.fail(2, "vmadm: the lab knows only list -H -p -o COLUMNS");
    };
    let rows: String = {
        let dc = lab.dc();
        let host = dc.hosts.get(&call.host);
        host.into_iter()
            .flat_map(|host| host.vms.values().map(|vm| object(host, vm)))
            .map(|vm| {
                let cells: Vec<String> = columns
                    .split(',')
                    .map(|column| text(&vm, column).unwrap_or_default())
                    .collect();
                format!("{}\n", cells.join(":"))
            })
            .collect()
    };
    call.out(rows);
    0
}

fn text(vm: &Map<String, Value>, key: &str) -> Option<String> {
    let mut parts = key.split('.');
    let first = vm.get(parts.next()?)?;
    match parts.try_fold(first, |value, part| value.get(part))? {
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}
