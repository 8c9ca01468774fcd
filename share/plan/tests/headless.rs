// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A datacenter that has nothing left but members of its clusters: addresses come from those that were reserved, global zones
//! must resolve before anything starts, lost members leave the records, and whoever holds an address is told the new one.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::net::IpAddr;

use documents::inventory::ZkServer;
use documents::plan::StepId;
use documents::verb::AddressAssign;
use documents::{Inventory, Plan, Verb};
use plan::{plan_restore, reservation};
use serde_json::json;
use support::*;

fn plan_of(inventory: &Inventory) -> Plan {
    plan_restore(inventory, &catalogue(), &plugins(), &options()).unwrap()
}

fn assigned(plan: &Plan) -> Vec<(String, AddressAssign)> {
    let verbs = plan.steps.iter().filter_map(|step| match &step.verb {
        Verb::AddressAssign(with) => Some((step.id.0.clone(), with.clone())),
        _ => None,
    });
    verbs.collect()
}

fn comes_after(plan: &Plan, later: &str, earlier: &str) -> bool {
    let step = plan.step(&StepId::from(later)).unwrap();
    step.needs
        .iter()
        .any(|need| need.0 == earlier || comes_after(plan, &need.0, earlier))
}

#[test]
fn while_no_napi_lives_each_new_nic_gets_a_reserved_address_of_its_own() {
    let inventory = without_napi(5);
    let plan = plan_of(&inventory);
    assert!(plan.refusals.is_empty(), "{:?}", plan.refusals);
    let assigned = assigned(&plan);
    assert_eq!(assigned.len(), 5, "sapi, vmapi, cloudapi, imgapi, napi");
    let ips: BTreeSet<IpAddr> = assigned.iter().map(|(_, with)| with.ip).collect();
    let macs: BTreeSet<&str> = assigned.iter().map(|(_, with)| with.mac.as_str()).collect();
    assert_eq!((ips.len(), macs.len()), (5, 5));
    let reserved: BTreeSet<IpAddr> = inventory.reserved.iter().map(|one| one.ip).collect();
    assert_eq!(ips, reserved);
}

#[test]
fn core_zones_that_run_on_are_told_of_the_binder_that_is_gone() {
    let plan = plan_of(&inventory());
    let told: Vec<&str> = plan
        .steps
        .iter()
        .filter(|step| matches!(&step.verb, Verb::ZonesResolvers(with) if with.gone.len() == 1))
        .map(|step| step.id.0.as_str())
        .collect();
    assert_eq!(
        told,
        ["headnode1/zones-resolvers", "headnode2/zones-resolvers"]
    );
}

#[test]
fn those_on_a_compute_node_are_named_with_the_command_that_tells_them() {
    let mut inventory = inventory();
    let node = uuid("cn0");
    let mut cn = server(node, "cn0", "10.99.99.40", false);
    cn.headnode = false;
    inventory.servers.push(cn);
    inventory.instances.push(instance("moray", 3, node));
    let mut gone = instance("moray", 4, node);
    gone.state = Some("destroyed".to_owned());
    inventory.instances.push(gone);
    let plan = plan_of(&inventory);
    let told: Vec<&str> = plan
        .notices
        .iter()
        .map(|notice| notice.text.as_str())
        .collect();
    let told: Vec<&&str> = told
        .iter()
        .filter(|text| text.contains("the binder that is gone first"))
        .collect();
    let command = format!("| vmadm update {}", uuid("moray3"));
    assert!(
        matches!(told[..], [one] if one.starts_with("moray3 on cn0 ") && one.ends_with(&command)),
        "{told:?}"
    );
}

#[test]
fn napi_learns_of_them_once_it_is_back_and_old_nics_go_only_then() {
    let plan = plan_of(&without_napi(5));
    assert!(comes_after(&plan, "imgapi/register-net0", "napi/named"));
    assert!(comes_after(&plan, "napi/register-net0", "napi/healthy"));
    let releases = plan
        .steps
        .iter()
        .filter(|step| matches!(step.verb, Verb::AddressRelease(_)));
    let mut count = 0;
    for release in releases {
        assert!(
            comes_after(&plan, &release.id.0, "napi/healthy"),
            "{}",
            release.id
        );
        count += 1;
    }
    assert_eq!(count, 5);
}

#[test]
fn too_few_reserved_addresses_are_refused_with_the_figures() {
    let plan = plan_of(&without_napi(3));
    let refusals: Vec<&str> = plan.refusals.iter().map(|one| one.text.as_str()).collect();
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    assert!(
        refusals[0].contains("5 are needed on the network admin, and 3 are reserved"),
        "{refusals:?}"
    );
}

#[test]
fn planning_again_when_some_zones_are_made_gives_each_the_address_that_it_has() {
    let mut inventory = without_napi(5);
    let first = assigned(&plan_of(&inventory));
    let (_, vmapi) = first
        .iter()
        .find(|(id, _)| id.starts_with("vmapi/"))
        .unwrap()
        .clone();
    // It was made, and nothing else: the others must not be given what is left in another order than that.
    let mut made = instance("vmapi", 1, TARGET);
    made.uuid = vmapi.vm;
    made.nics[0].ip = Some(vmapi.ip);
    inventory.instances.push(made);
    let again = assigned(&plan_of(&inventory));
    let of = |all: &[(String, AddressAssign)], id: &str| {
        all.iter().find(|(one, _)| one == id).unwrap().1.ip
    };
    assert_eq!(of(&again, "vmapi/address-net0"), vmapi.ip);
    let ips: BTreeSet<IpAddr> = again.iter().map(|(_, with)| with.ip).collect();
    assert_eq!(ips.len(), again.len());
}

