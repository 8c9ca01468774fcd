// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! How facts become one inventory: whom to believe, what a dead headnode leaves behind, what dirty data does.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use documents::Uuid;
use documents::inventory::{Instance, Inventory, Learnt};
use documents::restore_data::Part;
use gather::{RawFacts, merge};
use serde_json::json;
use support::*;

fn instance(inventory: &Inventory, uuid: Uuid) -> &Instance {
    let found = inventory.instances.iter().find(|i| i.uuid == uuid);
    found.unwrap_or_else(|| panic!("{uuid} is not in {:?}", inventory.instances))
}

#[test]
fn in_peace_every_source_is_named_the_most_trusted_first() {
    let inventory = merge(peace());
    let from: Vec<&str> = instance(&inventory, IMGAPI)
        .learnt
        .iter()
        .map(|learnt| learnt.from.as_str())
        .collect();
    let restore_data = format!("restore-data/{HEADNODE0}/g9");
    assert_eq!(
        from,
        ["sapi", "vmapi", "vmadm@headnode0", restore_data.as_str()]
    );
    assert_eq!(inventory.warnings, Vec::<String>::new());
    assert_eq!(inventory.dc.sapi_app, Some(APP));
    assert_eq!(inventory.dc.learnt.from, "config@headnode1");
    let names: Vec<&str> = inventory
        .servers
        .iter()
        .map(|s| s.hostname.as_str())
        .collect();
    assert_eq!(names, ["headnode0", "headnode1"]);
    assert_eq!(
        inventory.servers[0].admin_ip,
        Some("10.99.99.7".parse().unwrap())
    );
    assert_eq!(
        inventory.servers[0].nic_tags.as_deref(),
        Some(&["admin".to_owned(), "external".to_owned()][..])
    );
}

#[test]
fn a_customers_vms_are_counted_and_agents_and_fabrics_left_out() {
    let inventory = merge(peace());
    assert_eq!(inventory.instances.len(), 2);
    assert_eq!(inventory.other_vms.len(), 1);
    let other = &inventory.other_vms[0];
    assert_eq!(
        (other.server, other.count, other.running),
        (HEADNODE0, 2, 1)
    );
    assert!(
        inventory
            .services
            .iter()
            .all(|service| service.name != "vm-agent")
    );
    assert_eq!(inventory.networks.len(), 1);
}

#[test]
fn a_dead_headnodes_zones_are_known_from_restore_data() {
    let inventory = merge(headnode0_dead());
    let imgapi = instance(&inventory, IMGAPI);
    assert_eq!(imgapi.server, Some(HEADNODE0));
    assert_eq!(imgapi.alias.as_deref(), Some("imgapi0"));
    assert!(imgapi.delegate_dataset);
    assert_eq!((imgapi.in_sapi, imgapi.in_vmapi), (None, None));
    assert!(imgapi.learnt.iter().all(Learnt::from_restore_data));
    let payload = imgapi.payload.as_ref().unwrap();
    assert_eq!(payload.from, format!("{HEADNODE0}/g9/vms/{IMGAPI}.json"));
    let record = imgapi.sapi_record.as_ref().unwrap();
    assert_eq!(
        record.from,
        format!("{HEADNODE0}/g9/sapi/instances/{IMGAPI}.json")
    );
    assert_eq!(inventory.server("headnode0").unwrap().answers, Some(false));
    assert_eq!(inventory.services.len(), 2, "from restore data");
    assert_eq!(inventory.images[0].server, HEADNODE0);
}

#[test]
fn a_dead_headnode_keeps_its_name_when_cnapi_is_silent_too() {
    let mut raw = headnode0_dead();
    raw.cnapi = None;
    let inventory = merge(raw);
    let server = inventory.server("headnode0").unwrap();
    assert!(server.headnode);
    assert_eq!(server.status, None, "a status of another time says nothing");
    assert_eq!(server.admin_ip, Some("10.99.99.7".parse().unwrap()));
}

#[test]
fn the_newest_restore_data_wins() {
    let mut raw = headnode0_dead();
    raw.kept[0].files.clear();
    let mut other = kept(5, vec![], vec![sapi_instance(IMGAPI, "imgapi")]);
    other.server = HEADNODE1;
    let newer = kept(8, vec![vm(IMGAPI, "imgapi", HEADNODE0, "stopped")], vec![]);
    raw.kept = vec![other, newer];
    let inventory = merge(raw);
    let imgapi = instance(&inventory, IMGAPI);
    assert!(imgapi.payload.as_ref().unwrap().from.contains("/g8/"));
    assert!(imgapi.sapi_record.as_ref().unwrap().from.contains("/g5/"));
}

