// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The run lock and the fences on a real ensemble of three ZooKeeper servers.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::thread;
use std::time::{Duration, Instant};

use documents::{Timestamp, Uuid};
use quorum::fence::{self, Fence, KIND};
use quorum::{Holder, Life, QuorumError, Replaced, RunLock};
use support::Servers;
use tokio::runtime::Runtime;
use zookeeper_client::{Acls, Client, CreateMode};

fn holder(server: u128, host: &str) -> Holder {
    Holder {
        run: Uuid::from_u128(server * 100),
        server: Uuid::from_u128(server),
        host: host.to_owned(),
        pid: 4711,
        purpose: "restore imgapi".to_owned(),
        since: Timestamp::from_millis(0),
    }
}

fn wanted(run: u128, olds: &[u128]) -> Fence {
    Fence {
        kind: KIND.to_owned(),
        server: Uuid::from_u128(7),
        hostname: "headnode0".to_owned(),
        epoch: 0,
        run: Uuid::from_u128(run),
        declared_by: Uuid::from_u128(8),
        declared_at: Timestamp::from_millis(0),
        replaced: olds
            .iter()
            .map(|old| Replaced {
                old: Uuid::from_u128(*old),
                new: Uuid::from_u128(old + 1000),
                service: "imgapi".to_owned(),
                alias: format!("imgapi {old}"),
            })
            .collect(),
        power_off: None,
        addresses_reused: false,
        lifted: None,
    }
}

/// One ensemble for all: starting one takes seconds.
#[test]
fn a_datacenter_agrees_on_one_run_and_on_who_is_dead() {
    let Some(mut servers) = Servers::start() else {
        return;
    };
    of_two_runs_the_second_is_told_who_holds_the_lock(&servers);
    a_run_of_this_headnode_that_was_killed_stands_in_nobodys_way(&servers);
    a_fence_stands_until_it_is_lifted_and_its_epoch_grows(&servers);
    a_node_that_is_renewed_is_a_sign_of_life_and_a_stale_one_is_not(&servers);
    the_loss_of_a_server_is_survived_and_the_loss_of_two_is_no_majority(&mut servers);
}

