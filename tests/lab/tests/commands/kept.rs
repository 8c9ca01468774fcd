// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What stays: data of a zone that is protected, names that are taken, a copy that a stream does not fit, a zone without autoboot.

use lab::world::id;
use serde_json::json;

use crate::world::{World, zone};

const HOST: &str = "headnode1";

#[test]
fn a_zone_without_autoboot_stays_stopped() {
    let world = World::new();
    world.create("one", json!({}));
    let vm: serde_json::Value =
        serde_json::from_str(&world.ok(HOST, &format!("vmadm get {}", id("one")))).unwrap();
    assert_eq!(
        (&vm["state"], &vm["zone_state"]),
        (&json!("stopped"), &json!("installed"))
    );
    assert_eq!(world.lab.dc().hosts[HOST].vms[&id("one")].boot, 0);
    let complaint = world.refused(HOST, &format!("zlogin -Q {} /usr/bin/true", id("one")), b"");
    assert!(complaint.starts_with("zlogin: "), "{complaint}");
}

#[test]
fn a_zone_that_is_deleted_takes_its_data_with_it_unless_it_says_otherwise() {
    let world = World::new();
    world.create("one", json!({}));
    world.create("kept", json!({"indestructible_delegated": true}));
    world.ok(HOST, &format!("vmadm delete {}", id("one")));
    let complaint = world.refused(HOST, &format!("vmadm delete {}", id("kept")), b"");
    assert!(complaint.contains("indestructible"), "{complaint}");
    let dc = world.lab.dc();
    let there = |name: &str| {
        let data = format!("zones/{}/data", id(name));
        let host = &dc.hosts[HOST];
        (
            host.vms.contains_key(&id(name)),
            host.datasets.contains_key(&data),
        )
    };
    assert_eq!(there("one"), (false, false));
    assert_eq!(there("kept"), (true, true));
}

#[test]
fn a_zone_whose_data_somebody_cloned_is_not_deleted() {
    let world = World::new();
    world.create("one", json!({}));
    let data = format!("zones/{}/data", id("one"));
    world.ok(HOST, &format!("zfs snapshot {data}@a"));
    world.ok(HOST, &format!("zfs clone {data}@a zones/clone"));
    let complaint = world.refused(HOST, &format!("vmadm delete {}", id("one")), b"");
    assert!(complaint.contains("zones/clone"), "{complaint}");
    world.ok(HOST, &format!("vmadm get {}", id("one")));
}

#[test]
fn a_cut_stream_that_does_not_fit_leaves_no_token() {
    let world = World::new();
    let data = format!("zones/{}/data", zone("imgapi0"));
    for snapshot in ["a", "b"] {
        world.ok("headnode0", &format!("zfs snapshot {data}@{snapshot}"));
    }
    let send = |arguments: &str| {
        world
            .call("headnode0", &format!("zfs send -L -e -c {arguments}"), b"")
            .out
    };
    let receive = "zfs receive -s -u zones/copy";
    assert_eq!(
        world.call(HOST, receive, &send(&format!("{data}@a"))).code,
        0
    );
    let full = send(&format!("{data}@b"));
    let complaint = world.refused(HOST, receive, &full[..full.len() / 2]);
    assert!(complaint.contains("must specify -F"), "{complaint}");
    let token = world.ok(HOST, "zfs list -Hp -o receive_resume_token zones/copy");
    assert_eq!(token, "-\n");
    // What fits is not in its way.
    let increment = send(&format!("-i {data}@a {data}@b"));
    assert_eq!(world.call(HOST, receive, &increment).code, 0);
}

#[test]
fn a_name_that_is_taken_is_given_to_nothing_else() {
    let world = World::new();
    let data = format!("zones/{}/data", zone("imgapi0"));
    world.ok("headnode0", &format!("zfs snapshot {data}@a"));
    for line in [
        format!("zfs create {data}"),
        format!("zfs rename zones/opt {data}"),
        format!("zfs clone {data}@a zones/opt"),
        format!("zfs snapshot {data}@a"),
    ] {
        let complaint = world.refused("headnode0", &line, b"");
        assert!(
            complaint.contains("dataset already exists"),
            "{line}: {complaint}"
        );
    }
}