#[test]
fn a_zone_that_vmapi_calls_destroyed_and_that_cannot_be_made_again_is_no_instance() {
    let mut raw = peace();
    raw.kept.clear();
    raw.machines.remove(0);
    raw.vmapi = Some(vmapi(vec![vm(IMGAPI, "imgapi", HEADNODE0, "destroyed")]));
    let inventory = merge(raw);
    assert!(inventory.instances.iter().all(|i| i.uuid != IMGAPI));
    assert!(warned(&inventory, "SAPI still has its record"));
}

#[test]
fn a_zone_that_its_machine_lost_and_sapi_has_is_on_record_as_destroyed() {
    for vmapi_knows in [true, false] {
        let mut raw = peace();
        raw.kept = headnode0_dead().kept;
        raw.machines[0].zones = Some(Vec::new());
        let state = if vmapi_knows { "destroyed" } else { "running" };
        raw.vmapi = Some(vmapi(vec![vm(IMGAPI, "imgapi", HEADNODE0, state)]));
        let inventory = merge(raw);
        let imgapi = instance(&inventory, IMGAPI);
        assert_eq!(imgapi.state.as_deref(), Some("destroyed"));
        assert_eq!(imgapi.server, Some(HEADNODE0));
        assert!(imgapi.payload.is_some());
        assert!(warned(&inventory, "is gone from its server"));
    }
}

#[test]
fn a_zone_that_its_machine_has_is_not_destroyed_whatever_vmapi_says() {
    let mut raw = peace();
    raw.vmapi = Some(vmapi(vec![vm(IMGAPI, "imgapi", HEADNODE0, "destroyed")]));
    let inventory = merge(raw);
    assert_eq!(
        instance(&inventory, IMGAPI).state.as_deref(),
        Some("running")
    );
    assert!(warned(&inventory, "its machine has it"));
}

#[test]
fn a_zone_that_only_old_restore_data_knows_is_gone_when_its_server_says_so() {
    let mut raw = peace();
    raw.sapi = None;
    raw.vmapi = None;
    raw.machines[0].zones = Some(Vec::new());
    let on_record = merge(raw.clone());
    let state = instance(&on_record, IMGAPI).state.clone();
    assert_eq!(
        state.as_deref(),
        Some("destroyed"),
        "SAPI's last word was that there is one"
    );
    for kept in &mut raw.kept {
        kept.files.retain(|file| file.part != Part::SapiInstance);
    }
    let inventory = merge(raw);
    assert!(inventory.instances.iter().all(|i| i.uuid != IMGAPI));
}

#[test]
fn a_server_whose_zones_could_not_be_listed_is_no_witness() {
    let mut raw = peace();
    raw.sapi = None;
    raw.vmapi = None;
    raw.machines[0].zones = None;
    let inventory = merge(raw);
    assert_eq!(instance(&inventory, IMGAPI).server, Some(HEADNODE0));
}

#[test]
fn each_field_is_that_of_the_most_trusted_who_has_it() {
    // (alias in SAPI, in VMAPI, on the machine) -> what the inventory says
    let table = [
        (Some("a"), Some("b"), Some("c"), Some("a")),
        (None, Some("b"), Some("c"), Some("b")),
        (None, None, Some("c"), Some("c")),
        (None, None, None, None),
    ];
    for (in_sapi, in_vmapi, on_machine, wanted) in table {
        let mut raw = peace();
        raw.kept.clear();
        if let Some(sapi) = &mut raw.sapi {
            sapi.what.instances[0]["params"] = json!({"alias": in_sapi});
        }
        if let Some(vmapi) = &mut raw.vmapi {
            vmapi.what[0]["alias"] = json!(in_vmapi);
        }
        raw.machines[0].zones.as_mut().unwrap()[0]["alias"] = json!(on_machine);
        let inventory = merge(raw);
        assert_eq!(instance(&inventory, IMGAPI).alias.as_deref(), wanted);
        assert_eq!(warned(&inventory, "has no alias"), wanted.is_none());
    }
}

#[test]
fn the_state_is_that_of_the_machine_and_the_place_that_of_who_saw_it() {
    let mut raw = peace();
    raw.machines[0].zones.as_mut().unwrap()[0]["state"] = json!("stopped");
    if let Some(sapi) = &mut raw.sapi {
        // Where it was asked for, long ago.
        sapi.what.instances[0]["params"]["server_uuid"] = json!(HEADNODE1);
    }
    let inventory = merge(raw);
    let imgapi = instance(&inventory, IMGAPI);
    assert_eq!(imgapi.state.as_deref(), Some("stopped"));
    assert_eq!(imgapi.server, Some(HEADNODE0));
}

