// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What the commands print, beside recorded outputs: every key that the product's parsers read from those is there, with the
//! same JSON type, and the parsers take the whole.

use std::fs;

use platform::{imgadm, sysinfo, vmadm, zfs};
use serde_json::{Map, Value};

use crate::world::{World, zone};

/// Columns of `zfs list` in the order that the product's parser reads them.
const COLUMNS: &str = "name,type,guid,creation,used,avail,refer,written,origin,mountpoint,mounted,canmount,readonly,zoned,\
                       receive_resume_token";

fn recorded(file: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/platform");
    fs::read_to_string(format!("{folder}/{file}")).unwrap()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Compares the keys of a recorded object that a parser gave a name to (all but those it put into `rest`), in `ours`.
fn same_keys(theirs: &Value, rest: &Map<String, Value>, ours: &Value, what: &str) {
    let named = theirs.as_object().unwrap().iter();
    let named: Vec<_> = named.filter(|(key, _)| !rest.contains_key(*key)).collect();
    assert!(!named.is_empty(), "{what}: the parser names no key");
    for (key, value) in named {
        assert_eq!(kind(&ours[key]), kind(value), "{key} of {what}: {ours}");
    }
}

#[test]
fn vmadm_get_prints_every_key_that_the_product_reads() {
    let world = World::new();
    for alias in ["vmapi0", "sapi0", "imgapi0"] {
        let text = recorded(&format!("vmadm-get-{alias}.json"));
        let mut theirs = json(&text);
        // Set on one zone by its operator, and on none of the lab's.
        theirs
            .as_object_mut()
            .unwrap()
            .remove("indestructible_delegated");
        let printed = world.ok("headnode0", &format!("vmadm get {}", zone(alias)));
        let ours = json(&printed);
        let parsed = vmadm::parse_vm(&text).unwrap();
        same_keys(&theirs, &parsed.rest, &ours, alias);
        let admin = parsed.admin_nic().unwrap();
        let found = vmadm::parse_vm(&printed).unwrap();
        let theirs = theirs["nics"].as_array().unwrap().iter();
        let theirs = theirs
            .clone()
            .find(|nic| nic["nic_tag"] == "admin")
            .unwrap();
        same_keys(
            theirs,
            &admin.rest,
            &ours["nics"][0],
            &format!("{alias}'s NIC"),
        );
        assert_eq!(found.smartdc_role(), parsed.smartdc_role());
        assert_eq!(
            found.delegate_dataset().is_some(),
            parsed.delegate_dataset().is_some()
        );
    }
}

#[test]
fn vmadm_lookup_finds_by_tags_what_get_prints() {
    let world = World::new();
    let found = world.ok("headnode0", "vmadm lookup tags.smartdc_role=imgapi");
    let uuids = vmadm::parse_lookup(&found).unwrap();
    assert_eq!(uuids[0].to_string(), zone("imgapi0"));
    assert_eq!(
        found.lines().count(),
        recorded("vmadm-lookup-imgapi.txt").lines().count()
    );
    let objects = world.ok("headnode0", "vmadm lookup -j tags.smartdc_role=imgapi");
    let got = world.ok("headnode0", &format!("vmadm get {}", zone("imgapi0")));
    assert_eq!(json(&objects), Value::Array(vec![json(&got)]));
    assert_eq!(
        world.ok("headnode0", "vmadm lookup tags.smartdc_role=none"),
        ""
    );
    for (host, zones) in [("headnode0", 7), ("headnode1", 19), ("cn0", 3)] {
        let all = world.ok(host, "vmadm lookup -j");
        assert_eq!(
            vmadm::parse_lookup_json(&all).unwrap().len(),
            zones,
            "{host}"
        );
    }
}

#[test]
fn a_zone_that_is_not_there_is_missed_in_the_words_that_the_product_knows() {
    let world = World::new();
    let elsewhere = zone("moray1");
    let said = world.call("headnode0", &format!("vmadm get {elsewhere}"), b"");
    assert_eq!(said.code, 1);
    assert_eq!(
        said.err,
        format!("zoneadm: {elsewhere}: No such zone configured\n")
    );
    let said = world.call("headnode0", &format!("imgadm get {elsewhere}"), b"");
    assert_eq!(said.code, 3);
    assert!(said.err.contains("(ImageNotInstalled)"), "{}", said.err);
    let said = world.call("headnode0", &format!("zfs list -Hp zones/{elsewhere}"), b"");
    assert_eq!(said.code, 1);
    assert!(said.err.contains("dataset does not exist"), "{}", said.err);
}

#[test]
fn imgadm_prints_every_key_that_the_product_reads() {
    let world = World::new();
    let listed = world.ok("headnode0", "imgadm list -j");
    let text = recorded("imgadm-list.json");
    let (theirs, ours) = (json(&text), json(&listed));
    let ours = ours.as_array().unwrap();
    let parsed = imgadm::parse_list(&text).unwrap();
    assert_eq!(imgadm::parse_list(&listed).unwrap().len(), ours.len());
    // One with an origin, as most are.
    let at = parsed
        .iter()
        .position(|image| image.manifest.origin.is_some());
    let (theirs, manifest) = (&theirs[at.unwrap()], &parsed[at.unwrap()].manifest);
    let imgapi = ours
        .iter()
        .find(|image| image["manifest"]["name"] == "imgapi")
        .unwrap();
    same_keys(theirs, &Map::new(), imgapi, "an image");
    same_keys(
        &theirs["manifest"],
        &manifest.rest,
        &imgapi["manifest"],
        "a manifest",
    );
    let (file, ours) = (
        &theirs["manifest"]["files"][0],
        &imgapi["manifest"]["files"][0],
    );
    same_keys(file, &manifest.files[0].rest, ours, "an image's file");
    assert_eq!(imgapi["clones"], 1);
    assert_eq!(
        imgapi["cloneNames"][0],
        format!("zones/{}", zone("imgapi0"))
    );

    let uuid = imgapi["manifest"]["uuid"].as_str().unwrap();
    let got = json(&world.ok("headnode0", &format!("imgadm get {uuid}")));
    let keys = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&got), keys(&json(&recorded("imgadm-get-imgapi.json"))));
    assert_eq!(got["manifest"], imgapi["manifest"]);
}

