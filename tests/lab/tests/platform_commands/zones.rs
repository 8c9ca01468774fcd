// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! vmadm: what it prints of zones, what it makes of a payload, what it refuses.

use lab::world::id;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::shape::strangers;
use crate::world::{HERE, Ran, THERE, World, data_of, fixture, world, zone};

fn create(world: &World, payload: &Value) -> Ran {
    world.feed(HERE, &["vmadm", "create"], payload.to_string().as_bytes())
}

fn payload(uuid: Uuid) -> Value {
    json!({
        "uuid": uuid, "alias": "napi1", "brand": "joyent-minimal", "image_uuid": id("image napi"), "quota": "25",
        "autoboot": false, "delegate_dataset": true, "max_physical_memory": 128,
        "nics": [{"nic_tag": "admin", "ip": "10.99.99.101", "netmask": "255.255.255.0", "primary": true}],
        "tags": {"smartdc_role": "napi"}, "resolvers": ["10.99.99.12"],
    })
}

#[test]
fn every_property_of_a_zone_is_one_that_vmadm_has_and_of_its_type() {
    let world = world();
    let mut real: Value = serde_json::from_str(&fixture("vmadm-get-imgapi0.json")).unwrap();
    // What the fixtures' zones happen not to have.
    real["internal_metadata"]["password"] = json!("");
    real["customer_metadata"]["dns_domain"] = json!("");
    for alias in ["sapi0", "vmapi0", "imgapi0", "cloudapi0"] {
        let ours = world
            .run(THERE, &["vmadm", "get", &zone(alias).to_string()])
            .json();
        assert_eq!(strangers(&ours, &real), Vec::<String>::new(), "{alias}");
    }
}

#[test]
fn a_zone_that_was_just_made_looks_like_any_other() {
    let world = world();
    let uuid = id("new");
    assert_eq!(create(&world, &payload(uuid)).code, 0);
    let ours = world.run(HERE, &["vmadm", "get", &uuid.to_string()]).json();
    let mut real: Value = serde_json::from_str(&fixture("vmadm-get-imgapi0.json")).unwrap();
    // vmadm prints a number for the string that it was given.
    real["quota"] = json!("");
    assert_eq!(strangers(&ours, &real), Vec::<String>::new());
    assert_eq!(ours["state"], "stopped");
    assert_eq!(ours["zone_state"], "installed");
    assert_eq!(ours["server_uuid"], json!(id(HERE)));
}

#[test]
fn a_zone_that_is_not_there_has_zoneadms_words_and_exit_1() {
    let world = world();
    let uuid = zone("imgapi0").to_string();
    for verb in ["get", "start"] {
        let words = format!("zoneadm: {uuid}: No such zone configured\n");
        world.run(HERE, &["vmadm", verb, &uuid]).refused(1, &words);
    }
}