fn of_two_runs_the_second_is_told_who_holds_the_lock(servers: &Servers) {
    let (one, two) = (servers.session(), servers.session());
    let lock = RunLock::acquire(&one, &holder(1, "headnode1")).unwrap();
    lock.still_held().unwrap();
    let error = RunLock::acquire(&two, &holder(2, "headnode2"))
        .err()
        .unwrap();
    let QuorumError::Held { by, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(**by, holder(1, "headnode1"));
    assert!(error.to_string().contains("on headnode1"), "{error}");
    assert_eq!(RunLock::holder(&two).unwrap(), Some(holder(1, "headnode1")));
    let first = lock.epoch();
    drop(lock);
    assert_eq!(RunLock::holder(&two).unwrap(), None);
    let lock = RunLock::acquire(&two, &holder(2, "headnode2")).unwrap();
    assert!(lock.epoch() > first, "{} {first}", lock.epoch());
    lock.still_held().unwrap();
}

fn a_run_of_this_headnode_that_was_killed_stands_in_nobodys_way(servers: &Servers) {
    let (dead, again) = (servers.session(), servers.session());
    let lost = RunLock::acquire(&dead, &holder(1, "headnode1")).unwrap();
    let lock = RunLock::acquire(&again, &holder(1, "headnode1")).unwrap();
    lock.still_held().unwrap();
    // And should the first live after all, it learns that it has lost the lock.
    assert!(matches!(lost.still_held(), Err(QuorumError::Lost { .. })));
}

fn a_fence_stands_until_it_is_lifted_and_its_epoch_grows(servers: &Servers) {
    let session = servers.session();
    let server = Uuid::from_u128(7);
    assert_eq!(fence::of(&session, server).unwrap(), None);
    let lock = RunLock::acquire(&session, &holder(1, "headnode1")).unwrap();
    let first = fence::declare(&lock, &wanted(1, &[10])).unwrap();
    assert_eq!(first.epoch, 1);
    // A run that declares again keeps its epoch.
    let again = fence::declare(&lock, &wanted(1, &[11])).unwrap();
    assert_eq!((again.epoch, again.replaced.len()), (1, 2));
    fence::still_stands(&session, &again).unwrap();
    // Another run adds to what is down already.
    let other = fence::declare(&lock, &wanted(2, &[12])).unwrap();
    let olds: Vec<u128> = other.replaced.iter().map(|vm| vm.old.as_u128()).collect();
    assert_eq!((other.epoch, olds), (2, vec![10, 11, 12]));
    assert!(fence::still_stands(&session, &again).is_err());
    let (all, damaged) = fence::all(&servers.session()).unwrap();
    assert_eq!((all, damaged), (vec![other.clone()], vec![]));
    let lifted = fence::lift(&lock, server, "root").unwrap();
    assert!(!lifted.stands());
    assert!(fence::still_stands(&session, &other).is_err());
    // What was lifted is forgiven; the number is not used again.
    let anew = fence::declare(&lock, &wanted(2, &[13])).unwrap();
    assert_eq!((anew.epoch, anew.replaced.len()), (3, 1));
}

fn a_node_that_is_renewed_is_a_sign_of_life_and_a_stale_one_is_not(servers: &Servers) {
    let (live, dead) = (Uuid::from_u128(20), Uuid::from_u128(21));
    let renewed = Registrar::start(servers, live);
    Registrar::start(servers, dead).die();
    let session = servers.session();
    let mut counted = Vec::new();
    let timeout = Duration::from_secs(5);
    let alive = Life::look(&session, TREE, &[live, dead], timeout, &mut |watched| {
        counted.push(watched.left);
        true
    });
    let alive: Vec<Uuid> = alive.unwrap().into_iter().map(|life| life.zone).collect();
    assert_eq!(alive, [live]);
    assert_eq!(counted.first(), Some(&2), "both names are there at first");
    assert_eq!(counted.last(), Some(&1));
    renewed.die();
    // No zone of the server has a name: nobody waits.
    let began = Instant::now();
    let none = Life::look(&session, TREE, &[Uuid::from_u128(22)], timeout, &mut |_| {
        true
    });
    assert_eq!(none.unwrap(), []);
    assert!(began.elapsed() < Duration::from_secs(2));
}

const TREE: &str = "/com/example/us-1";

/// What a zone's registrar does: a node of its session, below its service's.
struct Registrar {
    runtime: Runtime,
    _client: Client,
}

impl Registrar {
    fn start(servers: &Servers, zone: Uuid) -> Registrar {
        let runtime = Runtime::new().unwrap();
        let cluster = servers.ensemble(&[0, 1, 2]).words();
        let client = runtime.block_on(async {
            let client = Client::connector()
                .with_server_version(3, 4, 12)
                .with_session_timeout(Duration::from_secs(3))
                .with_detached()
                .connect(&cluster)
                .await
                .unwrap();
            let everyone = Acls::anyone_all();
            let folder = CreateMode::Persistent.with_acls(everyone);
            client
                .mkdir(&format!("{TREE}/imgapi"), &folder)
                .await
                .unwrap();
            let node = CreateMode::Ephemeral.with_acls(everyone);
            let path = format!("{TREE}/imgapi/{zone}");
            client.create(&path, b"{}", &node).await.unwrap();
            client
        });
        Registrar {
            runtime,
            _client: client,
        }
    }

    /// Without a goodbye: its node stays until the session runs out.
    fn die(self) {
        self.runtime.shutdown_background();
    }
}

fn the_loss_of_a_server_is_survived_and_the_loss_of_two_is_no_majority(servers: &mut Servers) {
    let session = servers.session();
    let lock = RunLock::acquire(&session, &holder(1, "headnode1")).unwrap();
    servers.kill(0);
    let until = Instant::now() + Duration::from_secs(20);
    while lock.still_held().is_err() {
        assert!(Instant::now() < until, "a majority is there");
        thread::sleep(Duration::from_millis(100));
    }
    let other = servers.session();
    assert!(RunLock::acquire(&other, &holder(2, "headnode2")).is_err());
    servers.kill(1);
    let began = Instant::now();
    assert!(lock.still_held().is_err(), "there is no majority");
    assert!(began.elapsed() < Duration::from_secs(30));
    let error = servers.ensemble(&[2]).session().err().unwrap();
    assert!(matches!(error, QuorumError::NoMajority { .. }), "{error}");
    // With a majority the lock is free again: its holder's session ran out meanwhile.
    drop(lock);
    servers.up(0);
    servers.up(1);
    let session = servers.session();
    let until = Instant::now() + Duration::from_secs(30);
    while let Err(error) = RunLock::acquire(&session, &holder(2, "headnode2")) {
        assert!(Instant::now() < until, "{error}");
        thread::sleep(Duration::from_millis(200));
    }
    // What was agreed on is still known.
    assert_eq!(
        fence::of(&session, Uuid::from_u128(7))
            .unwrap()
            .unwrap()
            .epoch,
        3
    );
}
