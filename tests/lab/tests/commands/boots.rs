// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What becomes of zones: first boots that need a record in SAPI, and names that outlive their host for a while.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use lab::lab::Timings;
use lab::listener::Listener;
use lab::world::id;
use lab::{http, physics, servers};
use serde_json::json;

use crate::world::World;

const HOST: &str = "headnode1";

/// SAPI as it runs in sapi0, on a port of this machine.
fn sapi(world: &World) -> Listener {
    let answer = servers::answering(&world.lab, "headnode0", id("vm sapi0"), "sapi").unwrap();
    http::serve(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), answer).unwrap()
}

/// Makes a zone that boots at once; true when its setup completed, false when it failed.
fn first_boot_completes(world: &World, sapi: &Listener) -> bool {
    let metadata = json!({"sapi-url": format!("http://{}", sapi.address())});
    world.create(
        "adminui1",
        json!({"autoboot": true, "customer_metadata": metadata}),
    );
    let service = world.lab.zone_root(HOST, id("adminui1")).join("var/svc");
    let mut ended = None;
    until("the first boot ends", || {
        let complete = service.join("setup_complete").exists();
        let failed = service.join("setup_failed").exists();
        ended = (complete || failed).then_some(complete && !failed);
        ended.is_some()
    });
    ended.unwrap()
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < patience, "{what}: it did not");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn without_a_record_in_sapi_the_first_boot_fails_its_setup() {
    let world = World::new();
    let sapi = sapi(&world);
    assert!(!first_boot_completes(&world, &sapi));
    let complaints = world.ok(HOST, &format!("svcs -xvz {}", id("adminui1")));
    assert!(complaints.contains("maintenance"), "{complaints}");
    assert!(physics::registered(&world.lab, "adminui.east-1.triton.example").is_empty());
}

#[test]
fn with_its_record_the_first_boot_completes_and_the_name_resolves() {
    let world = World::new();
    let record = json!({
        "uuid": id("adminui1"), "service_uuid": id("service adminui"), "type": "vm",
        "params": {"alias": "adminui1"}, "metadata": {}, "manifests": {},
    });
    let key = id("adminui1").to_string();
    world.lab.dc().moray.put("sapi_instances", &key, record, 0);
    let sapi = sapi(&world);
    assert!(first_boot_completes(&world, &sapi));
    assert_eq!(world.ok(HOST, &format!("svcs -xvz {key}")), "");
    until("the name resolves", || {
        let found = physics::registered(&world.lab, "adminui.east-1.triton.example");
        found == [Ipv4Addr::new(10, 99, 99, 120)]
    });
}

#[test]
fn a_name_resolves_until_the_session_of_its_dead_host_expires() {
    let world = World::with(Timings {
        scale: 1.0,
        session_timeout: 0.3,
        ..Timings::default()
    });
    physics::start_all(&world.lab);
    let found = |service: &str| {
        physics::registered(&world.lab, &format!("{service}.east-1.triton.example"))
    };
    let (vmapi, napi) = (found("vmapi"), found("napi"));
    assert_eq!((vmapi.len(), napi.len(), found("binder").len()), (1, 1, 3));
    let died = Instant::now();
    physics::host_died(&world.lab, "headnode0");
    assert_eq!(found("vmapi"), vmapi);
    until("the name is gone", || found("vmapi").is_empty());
    assert!(died.elapsed() >= Duration::from_millis(300));
    assert_eq!((found("napi"), found("binder").len()), (napi, 2));
}
