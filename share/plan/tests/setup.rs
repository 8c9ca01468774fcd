// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What speaks against making a compute node a headnode: each guard, and each thing that nobody could tell.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use documents::inventory::Inventory;
use documents::{Plan, Timestamp, read};
use plan::setup::{Accepted, GUARDS, Medium, Own, Prospect, Seen, Shard, Verdict, check, named};
use plan::{SetupOptions, plan_setup};
use serde_json::{Value, json};
use support::catalogue;

const AT: &str = "2026-11-24T00:00:00Z";
const IMAGE: &str = "5a9bdc5b-0000-4000-8000-000000000001";

fn uuid(number: u8) -> String {
    format!("564dc3a8-27e1-4f60-9b55-{number:012}")
}

fn server(number: u8, headnode: bool) -> Value {
    json!({
        "uuid": uuid(number), "hostname": format!("server{number}"), "admin_ip": "10.99.99.7", "headnode": headnode, "setup": true,
        "status": "running", "answers": null, "platform": null, "nic_tags": ["admin", "external"], "resolvers": null,
        "learnt": {"from": "cnapi", "at": AT},
    })
}

/// A headnode with a dhcpd, and a compute node, server2.
fn facts() -> Value {
    json!({
        "kind": documents::inventory::KIND, "taken_at": AT, "taken_on": uuid(1),
        "dc": {"name": "coal", "dns_domain": "joyent.us", "admin_owner": null, "sapi_app": null,
               "learnt": {"from": "config", "at": AT}},
        "sources": [{"name": "vmapi", "asked": "http://vmapi", "answered": true, "at": AT, "why": null}],
        "services": [], "other_vms": [], "networks": [], "restore_points": [], "reserved": [], "zk_servers": [], "fences": [],
        "warnings": [], "servers": [server(1, true), server(2, false)],
        "images": [{"uuid": IMAGE, "name": "dhcpd", "version": "master-20260301T120000Z-g1234567", "origin": null,
                    "server": uuid(1), "learnt": {"from": "imgadm", "at": AT}}],
        "instances": [{
            "uuid": uuid(101), "service": "dhcpd", "alias": "dhcpd0", "server": uuid(1), "image": IMAGE, "memory": 1024,
            "state": "running", "delegate_dataset": false, "dns_domain": null, "payload": null, "sapi_record": null,
            "in_sapi": true, "in_vmapi": true, "learnt": [],
            "nics": [{"mac": "02:00:00:00:00:01", "ip": null, "nic_tag": "admin", "network": null, "primary": true,
                      "interface": null}],
        }],
    })
}

fn seen() -> Seen {
    Seen {
        headnode: false,
        setup: true,
        whole: true,
        own: Ok(Own {
            hostname: "server2".to_owned(),
            admin_nic: "00:50:56:2b:44:10".to_owned(),
            admin_ip: "10.99.99.45".parse().unwrap(),
        }),
        platform: Some("20260313T002414Z".to_owned()),
        memory: Some(65_536),
        medium: Ok(Medium::Key),
        shard: Ok(None),
    }
}

fn shard() -> Shard {
    Shard {
        role: "sync".to_owned(),
        peers: 3,
        faults: Vec::new(),
        frozen: None,
        one_node: false,
    }
}

fn inventory(facts: &Value) -> Inventory {
    read::inventory(facts.to_string().as_bytes()).unwrap().0
}

/// Guards that do not say that server2 is fit, with their reasons.
fn against(
    facts: &Value,
    seen: Result<Seen, String>,
    accepted: Accepted,
) -> Vec<(&'static str, Verdict, String)> {
    let inventory = inventory(facts);
    let servers = named(&inventory, &["server2".to_owned()]).unwrap();
    let prospect = Prospect {
        server: servers[0].uuid,
        at: AT.parse::<Timestamp>().unwrap(),
        seen,
    };
    let findings = check(&inventory, &servers, &[prospect], accepted);
    assert_eq!(findings.len(), GUARDS.len());
    let not_fit = findings
        .into_iter()
        .filter(|one| one.verdict != Verdict::Fit);
    not_fit
        .map(|one| (one.guard, one.verdict, one.why))
        .collect()
}

