// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Agents against the lab's own servers, without names.

use std::collections::BTreeMap;

use serde_json::json;

use super::net_agent::NetAgent;
use super::vm_agent::VmAgent;
use super::*;
use crate::lab::Timings;
use crate::listener::Listener;
use crate::log::CallLog;
use crate::model::{Dc, Host};
use crate::servers;

const MORAY: Uuid = Uuid::from_u128(1);
const SERVER: Uuid = Uuid::from_u128(0x50);
const NETWORK: &str = "00000000-0000-4000-8000-0000000000bb";

/// A service over a moray, and the way to it.
struct Service {
    lab: Arc<Lab>,
    peer: Peer,
    _listener: Listener,
    _folder: tempfile::TempDir,
}

fn service(role: &str) -> Service {
    let folder = tempfile::tempdir().unwrap();
    let log = CallLog::create(&folder.path().join("calls")).unwrap();
    let vms = BTreeMap::from([(
        MORAY,
        vm(MORAY, json!({ "tags": { "smartdc_role": "moray" } })),
    )]);
    let host = Host {
        name: "headnode1".to_owned(),
        uuid: Uuid::from_u128(0x51),
        admin_ip: Ipv4Addr::new(10, 99, 99, 8),
        headnode: true,
        state: HostState::Up,
        booted: 1_771_001_000,
        vms,
        datasets: BTreeMap::new(),
        images: BTreeMap::new(),
        nic_tags: Vec::new(),
        pool_size: 0,
    };
    let hosts = BTreeMap::from([("headnode1".to_owned(), host)]);
    let dc = Dc {
        hosts,
        ..Dc::default()
    };
    let lab = Arc::new(Lab::new(
        folder.path().to_owned(),
        Timings::default(),
        log,
        dc,
    ));
    let answer = servers::answering(&lab, "headnode1", MORAY, role).unwrap();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = http::serve(any, answer).unwrap();
    let peer = Peer {
        name: format!("{role}.test"),
        address: listener.address(),
    };
    Service {
        lab,
        peer,
        _listener: listener,
        _folder: folder,
    }
}

fn vm(uuid: Uuid, props: Value) -> Vm {
    let props = props.as_object().cloned().unwrap();
    Vm {
        uuid,
        props,
        state: "running".to_owned(),
        ran_user_script: true,
        boot: 1,
    }
}

fn seen(vms: Vec<Vm>) -> Seen {
    Seen {
        host: "headnode0".to_owned(),
        server: SERVER,
        vms,
    }
}

impl Service {
    fn record(&self, bucket: &str, key: &str) -> Option<Value> {
        self.lab
            .dc()
            .moray
            .get(bucket, key)
            .map(|object| object.value.clone())
    }

    fn state(&self, uuid: Uuid) -> Option<String> {
        Some(
            self.record("vmapi_vms", &uuid.to_string())?["state"]
                .as_str()?
                .to_owned(),
        )
    }
}

#[test]
fn vmapi_learns_of_new_and_gone_vms_but_never_of_those_left_out() {
    let vmapi = service("vmapi");
    let (a, b, parked) = (
        Uuid::from_u128(10),
        Uuid::from_u128(11),
        Uuid::from_u128(12),
    );
    let hidden = vm(parked, json!({ "do_not_inventory": true }));
    let mut agent = VmAgent::default();
    agent.report(&seen(vec![vm(a, json!({})), hidden.clone()]), &vmapi.peer);
    assert_eq!(vmapi.state(a).as_deref(), Some("running"));
    assert_eq!(vmapi.state(parked), None);
    agent.report(
        &seen(vec![vm(a, json!({})), vm(b, json!({})), hidden.clone()]),
        &vmapi.peer,
    );
    assert_eq!(vmapi.state(b).as_deref(), Some("running"));
    agent.report(&seen(vec![vm(b, json!({})), hidden]), &vmapi.peer);
    assert_eq!(vmapi.state(a).as_deref(), Some("destroyed"));
}

#[test]
fn an_agent_that_was_out_of_touch_tells_of_what_went_meanwhile() {
    let vmapi = service("vmapi");
    let (gone, elsewhere) = (Uuid::from_u128(10), Uuid::from_u128(11));
    let record = |uuid: Uuid, server: Uuid| json!({ "uuid": uuid, "state": "running", "server_uuid": server });
    for (uuid, server) in [(gone, SERVER), (elsewhere, Uuid::from_u128(0x51))] {
        vmapi
            .lab
            .dc()
            .moray
            .put("vmapi_vms", &uuid.to_string(), record(uuid, server), 1);
    }
    VmAgent::default().report(&seen(vec![]), &vmapi.peer);
    assert_eq!(vmapi.state(gone).as_deref(), Some("destroyed"));
    assert_eq!(
        vmapi.state(elsewhere).as_deref(),
        Some("running"),
        "another server's is not its business"
    );
}

#[test]
fn napi_learns_of_nics_and_keeps_an_address_that_another_vm_has() {
    let napi = service("napi");
    let network = json!({ "uuid": NETWORK, "name": "admin", "subnet": "10.99.99.0/24", "nic_tag": "admin", "vlan_id": 0 });
    napi.lab
        .dc()
        .moray
        .put("napi_networks", NETWORK, network, 1);
    let with_nic = |uuid: u128, mac: &str| {
        let nic = json!({ "mac": mac, "ip": "10.99.99.30", "nic_tag": "admin", "vlan_id": 0, "primary": true });
        let owner = "00000000-0000-4000-8000-0000000000aa";
        vm(
            Uuid::from_u128(uuid),
            json!({ "owner_uuid": owner, "nics": [nic] }),
        )
    };
    let mut agent = NetAgent::default();
    agent.report(&seen(vec![with_nic(10, "90:b8:d0:00:00:01")]), &napi.peer);
    let nic = napi.record("napi_nics", "90b8d0000001").unwrap();
    assert_eq!(
        (&nic["state"], &nic["network_uuid"]),
        (&json!("running"), &json!(NETWORK))
    );
    agent.report(&seen(vec![with_nic(11, "90:b8:d0:00:00:02")]), &napi.peer);
    assert_eq!(napi.record("napi_nics", "90b8d0000002"), None);
    let ip = napi
        .record("napi_ips", &format!("{NETWORK}/10.99.99.30"))
        .unwrap();
    assert_eq!(ip["belongs_to_uuid"], json!(Uuid::from_u128(10)));
}