#[test]
fn sysinfo_prints_every_key_that_the_product_reads() {
    let world = World::new();
    for (host, file, headnode) in [
        ("headnode0", "sysinfo.json", true),
        ("cn0", "sysinfo-cn.json", false),
    ] {
        let text = recorded(file);
        let printed = world.ok(host, "sysinfo");
        let (theirs, ours) = (json(&text), json(&printed));
        let (parsed, found) = (
            sysinfo::parse(&text).unwrap(),
            sysinfo::parse(&printed).unwrap(),
        );
        same_keys(&theirs, &parsed.rest, &ours, file);
        let (name, link) = parsed.network_interfaces.first_key_value().unwrap();
        let theirs = &theirs["Network Interfaces"][name];
        same_keys(theirs, &link.rest, &ours["Network Interfaces"][name], name);
        assert_eq!(found.is_headnode(), headnode);
        assert_eq!(found.hostname, host);
        assert_eq!(found.admin_ip().is_some(), parsed.admin_ip().is_some());
        assert!(found.setup);
    }
}

#[test]
fn zfs_lists_datasets_and_snapshots_as_the_product_reads_them() {
    let world = World::new();
    let data = format!("zones/{}/data", zone("imgapi0"));
    let text = world.ok(
        "headnode0",
        &format!("zfs list -Hp -t filesystem,volume -o {COLUMNS}"),
    );
    let datasets = zfs::parse_list(&text).unwrap();
    let found = datasets
        .iter()
        .find(|dataset| dataset.name == data)
        .unwrap();
    assert!(found.zoned && found.refer > 0 && found.guid > 0);
    assert_eq!(
        (found.origin.as_ref(), found.receive_resume_token.as_ref()),
        (None, None)
    );

    // Without columns named, those of the recorded listing.
    let plain = world.ok("headnode0", &format!("zfs list -Hp zones {data}"));
    let recorded = recorded("zfs-list-Hp.txt");
    let columns = |text: &str| text.lines().next().unwrap().split('\t').count();
    assert_eq!(columns(&plain), columns(&recorded));

    world.ok("headnode0", &format!("zfs snapshot {data}@one"));
    let columns = zfs::SNAPSHOT_COLUMNS;
    let line = format!("zfs list -Hp -t snapshot -o {columns} -s creation -d 1 {data}");
    let snapshots = zfs::parse_snapshots(&world.ok("headnode0", &line)).unwrap();
    assert_eq!(snapshots.len(), 1);
    assert_eq!(snapshots[0].name, format!("{data}@one"));
}

#[test]
fn zfs_get_tells_values_and_where_they_come_from() {
    let world = World::new();
    let root = format!("zones/{}", zone("imgapi0"));
    let line = format!(
        "zfs get -Hp -o name,property,value,source zoned,written,triton:mark {root}/data {root}"
    );
    let properties = zfs::parse_get(&world.ok("headnode0", &line)).unwrap();
    let of = |dataset: &str, name: &str| {
        let mut all = properties.iter();
        let found = all
            .find(|one| one.dataset == dataset && one.name == name)
            .unwrap();
        (found.value.clone(), found.source.clone())
    };
    let pair = |value: &str, source: &str| (value.to_owned(), source.to_owned());
    assert_eq!(of(&format!("{root}/data"), "zoned"), pair("on", "local"));
    assert_eq!(of(&root, "zoned"), pair("off", "default"));
    assert_eq!(of(&root, "triton:mark"), pair("-", "-"));
    assert!(
        of(&format!("{root}/data"), "written")
            .0
            .parse::<u64>()
            .unwrap()
            > 0
    );
}
