// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a restore is refused for, one test each: the object, the figures, and the flag where one accepts it.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use documents::inventory::{Inventory, Room};
use documents::plan::{Level, Refusal};
use documents::{Plan, Uuid};
use plan::{RestoreOptions, plan_restore};
use support::*;

fn plan_of(inventory: &Inventory, options: &RestoreOptions) -> Plan {
    plan_restore(inventory, &catalogue(), &plugins(), options).unwrap()
}

/// The only refusal of a plan.
fn the_refusal(plan: &Plan) -> &Refusal {
    match plan.refusals.as_slice() {
        [one] => one,
        other => panic!("{other:?}"),
    }
}

fn on_headnode2() -> RestoreOptions {
    RestoreOptions {
        on: Some("headnode2".to_owned()),
        ..options()
    }
}

/// The same datacenter, with the images on the third headnode.
fn with_images_on_headnode2() -> Inventory {
    let mut inventory = inventory();
    for image in &mut inventory.images {
        image.server = THIRD;
    }
    inventory
}

fn warnings(plan: &Plan) -> Vec<&str> {
    let warnings = plan.notices.iter().filter(|one| one.level == Level::Warn);
    warnings.map(|one| one.text.as_str()).collect()
}

#[test]
fn an_image_whose_origin_is_missing_on_the_target_is_refused_by_both_names() {
    let origin = Uuid::from_u128(0x04a4_8d7d);
    let mut inventory = inventory();
    let image = inventory.images.iter_mut().find(|one| one.name == "imgapi");
    image.unwrap().origin = Some(origin);
    let plan = plan_of(&inventory, &options());
    let refusal = the_refusal(&plan);
    assert_eq!(refusal.service, "imgapi");
    assert!(
        refusal
            .text
            .contains(&format!("its origin {origin} is not")),
        "{}",
        refusal.text
    );
    assert!(
        refusal.text.contains(&uuid("image imgapi").to_string()),
        "{}",
        refusal.text
    );
}

#[test]
fn an_origin_that_is_installed_only_elsewhere_does_not_help() {
    let mut inventory = inventory();
    let mut origin = inventory.images[0].clone();
    origin.uuid = uuid("image base");
    origin.server = THIRD;
    inventory.images[3].origin = Some(origin.uuid);
    inventory.images.push(origin);
    assert_eq!(
        the_refusal(&plan_of(&inventory, &options())).service,
        "imgapi"
    );
    inventory.images.last_mut().unwrap().server = TARGET;
    assert_eq!(plan_of(&inventory, &options()).refusals, Vec::new());
}

#[test]
fn a_target_that_does_not_answer_is_refused_by_name() {
    let mut inventory = with_images_on_headnode2();
    assert_eq!(plan_of(&inventory, &on_headnode2()).refusals, Vec::new());
    inventory.servers[2].answers = Some(false);
    let plan = plan_of(&inventory, &on_headnode2());
    let refused = plan
        .refusals
        .iter()
        .find(|one| one.text.starts_with("headnode2 did not answer by ssh"));
    assert_eq!(refused.unwrap().accepted_by, None);
}

#[test]
fn a_target_that_nobody_asked_is_unknown_and_not_well() {
    let mut inventory = with_images_on_headnode2();
    inventory.servers[2].answers = None;
    let plan = plan_of(&inventory, &on_headnode2());
    let said = warnings(&plan);
    assert!(
        said.iter()
            .any(|text| text.starts_with("unknown what headnode2 has")),
        "{said:?}"
    );
}

#[test]
fn the_headnode_that_the_inventory_was_taken_on_needs_no_ssh() {
    let mut inventory = inventory();
    inventory.servers[1].answers = None;
    let plan = plan_of(&inventory, &options());
    assert_eq!(plan.refusals, Vec::new());
    assert!(
        !warnings(&plan)
            .iter()
            .any(|text| text.contains("unknown what"))
    );
}

#[test]
fn nic_tags_that_are_not_known_are_said_to_be_unknown() {
    let mut inventory = inventory();
    inventory.servers[1].nic_tags = None;
    let plan = plan_of(&inventory, &options());
    assert_eq!(plan.refusals, Vec::new());
    let said = warnings(&plan);
    assert!(
        said.iter()
            .any(|text| text.starts_with("unknown which NIC tags headnode1 has")),
        "{said:?}"
    );
}

#[test]
fn a_survivor_that_can_not_be_put_right_is_refused_until_that_is_accepted() {
    let mut inventory = inventory();
    inventory.servers[2].answers = Some(false);
    // A compute node has the third member of each cluster, so that a majority lives.
    let node = Uuid::from_u128(0xc0de);
    let mut cn = server(node, "cn1", "10.99.99.60", true);
    cn.headnode = false;
    inventory.servers.push(cn);
    for one in &mut inventory.instances {
        if one.server == Some(THIRD) {
            one.server = Some(node);
        }
    }
    let plan = plan_of(&inventory, &options());
    let refusal = the_refusal(&plan);
    assert!(
        refusal.text.starts_with("headnode2 is not given up"),
        "{}",
        refusal.text
    );
    assert_eq!(refusal.accepted_by.as_deref(), Some("--accept-unreached"));
    let mut accepting = options();
    accepting.accept.insert("--accept-unreached".to_owned());
    assert_eq!(plan_of(&inventory, &accepting).refusals, Vec::new());
}

#[test]
fn a_survivor_that_nobody_asked_is_unknown_and_not_well() {
    let mut inventory = inventory();
    inventory.servers[2].answers = None;
    let plan = plan_of(&inventory, &options());
    let said = warnings(&plan);
    assert!(
        said.iter()
            .any(|text| text.starts_with("unknown whether headnode2 answers")),
        "{said:?}"
    );
}