#[test]
fn a_lookup_reaches_into_objects_and_may_find_nothing() {
    let world = world();
    let found = |filter: &str| {
        let ran = world.run(THERE, &["vmadm", "lookup", "-j", filter]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.json().as_array().unwrap().len()
    };
    assert_eq!(found("tags.smartdc_role=imgapi"), 1);
    assert_eq!(found("tags.smartdc_role=img"), 0);
    let uuids = world.ok(THERE, &["vmadm", "lookup", "alias=imgapi0"]);
    assert_eq!(uuids, format!("{}\n", zone("imgapi0")));
    assert_eq!(
        uuids.lines().count(),
        fixture("vmadm-lookup-imgapi.txt").lines().count()
    );
}

#[test]
fn a_zone_made_without_booting_has_an_empty_zoned_dataset() {
    let world = world();
    let uuid = id("new");
    let ran = create(&world, &payload(uuid));
    assert_eq!((ran.code, ran.out().as_str()), (0, ""));
    assert_eq!(ran.err, format!("Successfully created VM {uuid}\n"));
    let data = world.dataset(HERE, &format!("zones/{uuid}/data")).unwrap();
    assert_eq!(data.properties["zoned"], "on");
    assert!(data.snapshots.is_empty());
    let zone = world.run(HERE, &["vmadm", "get", &uuid.to_string()]).json();
    assert_eq!(zone["datasets"], json!([format!("zones/{uuid}/data")]));
    assert_eq!(zone["delegate_dataset"], Value::Null);
    assert_eq!(zone["autoboot"], false);
    let mac = zone["nics"][0]["mac"].as_str().unwrap();
    assert!(
        mac.starts_with("90:b8:d0:") && mac.split(':').count() == 6,
        "{mac}"
    );
}

#[test]
fn properties_that_vmadm_does_not_know_are_dropped_with_a_warning() {
    let world = world();
    let mut payload = payload(id("new"));
    payload["networks"] = json!([{"name": "admin"}]);
    payload["server_uuid"] = json!(id(THERE));
    let ran = create(&world, &payload);
    assert_eq!(ran.code, 0);
    for dropped in ["networks", "server_uuid"] {
        assert!(ran.err.contains(&format!("'{dropped}'")), "{}", ran.err);
    }
    let zone = world
        .run(HERE, &["vmadm", "get", &id("new").to_string()])
        .json();
    assert_eq!(zone["networks"], Value::Null);
    assert_eq!(zone["server_uuid"], json!(id(HERE)));
}

#[test]
fn a_bad_payload_is_refused_and_leaves_nothing() {
    let world = world();
    let missing = id("image of nobody");
    let bad = |key: &str, value: Value| {
        let mut payload = payload(id("new"));
        payload[key] = value;
        payload
    };
    let nic = |key: &str, value: &str| {
        let mut payload = payload(id("new"));
        payload["nics"][0][key] = json!(value);
        payload
    };
    let mut nameless = payload(id("new"));
    nameless.as_object_mut().unwrap().remove("brand");
    // The world's images go only where zones are made from them.
    let elsewhere = id("image cloudapi");
    let cases = [
        (nameless, "Missing required properties: brand".to_owned()),
        (
            bad("uuid", json!(zone("napi0"))),
            format!("already exists for UUID {}", zone("napi0")),
        ),
        (
            bad("uuid", json!("me")),
            "Invalid value(s) for: uuid".to_owned(),
        ),
        (
            bad("quota", json!("lots")),
            "Invalid value(s) for: quota".to_owned(),
        ),
        (
            bad("image_uuid", json!(missing)),
            format!("image {missing} not found"),
        ),
        (
            bad("image_uuid", json!(elsewhere)),
            format!("image {elsewhere} not found"),
        ),
        (
            nic("nic_tag", "internal"),
            "Invalid nic tag \"internal\"".to_owned(),
        ),
        (nic("mac", "90:b8"), "nics.*.mac".to_owned()),
        (nic("ip", "10.99.99"), "nics.*.ip".to_owned()),
    ];
    for (payload, words) in cases {
        create(&world, &payload).refused(1, &words);
    }
    world
        .feed(HERE, &["vmadm", "create"], b"{\"uuid\":")
        .refused(1, "Invalid JSON");
    let uuid = id("new").to_string();
    assert_eq!(world.run(HERE, &["vmadm", "get", &uuid]).code, 1);
    assert!(world.dataset(HERE, &format!("zones/{uuid}")).is_none());
}

#[test]
fn a_host_without_the_nic_tag_refuses_the_zone() {
    let world = world();
    let mut payload = payload(id("new"));
    payload["nics"][0]["nic_tag"] = json!("external");
    world.lab.dc().hosts.get_mut(HERE).unwrap().nic_tags = vec!["admin".to_owned()];
    create(&world, &payload).refused(1, "Invalid nic tag \"external\"");
}

#[test]
fn a_zone_whose_dataset_is_missing_does_not_boot() {
    let world = world();
    let (uuid, data) = (zone("amonredis0").to_string(), data_of("amonredis0"));
    world.ok(HERE, &["zfs", "set", "zoned=off", &data]);
    world.ok(HERE, &["zfs", "rename", &data, &format!("{data}-aside")]);
    world.run(HERE, &["vmadm", "start", &uuid]).refused(
        1,
        &format!("could not verify zfs dataset {data}: dataset does not exist\nzoneadm: zone {uuid} failed to verify"),
    );
    assert_eq!(
        world.run(HERE, &["vmadm", "get", &uuid]).json()["state"],
        "stopped"
    );
}

#[test]
fn starting_what_runs_is_fine() {
    let world = world();
    let uuid = zone("amonredis0");
    world.set_running(HERE, uuid);
    let ran = world.run(HERE, &["vmadm", "start", &uuid.to_string()]);
    assert_eq!(ran.code, 0);
    assert!(ran.err.contains("already"), "{}", ran.err);
}
