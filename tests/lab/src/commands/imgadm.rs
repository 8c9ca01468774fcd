// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `imgadm list -j`, `get` and `import -q`.

use std::sync::Arc;

use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use uuid::Uuid;

use super::{Subcommand, dispatch};
use crate::call::Call;
use crate::lab::Lab;
use crate::model::Dc;
use crate::trouble::Trouble;
use crate::{agents, dns, http};

pub const SUBCOMMANDS: [Subcommand; 3] = [("list", list), ("get", get), ("import", import)];

pub fn run(lab: &Arc<Lab>, call: &mut Call) -> i32 {
    dispatch(lab, call, &SUBCOMMANDS).unwrap_or_else(|| usage(call))
}

fn usage(call: &mut Call) -> i32 {
    call.fail(
        1,
        "imgadm: error (Usage): the lab's imgadm knows list -j, get UUID and import -q UUID",
    )
}

fn list(lab: &Arc<Lab>, call: &mut Call, args: &[&str]) -> i32 {
    if args != ["-j"] {
        return usage(call);
    }
    let images: Vec<Value> = {
        let dc = lab.dc();
        let host = dc.hosts.get(&call.host);
        let clones = |uuid: &Uuid| -> Vec<String> {
            let zones = host.into_iter().flat_map(|host| host.vms.values());
            let made = zones.filter(|vm| vm.props.get("image_uuid") == Some(&json!(uuid)));
            made.map(|vm| format!("zones/{}", vm.uuid)).collect()
        };
        let images = host.into_iter().flat_map(|host| &host.images);
        let images = images.filter(|(_, manifest)| !is_missing(lab, manifest));
        images
            .map(|(uuid, manifest)| {
                let (mut image, names) = (shown(&dc, manifest), clones(uuid));
                image["clones"] = json!(names.len());
                image["cloneNames"] = json!(names);
                image
            })
            .collect()
    };
    call.out(format!("{:#}\n", json!(images)));
    0
}

fn get(lab: &Arc<Lab>, call: &mut Call, args: &[&str]) -> i32 {
    let [uuid] = args else { return usage(call) };
    let found = installed(lab, &call.host, uuid).map(|manifest| shown(&lab.dc(), &manifest));
    match found {
        Some(image) => {
            call.out(format!("{image:#}\n"));
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

fn import(lab: &Arc<Lab>, call: &mut Call, args: &[&str]) -> i32 {
    match args {
        ["-q", uuid] => install(lab, call, uuid),
        _ => usage(call),
    }
}

fn shown(dc: &Dc, manifest: &Value) -> Value {
    json!({"manifest": manifest, "zpool": "zones", "source": format!("http://{}", dc.name_of("imgapi"))})
}

fn installed(lab: &Lab, host: &str, uuid: &str) -> Option<Value> {
    let uuid = uuid.parse::<Uuid>().ok()?;
    let image = lab.dc().hosts.get(host)?.images.get(&uuid).cloned();
    image.filter(|manifest| !is_missing(lab, manifest))
}

fn is_missing(lab: &Lab, manifest: &Value) -> bool {
    let name = manifest["name"].as_str().unwrap_or_default();
    let missing = Trouble::ImageMissing(name.to_owned());
    lab.troubles.there_is(&missing)
}

/// From the datacenter's IMGAPI, as this host reaches it; origin first.
fn install(lab: &Arc<Lab>, call: &mut Call, uuid: &str) -> i32 {
    match fetch(lab, &call.host, uuid) {
        Ok(()) => 0,
        Err(why) => call.fail(1, format!("imgadm import: error {why}")),
    }
}

fn fetch(lab: &Lab, host: &str, uuid: &str) -> Result<(), String> {
    if installed(lab, host, uuid).is_some() {
        return Ok(());
    }
    let key: Uuid = uuid
        .parse()
        .map_err(|_| format!("(InvalidUUID): invalid uuid: \"{uuid}\""))?;
    let name = lab.dc().name_of("imgapi");
    let address = dns::lookup(&agents::resolvers(lab, host), &name)
        .and_then(|all| all.first().copied())
        .ok_or_else(|| {
            format!(
                "(SourcePing): unexpected ping error with image source \"http://{name}\": getaddrinfo ENOTFOUND"
            )
        })?;
    let get = |path: &str| {
        http::send(
            (address, 80).into(),
            &name,
            "GET",
            path,
            None,
            "imgadm/3.10.3",
        )
        .map_err(|error| format!("(ClientError): http://{name}{path}: {error}"))
    };
    let manifest = match get(&format!("/images/{uuid}"))? {
        (200, body) => serde_json::from_slice::<Value>(&body).ok(),
        _ => None,
    };
    let manifest = manifest
        .filter(|it| it["state"] == "active")
        .ok_or_else(|| {
            format!(
                "(ActiveImageNotFound): an active image \"{uuid}\" was not found in image sources"
            )
        })?;
    if let Some(origin) = manifest["origin"].as_str() {
        fetch(lab, host, origin)?;
    }
    let (status, file) = get(&format!("/images/{uuid}/file"))?;
    if status != 200 {
        return Err(format!(
            "(DownloadError): image {uuid}: http://{name} answered {status}"
        ));
    }
    let sum: String = Sha1::digest(&file)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let expected = manifest["files"][0]["sha1"].as_str().unwrap_or_default();
    if sum != expected {
        return Err(format!(
            "(DownloadError): image {uuid} file sha1 expected to be \"{expected}\", but was \"{sum}\""
        ));
    }
    if let Some(host) = lab.dc().hosts.get_mut(host) {
        host.images.insert(key, manifest);
    }
    Ok(())
}