#[test]
fn nothing_speaks_against_a_set_up_compute_node_with_a_key() {
    assert_eq!(against(&facts(), Ok(seen()), Accepted::default()), []);
}

#[test]
fn each_guard_refuses_with_its_reason() {
    type Change = fn(&mut Value, &mut Seen);
    let cases: [(&str, &str, Change); 17] = [
        (
            "compute-node",
            "CNAPI says that it is a headnode already",
            |facts, _| {
                facts["servers"][1]["headnode"] = json!(true);
            },
        ),
        (
            "compute-node",
            "though CNAPI does not say so yet",
            |_, seen| seen.headnode = true,
        ),
        ("set-up", "sdc-server setup it first", |facts, _| {
            facts["servers"][1]["setup"] = json!(false)
        }),
        ("set-up", "its sysinfo does not", |_, seen| {
            seen.setup = false
        }),
        ("set-up", "headnode.sh makes core zones", |_, seen| {
            seen.whole = false
        }),
        ("headnodes", "there would be 5 headnodes", |facts, _| {
            let servers = facts["servers"].as_array_mut().unwrap();
            servers.extend([server(3, true), server(4, true), server(5, true)]);
        }),
        (
            "other-vms",
            "3 VMs of others are on it, 2 of them run",
            |facts, _| {
                facts["other_vms"] = json!([{"server": uuid(2), "count": 3, "running": 2, "learnt": {"from": "vmapi", "at": AT}}]);
            },
        ),
        ("platform", "OS-6160", |_, seen| {
            seen.platform = Some("20170817T000000Z".to_owned())
        }),
        ("booter", "dhcpd0 is of 20170901T000000Z", |facts, _| {
            facts["images"][0]["version"] = json!("master-20170901T000000Z-g1");
        }),
        ("nic-tags", "have NICs on storage", |facts, _| {
            facts["instances"][0]["nics"][0]["nic_tag"] = json!("storage");
        }),
        ("memory", "it has 512 MiB", |_, seen| {
            seen.memory = Some(512)
        }),
        (
            "manatee",
            "sdcadm post-setup ha-manatee first",
            |_, seen| {
                let alone = Shard {
                    peers: 1,
                    one_node: true,
                    frozen: Some("alone".to_owned()),
                    ..shard()
                };
                seen.shard = Ok(Some(alone));
            },
        ),
        (
            "manatee",
            "is frozen, so that nobody takes over (upgrade)",
            |_, seen| {
                seen.shard = Ok(Some(Shard {
                    frozen: Some("upgrade".to_owned()),
                    ..shard()
                }));
            },
        ),
        (
            "manatee",
            "is not well: PostgreSQL of a peer is down",
            |_, seen| {
                let fault = "PostgreSQL of a peer is down".to_owned();
                seen.shard = Ok(Some(Shard {
                    faults: vec![fault],
                    ..shard()
                }));
            },
        ),
        (
            "manatee",
            "the sync, and its shard has 2 peers",
            |_, seen| {
                seen.shard = Ok(Some(Shard {
                    peers: 2,
                    ..shard()
                }));
            },
        ),
        ("medium", "no Triton key", |_, seen| {
            seen.medium = Err("no pcfs devices found".to_owned())
        }),
        ("medium", "no pcfs devices found", |_, seen| {
            seen.medium = Err("no pcfs devices found".to_owned())
        }),
    ];
    for (guard, why, change) in cases {
        let (mut facts, mut seen) = (facts(), seen());
        change(&mut facts, &mut seen);
        let against = against(&facts, Ok(seen), Accepted::default());
        let [(by, Verdict::Refused, said)] = &against[..] else {
            panic!("{guard}: {against:?}");
        };
        assert!(*by == guard && said.contains(why), "{guard}: {said}");
    }
}

