// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a first boot makes of the data that it finds, and what a later one does not make good.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use lab::lab::Timings;
use lab::listener::Listener;
use lab::world::id;
use lab::{http, physics, servers};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{HERE, THERE, World, world_in, zone};

/// Boots that take milliseconds.
const FAST: f64 = 0.002;

/// A zone of one role on headnode1 that was made and not yet started, and a SAPI that it finds without DNS.
struct Stage {
    world: World,
    vm: Uuid,
    role: &'static str,
    _sapi: Listener,
}

impl Stage {
    fn new(role: &'static str, scale: f64) -> Stage {
        let world = world_in(Timings {
            scale,
            ..Timings::default()
        });
        // SAPI reads its records from moray, so one must run.
        world.set_running(HERE, zone("moray1"));
        world.set_running(THERE, zone("sapi0"));
        let answer = servers::answering(&world.lab, THERE, zone("sapi0"), "sapi").unwrap();
        let sapi = http::serve(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), answer).unwrap();
        let vm = id("a new one");
        let image = world.lab.dc().hosts[THERE].images[&id(&format!("image {role}"))].clone();
        let mut dc = world.lab.dc();
        let host = dc.hosts.get_mut(HERE).unwrap();
        host.images.insert(id(&format!("image {role}")), image);
        drop(dc);
        let payload = json!({
            "uuid": vm, "alias": "new", "brand": "joyent-minimal", "image_uuid": id(&format!("image {role}")),
            "autoboot": false, "delegate_dataset": true, "tags": {"smartdc_role": role},
            "customer_metadata": {"sapi-url": format!("http://{}", sapi.address())},
        });
        let made = world.feed(HERE, &["vmadm", "create"], payload.to_string().as_bytes());
        assert_eq!(made.code, 0, "{}", made.err);
        Stage {
            world,
            vm,
            role,
            _sapi: sapi,
        }
    }

    /// The record without which the setup fails.
    fn recorded(self) -> Stage {
        let service = id(&format!("service {}", self.role));
        let record = json!({
            "uuid": self.vm, "service_uuid": service, "params": {}, "metadata": {}, "manifests": {}, "type": "vm",
        });
        let key = self.vm.to_string();
        self.world
            .lab
            .dc()
            .moray
            .put("sapi_instances", &key, record, 0);
        self
    }

    fn data(&self) -> String {
        format!("zones/{}/data", self.vm)
    }

    fn root(&self) -> PathBuf {
        self.world.lab.zone_root(HERE, self.vm)
    }

    fn start(&self) {
        self.world
            .ok(HERE, &["vmadm", "start", &self.vm.to_string()]);
    }

    /// True when the setup completed, false when it failed.
    fn first_boot_completes(&self) -> bool {
        self.start();
        let service = self.root().join("var/svc");
        let patience = Instant::now() + Duration::from_secs(20);
        loop {
            if service.join("setup_complete").exists() {
                return true;
            }
            if service.join("setup_failed").exists() {
                return false;
            }
            assert!(Instant::now() < patience, "the setup does not end");
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn setup_log(&self) -> String {
        fs::read_to_string(self.root().join("var/svc/setup.log")).unwrap()
    }
}

#[test]
fn cloudapi_invents_a_certificate_where_it_finds_none() {
    let stage = Stage::new("cloudapi", FAST).recorded();
    assert!(stage.first_boot_completes(), "{}", stage.setup_log());
    let certificate = stage.world.files(HERE, &stage.data()).join("tls/cert.pem");
    let text = fs::read_to_string(certificate).unwrap();
    assert!(text.contains("self-signed"), "{text}");
}

#[test]
fn cloudapi_keeps_the_certificate_that_was_restored_before_its_first_boot() {
    let stage = Stage::new("cloudapi", FAST).recorded();
    let tls = stage.world.files(HERE, &stage.data()).join("tls");
    fs::create_dir(&tls).unwrap();
    fs::write(tls.join("cert.pem"), "the datacenter's").unwrap();
    assert!(stage.first_boot_completes(), "{}", stage.setup_log());
    assert_eq!(
        fs::read_to_string(tls.join("cert.pem")).unwrap(),
        "the datacenter's"
    );
    assert!(!tls.join("key.pem").exists());
}

#[test]
fn the_setup_says_where_the_dataset_is_mounted() {
    let stage = Stage::new("imgapi", FAST).recorded();
    let mountpoint = || {
        let list = ["zfs", "list", "-Hp", "-o", "mountpoint", &stage.data()];
        stage.world.ok(HERE, &list)
    };
    assert_eq!(mountpoint(), format!("/{}\n", stage.data()));
    assert!(stage.first_boot_completes(), "{}", stage.setup_log());
    assert_eq!(mountpoint(), "/data\n");
    // The host's own paths lead there, seen from inside the host.
    let link = fs::read_link(stage.root().join("data")).unwrap();
    assert!(link.starts_with("/.lab/datasets"), "{}", link.display());
    physics::halt(&stage.world.lab, HERE, stage.vm);
    assert!(fs::read_link(stage.root().join("data")).is_err());
}

#[test]
fn imgapi_fails_its_setup_where_its_data_is_not_zoned() {
    let stage = Stage::new("imgapi", FAST).recorded();
    stage
        .world
        .ok(HERE, &["zfs", "set", "zoned=off", &stage.data()]);
    assert!(!stage.first_boot_completes());
    assert!(
        stage.setup_log().contains("no delegate dataset"),
        "{}",
        stage.setup_log()
    );
}

#[test]
fn sapi_fails_its_setup_where_nobody_tells_it_its_domain() {
    let stage = Stage::new("sapi", FAST).recorded();
    assert!(!stage.first_boot_completes());
    let log = stage.setup_log();
    assert!(log.contains("Unable to determine dns_domain"), "{log}");
}

#[test]
fn a_setup_that_failed_stays_failed_though_its_record_came_later() {
    let stage = Stage::new("cloudapi", FAST);
    assert!(!stage.first_boot_completes());
    let log = stage.setup_log();
    assert!(
        log.contains("failed to download metadata from SAPI"),
        "{log}"
    );

    let stage = stage.recorded();
    physics::halt(&stage.world.lab, HERE, stage.vm);
    stage.start();
    thread::sleep(
        stage
            .world
            .lab
            .timings
            .scaled(60.0)
            .min(Duration::from_millis(50)),
    );
    assert!(!stage.root().join("var/svc/setup_complete").exists());
    assert!(physics::registered(&stage.world.lab, "cloudapi.east-1.triton.example").is_empty());
}

#[test]
fn a_boot_takes_its_time_by_the_scale() {
    for scale in [FAST, 0.01] {
        let stage = Stage::new("cloudapi", scale).recorded();
        let timings = stage.world.lab.timings;
        let began = Instant::now();
        assert!(stage.first_boot_completes());
        let least = timings.scaled(timings.zone_boot + timings.zone_setup);
        assert!(began.elapsed() >= least, "{scale}: {:?}", began.elapsed());
    }
}

#[test]
fn a_zone_that_is_stopped_does_not_start_with_its_server_and_one_that_is_started_does() {
    let stage = Stage::new("cloudapi", FAST).recorded();
    let autoboot = || {
        let got = stage
            .world
            .run(HERE, &["vmadm", "get", &stage.vm.to_string()]);
        got.json()["autoboot"].clone()
    };
    assert_eq!(autoboot(), Value::Bool(false));
    stage.start();
    assert_eq!(autoboot(), Value::Bool(true));
    physics::halt(&stage.world.lab, HERE, stage.vm);
    assert_eq!(autoboot(), Value::Bool(false));
}
