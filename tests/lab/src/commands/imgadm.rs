// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `imgadm list -j`, `get` and `import -q`.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::call::Call;
use crate::lab::Lab;

pub fn run(lab: &Arc<Lab>, call: &mut Call) -> i32 {
    let args: Vec<&str> = call.args.iter().map(String::as_str).collect();
    match args[..] {
        ["list", "-j"] => {
            let images: Vec<Value> = {
                let dc = lab.dc();
                let host = dc.hosts.get(&call.host);
                host.map(|host| host.images.values().map(shown).collect())
                    .unwrap_or_default()
            };
            call.out(format!("{:#}\n", json!(images)));
            0
        }
        ["get", uuid] => {
            let found = installed(lab, &call.host, uuid);
            match found {
                Some(manifest) => {
                    call.out(format!("{:#}\n", shown(&manifest)));
                    0
                }
                None => {
                    let line = format!(
                        "imgadm get: error (ImageNotInstalled): image \"{uuid}\" was not found on zpool \"zones\""
                    );
                    call.fail(3, line)
                }
            }
        }
        ["import", "-q", uuid] => {
            let uuid = uuid.to_owned();
            import(lab, call, &uuid)
        }
        _ => call.fail(
            1,
            "imgadm: error (Usage): unknown command of the lab's imgadm",
        ),
    }
}

fn shown(manifest: &Value) -> Value {
    json!({"manifest": manifest, "zpool": "zones", "source": "http://imgapi", "clones": 0, "cloneNames": []})
}

fn installed(lab: &Lab, host: &str, uuid: &str) -> Option<Value> {
    let uuid = uuid.parse::<Uuid>().ok()?;
    lab.dc().hosts.get(host)?.images.get(&uuid).cloned()
}

/// From the datacenter's IMGAPI, while one runs; origin first.
fn import(lab: &Arc<Lab>, call: &mut Call, uuid: &str) -> i32 {
    if installed(lab, &call.host, uuid).is_some() {
        return 0;
    }
    let Ok(key) = uuid.parse::<Uuid>() else {
        return call.fail(
            1,
            format!("imgadm import: error (InvalidUUID): invalid uuid: \"{uuid}\""),
        );
    };
    let manifest = {
        let dc = lab.dc();
        let answers = !dc.running("imgapi").is_empty() && dc.moray_answers();
        if !answers {
            Err(
                "imgadm import: error (SourcePing): unexpected ping error with image source \"http://imgapi\"",
            )
        } else {
            Ok(dc
                .moray
                .get("imgapi_images", uuid)
                .map(|object| object.value.clone()))
        }
    };
    match manifest {
        Err(why) => call.fail(1, why),
        Ok(None) => {
            let line = format!(
                "imgadm import: error (ActiveImageNotFound): an active image \"{uuid}\" was not found in image sources"
            );
            call.fail(1, line)
        }
        Ok(Some(manifest)) => {
            if let Some(origin) = manifest["origin"].as_str().map(str::to_owned) {
                let code = import(lab, call, &origin);
                if code != 0 {
                    return code;
                }
            }
            if let Some(host) = lab.dc().hosts.get_mut(&call.host) {
                host.images.insert(key, manifest);
            }
            0
        }
    }
}
