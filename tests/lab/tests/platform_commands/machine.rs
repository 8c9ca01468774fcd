// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a machine says of itself: sysinfo, its images, sick services; and which calls take something away.

use std::fs;

use lab::commands::destroys;
use lab::world::id;
use serde_json::{Value, json};

use crate::shape::strangers;
use crate::world::{HERE, fixture, world, zone};

#[test]
fn sysinfo_has_only_keys_and_types_of_the_real_one() {
    let world = world();
    for (host, file) in [(HERE, "sysinfo.json"), ("cn0", "sysinfo-cn.json")] {
        let mut real: Value = serde_json::from_str(&fixture(file)).unwrap();
        let ours = world.run(host, &["sysinfo"]).json();
        // NICs are named by their drivers, and have the same shape whatever those are.
        for side in [&mut real, &mut json!(null)] {
            if let Some(nics) = side["Network Interfaces"].as_object() {
                let nic = nics.values().next().cloned().unwrap();
                side["Network Interfaces"] = json!({"e1000g0": nic, "e1000g1": nic});
            }
        }
        assert_eq!(strangers(&ours, &real), Vec::<String>::new(), "{host}");
        assert_eq!(ours["Setup"], "true");
        assert_eq!(ours["UUID"], json!(id(host)));
        assert_eq!(ours["Hostname"], host);
    }
}

#[test]
fn only_a_headnode_was_booted_as_one() {
    let world = world();
    let booted =
        |host: &str| world.run(host, &["sysinfo"]).json()["Boot Parameters"]["headnode"].clone();
    assert_eq!(booted(HERE), "true");
    assert_eq!(booted("cn0"), Value::Null);
}

#[test]
fn an_installed_image_has_the_shape_of_the_real_one() {
    let world = world();
    let uuid = id("image napi").to_string();
    let ours = world.run(HERE, &["imgadm", "get", &uuid]).json();
    let real: Value = serde_json::from_str(&fixture("imgadm-get-imgapi.json")).unwrap();
    assert_eq!(strangers(&ours, &real), Vec::<String>::new());
    assert_eq!(ours["source"], "http://imgapi.east-1.triton.example");

    let all = world.run(HERE, &["imgadm", "list", "-j"]).json();
    let real: Value = serde_json::from_str(&fixture("imgadm-list.json")).unwrap();
    let listed = all.as_array().unwrap();
    for image in listed {
        // Not every real image has an origin; the second of the fixture does.
        assert_eq!(strangers(image, &real[1]), Vec::<String>::new());
    }
    let napi = listed
        .iter()
        .find(|image| image["manifest"]["uuid"] == json!(uuid))
        .unwrap();
    assert_eq!(napi["clones"], 1);
    assert_eq!(
        napi["cloneNames"],
        json!([format!("zones/{}", zone("napi0"))])
    );
}

#[test]
fn an_image_that_is_not_installed_exits_3() {
    let uuid = id("image cloudapi").to_string();
    world().run(HERE, &["imgadm", "get", &uuid]).refused(
        3,
        &format!("error (ImageNotInstalled): image \"{uuid}\" was not found on zpool \"zones\"\n"),
    );
}

#[test]
fn an_image_can_not_come_from_an_imgapi_that_nobody_resolves() {
    let world = world();
    let uuid = id("image cloudapi").to_string();
    world
        .run(HERE, &["imgadm", "import", "-q", &uuid])
        .refused(1, "(SourcePing): unexpected ping error with image source");
    assert_eq!(world.run(HERE, &["imgadm", "get", &uuid]).code, 3);
    // One that is there needs no source.
    let here = id("image napi").to_string();
    assert_eq!(world.run(HERE, &["imgadm", "import", "-q", &here]).code, 0);
}

#[test]
fn svcs_says_nothing_of_a_healthy_zone_and_a_paragraph_of_a_sick_one() {
    let world = world();
    let uuid = zone("napi0");
    world.set_running(HERE, uuid);
    let svcs = ["svcs", "-xvz", &uuid.to_string()];
    assert_eq!(world.ok(HERE, &svcs), "");
    let service = world.lab.zone_root(HERE, uuid).join("var/svc");
    fs::create_dir_all(&service).unwrap();
    fs::write(service.join("setup_failed"), "").unwrap();
    assert!(world.ok(HERE, &svcs).contains("State: maintenance"));
}

#[test]
fn calls_that_take_something_away_are_known_as_such() {
    let of = |line: &str| {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        destroys(&words[0], &words[1..])
    };
    for line in [
        "zfs destroy zones/a@b",
        "zfs rollback zones/a@b",
        "zfs receive -F zones/a",
        "vmadm delete u",
        "imgadm delete u",
    ] {
        assert!(of(line), "{line}");
    }
    for line in [
        "zfs rename a b",
        "zfs receive -s -u a",
        "vmadm stop u",
        "imgadm get u",
    ] {
        assert!(!of(line), "{line}");
    }
}