#[test]
fn what_nobody_could_tell_is_unknown_and_not_fit() {
    let unreached = against(
        &facts(),
        Err("connection refused".to_owned()),
        Accepted::default(),
    );
    assert!(unreached.len() >= 5, "{unreached:?}");
    assert!(unreached.iter().all(|(_, verdict, why)| {
        *verdict == Verdict::Unknown && why.contains("connection refused")
    }));
    let mut blind = facts();
    blind["sources"][0]["answered"] = json!(false);
    blind["images"] = json!([]);
    blind["servers"][1]["nic_tags"] = Value::Null;
    let guards: Vec<(&str, Verdict)> = against(&blind, Ok(seen()), Accepted::default())
        .into_iter()
        .map(|(guard, verdict, _)| (guard, verdict))
        .collect();
    let unknown = |guard| (guard, Verdict::Unknown);
    assert_eq!(
        guards,
        [unknown("other-vms"), unknown("booter"), unknown("nic-tags")]
    );
}

#[test]
fn a_peer_of_a_shard_that_is_well_may_reboot_and_one_that_nobody_could_ask_is_unknown() {
    let well = Seen {
        shard: Ok(Some(shard())),
        ..seen()
    };
    assert_eq!(against(&facts(), Ok(well), Accepted::default()), []);
    let silent = Seen {
        shard: Err("manatee-adm did not end within 60 s".to_owned()),
        ..seen()
    };
    let against = against(&facts(), Ok(silent), Accepted::default());
    let [("manatee", Verdict::Unknown, why)] = &against[..] else {
        panic!("{against:?}");
    };
    assert!(why.contains("within 60 s"), "{why}");
}

#[test]
fn a_risk_that_is_taken_by_its_name_is_accepted_and_no_other() {
    let mut facts = facts();
    facts["other_vms"] = json!([{"server": uuid(2), "count": 1, "running": 1, "learnt": {"from": "vmapi", "at": AT}}]);
    let accepted = Accepted {
        other_vms: true,
        ..Accepted::default()
    };
    let bare = Seen {
        medium: Err("none".to_owned()),
        ..seen()
    };
    let against = against(&facts, Ok(bare), accepted);
    let told: Vec<(&str, Verdict)> = against
        .iter()
        .map(|(guard, verdict, _)| (*guard, *verdict))
        .collect();
    assert_eq!(
        told,
        [
            ("other-vms", Verdict::Accepted),
            ("medium", Verdict::Refused)
        ]
    );
}

#[test]
fn a_server_named_twice_is_one_and_one_that_nobody_knows_is_named() {
    let inventory = inventory(&facts());
    let twice = named(&inventory, &["server2".to_owned(), uuid(2)]).unwrap();
    assert_eq!(twice.len(), 1);
    let error = named(&inventory, &["server9".to_owned()]).unwrap_err();
    assert!(error.contains("server9"), "{error}");
}

/// A headnode with a member of each cluster, and three compute nodes.
fn one_headnode() -> Inventory {
    let mut facts = facts();
    facts["dc"]["sapi_app"] = json!(uuid(90));
    facts["servers"] = json!([
        server(1, true),
        server(2, false),
        server(3, false),
        server(4, false)
    ]);
    let instances = facts["instances"].as_array_mut().unwrap();
    for (number, service) in ["binder", "manatee", "moray"].into_iter().enumerate() {
        let mut member = instances[0].clone();
        member["uuid"] = json!(uuid(110 + number as u8));
        member["service"] = json!(service);
        member["alias"] = json!(format!("{service}0"));
        member["nics"][0]["ip"] = json!(format!("10.99.99.{}", 11 + number));
        instances.push(member);
    }
    inventory(&facts)
}