#[test]
fn no_zone_starts_before_the_global_zone_resolves() {
    let plan = plan_of(&inventory());
    let starts = plan
        .steps
        .iter()
        .filter(|step| matches!(step.verb, Verb::ZoneStart(_)));
    let mut count = 0;
    for start in starts {
        assert!(
            comes_after(&plan, &start.id.0, "headnode1/resolvers"),
            "{}",
            start.id
        );
        count += 1;
    }
    assert_eq!(count, 4);
    let hosts: Vec<&str> = plan
        .steps
        .iter()
        .filter(|step| matches!(step.verb, Verb::ResolversSet(_)))
        .map(|step| step.id.0.as_str())
        .collect();
    assert_eq!(hosts, ["headnode1/resolvers", "headnode2/resolvers"]);
}

#[test]
fn a_headnode_that_can_not_be_worked_on_gets_no_steps() {
    let mut inventory = inventory();
    inventory.servers[2].answers = None;
    let plan = plan_of(&inventory);
    assert!(plan.steps.iter().all(|step| step.host != THIRD));
}

#[test]
fn lost_members_leave_the_records_and_keep_their_addresses() {
    let plan = plan_of(&inventory());
    for member in ["binder0", "manatee0", "moray0"] {
        for step in ["retire-record", "retire-vm"] {
            let id = StepId(format!("{member}/{step}"));
            assert!(plan.step(&id).is_some(), "{id}");
        }
        assert!(comes_after(
            &plan,
            &format!("{member}/retire-vm"),
            "vmapi/named"
        ));
    }
    let members: Vec<_> = inventory()
        .instances
        .into_iter()
        .filter(|one| ["binder", "manatee", "moray"].contains(&one.service.as_str()))
        .flat_map(|one| one.nics)
        .map(|nic| nic.mac)
        .collect();
    for step in &plan.steps {
        if let Verb::AddressRelease(with) = &step.verb {
            assert!(!members.contains(&with.mac), "{}", step.id);
        }
    }
}

#[test]
fn a_restore_of_some_services_leaves_the_clusters_alone() {
    let mut options = options();
    options.services = vec!["sapi".to_owned(), "imgapi".to_owned()];
    let plan = plan_restore(&inventory(), &catalogue(), &plugins(), &options).unwrap();
    assert!(
        plan.steps
            .iter()
            .all(|step| !step.id.0.starts_with("binder"))
    );
}

#[test]
fn without_a_majority_of_binders_nothing_is_restored() {
    let mut inventory = inventory();
    inventory
        .instances
        .retain(|one| one.alias.as_deref() != Some("binder2"));
    let plan = plan_of(&inventory);
    let refused = plan
        .refusals
        .iter()
        .find(|one| one.service == "binder")
        .unwrap();
    assert!(
        refused
            .text
            .contains("1 of 2 members live, which is no majority"),
        "{}",
        refused.text
    );
}

#[test]
fn who_holds_addresses_is_told_the_new_ones_and_of_the_dead_member_no_more() {
    let mut inventory = inventory();
    let binders = inventory
        .instances
        .iter()
        .filter(|one| one.service == "binder");
    inventory.zk_servers = binders
        .enumerate()
        .map(|(at, one)| ZkServer {
            host: one.nics[0].ip.unwrap(),
            port: 2181,
            num: at as u64 + 1,
        })
        .collect();
    let plan = plan_of(&inventory);
    let step = plan.step(&StepId::from("dc/metadata")).unwrap();
    let Verb::MetadataSet(with) = &step.verb else {
        panic!("{step:?}")
    };
    assert_eq!(
        with.set["sapi_admin_ips"],
        json!({"from": "sapi/address-net0.nic.ip"})
    );
    let servers = with.set["ZK_SERVERS"].as_array().unwrap();
    assert_eq!(servers.len(), 2);
    assert_eq!(
        (&servers[0]["num"], &servers[1]["num"], &servers[1]["last"]),
        (&json!(2), &json!(3), &json!(true))
    );
    assert!(comes_after(&plan, "dc/metadata", "sapi/named"));
    let step = plan.step(&StepId::from("headnode2/config")).unwrap();
    let Verb::ConfigSet(with) = &step.verb else {
        panic!("{step:?}")
    };
    assert!(with.set["binder_admin_ips"].as_str().unwrap().contains(','));
}

#[test]
fn as_many_addresses_are_needed_as_the_worst_headnode_has_nics() {
    let mut inventory = without_napi(2);
    inventory.instances.push(instance("papi", 1, LOST));
    let needs = reservation::needs(&inventory, &catalogue());
    assert_eq!(needs.len(), 1);
    // sapi, vmapi, cloudapi, imgapi, napi and papi; members of clusters are never made anew.
    assert_eq!(
        (needs[0].name.as_str(), needs[0].needed, needs[0].reserved),
        ("admin", 6, 2)
    );
}