#[test]
fn a_zone_in_two_places_is_warned_of() {
    let mut raw = peace();
    raw.machines[1]
        .zones
        .as_mut()
        .unwrap()
        .push(vm(IMGAPI, "imgapi", HEADNODE1, "running"));
    let inventory = merge(raw);
    assert!(warned(&inventory, &format!("imgapi0 ({IMGAPI}) is on")));
}

#[test]
fn a_nic_is_completed_by_what_napi_knows_of_its_mac() {
    let mut raw = peace();
    raw.napi = Some(napi(vec![json!({
        "mac": "90b8d017023a", "belongs_to_uuid": IMGAPI, "network_uuid": service("admin"),
        "nic_tag": "admin", "ip": "10.99.99.99", "allow_ip_spoofing": true
    })]));
    let inventory = merge(raw);
    let nic = &instance(&inventory, IMGAPI).nics[0];
    assert_eq!(nic.network, Some(service("admin")));
    assert_eq!(
        nic.ip,
        Some("10.99.99.21".parse().unwrap()),
        "the zone's own word"
    );
    assert!(nic.properties.contains_key("allow_ip_spoofing"));
    assert_eq!(nic.interface.as_deref(), Some("net0"));
}

#[test]
fn dirty_data_is_warned_of_and_costs_nothing_else() {
    let mut raw = peace();
    let stray = Uuid::from_u128(0x5712_a700);
    if let Some(sapi) = &mut raw.sapi {
        let instances = &mut sapi.what.instances;
        instances.push(json!({"uuid": "not a uuid", "service_uuid": service("sapi")}));
        instances.push(json!({"uuid": Uuid::from_u128(3), "service_uuid": Uuid::from_u128(4)}));
        instances.push(sapi_instance(stray, "sapi"));
        instances.push(json!(7));
    }
    if let Some(vmapi) = &mut raw.vmapi {
        vmapi.what.push(json!({"alias": "no uuid"}));
    }
    if let Some(cnapi) = &mut raw.cnapi {
        cnapi.what.push(json!({"hostname": "no uuid"}));
    }
    let inventory = merge(raw);
    assert_eq!(instance(&inventory, stray).server, None);
    for of in [
        "SAPI: a SAPI instance has no usable UUID (\"not a uuid\")",
        "a service that SAPI does not have",
        "VMAPI does not know it",
        "nobody says on which server it is",
        "the alias sapi0 is used by",
        "VMAPI: a VM record has no usable UUID",
        "CNAPI: a server without a usable UUID",
    ] {
        assert!(warned(&inventory, of), "{of}: {:#?}", inventory.warnings);
    }
    assert_eq!(
        instance(&inventory, IMGAPI).alias.as_deref(),
        Some("imgapi0")
    );
}

#[test]
fn no_secret_is_in_an_inventory() {
    for raw in [peace(), headnode0_dead()] {
        let text = serde_json::to_string(&merge(raw)).unwrap();
        assert!(!text.contains(CANARY));
        assert!(text.contains("\"payload\":{\"secret\":\"sha256:"));
    }
}

#[test]
fn the_same_facts_give_the_same_bytes_in_whatever_order_they_came() {
    let mut turned = peace();
    turned.machines.reverse();
    for list in [&mut turned.vmapi, &mut turned.cnapi] {
        list.as_mut().unwrap().what.reverse();
    }
    turned.sapi.as_mut().unwrap().what.instances.reverse();
    let text = |raw| serde_json::to_string(&merge(raw)).unwrap();
    assert_eq!(text(peace()), text(turned));
}

#[test]
fn with_nothing_known_the_inventory_is_empty_and_says_so() {
    let inventory = merge(RawFacts::none(HEADNODE1, at(12)));
    assert!(inventory.instances.is_empty() && inventory.servers.is_empty());
    assert!(warned(&inventory, "datacenter_name is not known"));
}

#[test]
fn only_addresses_that_were_set_aside_for_a_restore_are_reserved() {
    let reserved = merge(peace()).reserved;
    let ips: Vec<String> = reserved.iter().map(|one| one.ip.to_string()).collect();
    assert_eq!(ips, ["10.99.99.199"]);
    assert_eq!(reserved[0].learnt.from, "napi");
}

#[test]
fn the_members_of_zookeeper_are_those_that_sapi_names() {
    let members = merge(peace()).zk_servers;
    let nums: Vec<u64> = members.iter().map(|one| one.num).collect();
    assert_eq!(nums, [1, 2]);
    assert!(merge(headnode0_dead()).zk_servers.is_empty(), "nobody says");
}