fn plan_of(inventory: &Inventory, servers: &[&str], offline: bool, seen: &Seen) -> Plan {
    let options = SetupOptions {
        servers: servers.iter().map(|name| (*name).to_owned()).collect(),
        accepted: Accepted::default(),
        offline,
        made_by: "test".to_owned(),
    };
    let prospects: Vec<Prospect> = named(inventory, &options.servers)
        .unwrap()
        .iter()
        .map(|server| Prospect {
            server: server.uuid,
            at: AT.parse::<Timestamp>().unwrap(),
            seen: Ok(seen.clone()),
        })
        .collect();
    plan_setup(inventory, &catalogue(), &prospects, &options).unwrap()
}

#[test]
fn servers_reboot_one_after_the_other_and_only_what_is_written_whole_reboots() {
    let plan = plan_of(&one_headnode(), &["server3", "server2"], false, &seen());
    assert_eq!(plan.refusals, []);
    let needs = |id: &str| -> Vec<String> {
        let step = plan.step(&id.into()).unwrap();
        step.needs.iter().map(|need| need.0.clone()).collect()
    };
    assert_eq!(needs("server2/reboot"), ["server2/medium"]);
    assert_eq!(
        needs("server3/reboot"),
        ["server3/medium", "server2/headnode"]
    );
    assert_eq!(
        needs("server2/medium"),
        ["server2/toolkit", "server2/usbkey"]
    );
    assert_eq!(needs("dc/reserve"), ["server2/known", "server3/known"]);
    // The second trusts the first, too.
    let trust = serde_json::to_value(&plan.step(&"server3/trust".into()).unwrap().verb).unwrap();
    assert_eq!(trust["with"]["with"], json!([uuid(1), uuid(2)]));
}

#[test]
fn what_a_person_must_do_is_said_in_commands() {
    let said = |servers: &[&str]| -> Vec<String> {
        let plan = plan_of(&one_headnode(), servers, false, &seen());
        plan.notices.into_iter().map(|notice| notice.text).collect()
    };
    let three = said(&["server2", "server3"]);
    for command in [
        "sdcadm post-setup ha-binder server1 server2 server3",
        "sdcadm post-setup ha-manatee -s server2 -s server3",
        "sdcadm create moray -s server2,server3",
        "sdcadm create dhcpd -s server2,server3 --dev-allow-multiple-instances",
    ] {
        assert!(
            three.iter().any(|text| text.ends_with(command)),
            "{command}: {three:#?}"
        );
    }
    let two = said(&["server2"]);
    assert!(
        two.iter()
            .any(|text| text.contains("1 of three members, and room for 2")),
        "{two:#?}"
    );
}

#[test]
fn what_a_guard_refuses_is_a_refusal_of_the_plan_which_then_has_no_steps() {
    let broken = Seen {
        whole: false,
        ..seen()
    };
    let plan = plan_of(&one_headnode(), &["server2"], false, &broken);
    assert!(
        plan.refusals[0].text.starts_with("set-up: "),
        "{:?}",
        plan.refusals
    );
    assert_eq!(plan.steps, []);
}

#[test]
fn the_same_facts_give_the_same_plan_which_is_whole_and_read_back() {
    let all = ["server2", "server3", "server4"];
    for offline in [false, true] {
        for count in 1..=all.len() {
            let plan = plan_of(&one_headnode(), &all[..count], offline, &seen());
            let again: Vec<&str> = all[..count].iter().rev().copied().collect();
            let again = plan_of(&one_headnode(), &again, offline, &seen());
            let bytes = serde_json::to_vec(&plan).unwrap();
            assert_eq!(bytes, serde_json::to_vec(&again).unwrap());
            assert_eq!(read::plan(&bytes).unwrap(), plan);
            let asks_apis = ["wait.server", "medium.sync", "addresses.reserve"];
            let online = plan
                .steps
                .iter()
                .any(|step| asks_apis.contains(&step.verb.name()));
            assert_eq!(online, !offline);
        }
    }
}