fn with_room(memory: u64, promised: u64, pool_free: u64) -> Inventory {
    let mut inventory = inventory();
    inventory.servers[1].room = Some(Room {
        memory,
        promised,
        pool_free: Some(pool_free),
    });
    inventory
}

fn accepting(flag: &str) -> RestoreOptions {
    let mut options = options();
    options.accept.insert(flag.to_owned());
    options
}

#[test]
fn more_memory_than_is_left_is_refused_with_the_figures_until_that_is_accepted() {
    // Four zones of 1024 MiB come back.
    let enough = with_room(8192, 4096, 1 << 40);
    assert_eq!(plan_of(&enough, &options()).refusals, Vec::new());
    let short = with_room(8192, 4097, 1 << 40);
    let plan = plan_of(&short, &options());
    let refusal = the_refusal(&plan);
    for figure in ["4096 MiB", "8192 MiB", "4097 MiB"] {
        assert!(refusal.text.contains(figure), "{}", refusal.text);
    }
    assert_eq!(refusal.accepted_by.as_deref(), Some("--accept-little-room"));
    let accepted = plan_of(&short, &accepting("--accept-little-room"));
    assert_eq!(accepted.refusals, Vec::new());
}

#[test]
fn a_pool_that_is_nearly_full_is_refused() {
    let plan = plan_of(&with_room(65536, 0, 1 << 30), &options());
    assert!(the_refusal(&plan).text.contains("1024 MiB free"));
}

#[test]
fn room_that_nobody_looked_at_is_said_to_be_unknown() {
    let plan = plan_of(&inventory(), &options());
    let said = warnings(&plan);
    assert!(
        said.iter()
            .any(|text| text.starts_with("unknown how much memory and disk headnode1 has")),
        "{said:?}"
    );
}

#[test]
fn a_platform_older_than_the_image_wants_is_refused_by_both_dates() {
    let mut inventory = inventory();
    let image = inventory.images.iter_mut().find(|one| one.name == "imgapi");
    image.unwrap().min_platform = Some("20260313T002414Z".to_owned());
    inventory.servers[1].platform = Some("20260313T002414Z".to_owned());
    assert_eq!(plan_of(&inventory, &options()).refusals, Vec::new());
    inventory.servers[1].platform = Some("20210101T000000Z".to_owned());
    let plan = plan_of(&inventory, &options());
    let refusal = the_refusal(&plan);
    assert!(
        refusal.text.contains("20260313T002414Z"),
        "{}",
        refusal.text
    );
    assert!(
        refusal.text.contains("20210101T000000Z"),
        "{}",
        refusal.text
    );
    let accepted = plan_of(&inventory, &accepting("--accept-old-platform"));
    assert_eq!(accepted.refusals, Vec::new());
}

#[test]
fn a_zone_with_a_firewall_is_refused_where_no_rule_would_let_anybody_in() {
    let mut inventory = inventory();
    inventory.servers[1].firewall_rules = Some(true);
    assert_eq!(plan_of(&inventory, &options()).refusals, Vec::new());
    inventory.servers[1].firewall_rules = Some(false);
    let plan = plan_of(&inventory, &options());
    let refusal = the_refusal(&plan);
    assert_eq!(refusal.service, "imgapi", "no other has its firewall on");
    assert!(refusal.text.contains("headnode1"), "{}", refusal.text);
    let accepted = plan_of(&inventory, &accepting("--accept-no-firewall-rules"));
    assert_eq!(accepted.refusals, Vec::new());
}

#[test]
fn a_vlan_that_no_zone_of_the_target_uses_is_to_be_looked_after() {
    let mut inventory = inventory();
    inventory.networks[0].vlan_id = 55;
    let says = |inventory: &Inventory| {
        let plan = plan_of(inventory, &options());
        let said = warnings(&plan);
        said.iter().any(|text| text.contains("VLAN 55"))
    };
    assert!(
        !says(&inventory),
        "others on headnode1 are on the admin network"
    );
    for one in &mut inventory.instances {
        if one.server == Some(TARGET) {
            one.nics.iter_mut().for_each(|nic| nic.network = None);
        }
    }
    assert!(says(&inventory));
}

#[test]
fn a_compute_node_whose_platform_is_not_here_stands_against_bringing_dhcpd_back() {
    let mut inventory = inventory();
    inventory.instances.push(instance("dhcpd", 0, LOST));
    let mut dhcpd = inventory.images[0].clone();
    dhcpd.uuid = uuid("image dhcpd");
    dhcpd.server = TARGET;
    inventory.images.push(dhcpd);
    let mut node = server(Uuid::from_u128(0xc0de), "cn1", "10.99.99.60", true);
    node.headnode = false;
    node.boot_platform = Some("20260313T002414Z".to_owned());
    inventory.servers.push(node);
    inventory.servers[1].bootable = Some(vec!["20260313t002414z".to_owned()]);
    assert_eq!(plan_of(&inventory, &options()).refusals, Vec::new());
    inventory.servers[1].bootable = Some(vec!["20210101T000000Z".to_owned()]);
    let plan = plan_of(&inventory, &options());
    let refusal = the_refusal(&plan);
    assert!(
        refusal
            .text
            .starts_with("cn1 boots the platform 20260313T002414Z")
    );
    assert_eq!(
        refusal.accepted_by.as_deref(),
        Some("--accept-missing-platforms")
    );
}
