// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Moray's own tools, by zlogin into a moray zone.

use lab::world::id;
use serde_json::{Value, json};

use crate::world::{HERE, Ran, World, world, zone};

const TOOLS: &str = "/opt/smartdc/moray/node_modules/moray/bin";
const BUCKET: &str = "sapi_instances";

/// As the product calls them: each word quoted for the shell in the zone.
fn moray(world: &World, tool: &str, args: &[&str]) -> Ran {
    let zone = zone("moray1").to_string();
    let tool = format!("{TOOLS}/{tool}");
    let mut words = vec!["zlogin", "-Q", &zone, "/usr/bin/env", "LOG_LEVEL=fatal"];
    words.extend(["/opt/smartdc/moray/build/node/bin/node", &tool]);
    let quoted: Vec<String> = args
        .iter()
        .map(|arg| format!("'{}'", arg.replace('\'', "'\\''")))
        .collect();
    words.extend(quoted.iter().map(String::as_str));
    world.run(HERE, &words)
}

fn running() -> World {
    let world = world();
    world.set_running(HERE, zone("moray1"));
    world
}

#[test]
fn a_record_is_written_read_and_deleted() {
    let world = running();
    let value = json!({"uuid": "k", "params": {"alias": "it's \"$HOME\" ö"}});
    let put = moray(
        &world,
        "putobject",
        &["-d", &value.to_string(), BUCKET, "k"],
    );
    assert_eq!((put.code, put.out().as_str()), (0, ""), "{}", put.err);
    let object = moray(&world, "getobject", &["-s", BUCKET, "k"]).json();
    assert_eq!(object["value"], value);
    assert_eq!(object["bucket"], BUCKET);
    assert_eq!(object["key"], "k");
    assert_eq!(object["_etag"].as_str().unwrap().len(), 8);
    assert!(object["_id"].is_u64() && object["_mtime"].is_u64());
    assert_eq!(moray(&world, "delobject", &[BUCKET, "k"]).code, 0);
    let gone = "sapi_instances::k does not exist\n";
    moray(&world, "getobject", &["-s", BUCKET, "k"]).refused(1, &format!("getobject: {gone}"));
    moray(&world, "delobject", &[BUCKET, "k"]).refused(1, &format!("delobject: {gone}"));
}

#[test]
fn a_record_that_changed_meanwhile_is_not_overwritten() {
    let world = running();
    let key = zone("imgapi0").to_string();
    let object = moray(&world, "getobject", &[BUCKET, &key]).json();
    let etag = object["_etag"].as_str().unwrap().to_owned();
    let put = |etag: &str, value: &Value| {
        moray(
            &world,
            "putobject",
            &["-d", &value.to_string(), "-e", etag, BUCKET, &key],
        )
    };
    assert_eq!(put(&etag, &json!({"a": 1})).code, 0);
    let now = moray(&world, "getobject", &[BUCKET, &key]).json();
    let conflict = format!(
        "putobject: {BUCKET}::{key} was expected to have etag \"{etag}\", but was \"{}\"\n",
        now["_etag"].as_str().unwrap()
    );
    put(&etag, &json!({"a": 2})).refused(1, &conflict);
    assert_eq!(now["value"], json!({"a": 1}));
    // The same record: a write does not make another of it.
    assert_eq!(now["_id"], object["_id"]);
}

#[test]
fn an_etag_never_fits_where_nothing_is() {
    let put = ["-d", "{}", "-e", "AAAAAAAA", BUCKET, "new"];
    moray(&running(), "putobject", &put).refused(1, "was expected to have etag \"AAAAAAAA\"");
}

#[test]
fn a_bucket_that_nobody_made_is_told_apart_from_a_record_that_is_not_there() {
    let world = running();
    moray(&world, "getobject", &["sapi_instance", "k"])
        .refused(1, "getobject: sapi_instance does not exist\n");
    moray(&world, "putobject", &["-d", "{}", "sapi_instance", "k"])
        .refused(1, "putobject: sapi_instance does not exist\n");
    // Nothing is in this one yet, but its service made it.
    moray(&world, "getobject", &["vmapi_vms", "k"]).refused(1, "vmapi_vms::k does not exist\n");
}

#[test]
fn a_zone_that_does_not_run_or_is_not_there_takes_no_login() {
    let world = world();
    let uuid = zone("moray1");
    let words = format!("zlogin: login allowed only to running zones ({uuid} is 'installed').\n");
    moray(&world, "getobject", &[BUCKET, "k"]).refused(1, &words);
    let stranger = id("nobody").to_string();
    let login = world.run(HERE, &["zlogin", "-Q", &stranger, "/usr/bin/true"]);
    login.refused(1, &format!("zlogin: zone '{stranger}' unknown\n"));
}

#[test]
fn only_a_moray_zone_has_morays_tools() {
    let world = world();
    let uuid = zone("napi0");
    world.set_running(HERE, uuid);
    let tool = format!("{TOOLS}/getobject");
    let login = world.run(
        HERE,
        &["zlogin", "-Q", &uuid.to_string(), &tool, BUCKET, "k"],
    );
    login.refused(127, "not found");
}
