// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Compute nodes that become headnodes: what they boot as on the way, what speaks against it, and the way back.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use support::*;

const PLAN: &str = "triton-hn-setup cn0 --plan > /var/tmp/plan.json";

/// A headnode with the services of a small datacenter, and a compute node that has this toolkit already: copying it is slow, and
/// the demo and the crash matrix do it.
fn one_headnode() -> Scene {
    let scene = with(|options| {
        options.headnodes = 1;
        options.convertible = 1;
    });
    scene.ok(
        "headnode0",
        &format!(
            "{PLAN}; triton-apply --yes --only cn0/check --only cn0/toolkit < /var/tmp/plan.json"
        ),
    );
    scene
}

fn boots_as(scene: &Scene) -> String {
    let would = scene.control(json!({"do": "boots-as", "host": "cn0"}));
    would["as"].as_str().unwrap().to_owned()
}

fn cnapi_says(scene: &Scene) -> Value {
    let servers = scene.control(json!({"do": "fetch", "service": "cnapi", "path": "/servers"}));
    let servers = servers["body"].as_array().unwrap();
    let server = servers.iter().find(|server| server["hostname"] == "cn0");
    server.unwrap()["headnode"].clone()
}

#[test]
fn a_setup_reboots_once_and_leaves_nothing_to_do_and_can_t_be_taken_back_any_more() {
    let scene = one_headnode();
    assert_eq!(
        (boots_as(&scene), cnapi_says(&scene)),
        ("compute-node".to_owned(), json!(false))
    );
    scene.ok("headnode0", "triton-apply --yes < /var/tmp/plan.json");
    assert_eq!(
        (boots_as(&scene), cnapi_says(&scene)),
        ("headnode".to_owned(), json!(true))
    );
    scene.ok(
        "cn0",
        "set -e; bootparams | grep -q headnode=true; test -e /usbkey/extra/agents -a -e /usbkey/extra/dockerlogger
         test -e /opt/smartdc/sdcadm; test ! -e /opt/smartdc/config/node.config
         grep -q hostname=cn0 /usbkey/config; ! grep -q external_ /usbkey/config
         test $(stat -c %a /usbkey/config) = 600; ls /opt/custom/smf | grep -q triton-sync-data.xml",
    );
    assert_eq!(scene.inconsistencies(), Vec::<String>::new());
    assert_eq!(scene.destroying_calls(), Vec::<String>::new());
    scene.ok("cn0", "triton-sync-data");
    // All boot media are alike, and the same again changes nothing.
    scene.ok("headnode0", "triton-usbkey-image status");
    let again = scene.run(
        "headnode0",
        "triton-apply --yes --json < /var/tmp/plan.json",
    );
    assert_eq!(summary(&again)["changed"], 0, "{}", out(&again));
    let back = scene.run("headnode0", "triton-hn-setup cn0 --undo --yes");
    assert_eq!(back.status.code(), Some(3), "{}{}", out(&back), err(&back));
    assert_eq!(boots_as(&scene), "headnode");
}

#[test]
fn without_the_dataset_of_usbkey_beforehand_it_takes_two_boots_and_is_done_as_well() {
    let scene = one_headnode();
    let without = "jq 'del(.steps[] | select(.id == \"cn0/usbkey\")) | .steps[].needs -= [\"cn0/usbkey\"]' /var/tmp/plan.json";
    scene.ok("headnode0", &format!("{without} | triton-apply --yes"));
    assert_eq!(
        (boots_as(&scene), cnapi_says(&scene)),
        ("headnode".to_owned(), json!(true))
    );
    scene.ok(
        "cn0",
        "zfs list zones/usbkey && grep -q hostname=cn0 /usbkey/config",
    );
}

#[test]
fn until_it_reboots_it_can_be_taken_back_and_stays_a_compute_node() {
    let scene = one_headnode();
    scene.ok(
        "headnode0",
        "triton-apply --yes --only cn0/check --only cn0/toolkit --only cn0/usbkey --only cn0/medium < /var/tmp/plan.json",
    );
    assert_eq!(boots_as(&scene), "headnode");
    let told = scene.ok("headnode0", "triton-hn-setup cn0 --undo --yes --json");
    assert!(told.contains("boots from the network again"), "{told}");
    assert_eq!(boots_as(&scene), "compute-node");
    scene.control(json!({"do": "kill-host", "host": "cn0"}));
    scene.control(json!({"do": "boot-host", "host": "cn0"}));
    assert_eq!(cnapi_says(&scene), json!(false));
    scene.ok(
        "cn0",
        "! bootparams | grep -q headnode=true; test -e /opt/smartdc/config/node.config",
    );
}

#[test]
fn a_server_that_comes_up_as_a_compute_node_again_is_not_taken_for_a_headnode() {
    let scene = one_headnode();
    let without = "jq 'del(.steps[] | select(.id | test(\"medium|headnode|node-config|trust|services|known|alike|reserve\"))) \
                   | .steps[].needs -= [\"cn0/medium\"]' /var/tmp/plan.json";
    let failed = scene.run(
        "headnode0",
        &format!("{without} | triton-apply --yes --json"),
    );
    assert_eq!(
        failed.status.code(),
        Some(4),
        "{}{}",
        out(&failed),
        err(&failed)
    );
    assert!(
        out(&failed).contains("tries the network before the boot medium"),
        "{}",
        out(&failed)
    );
    assert_eq!(boots_as(&scene), "compute-node");
}

#[test]
fn a_key_of_another_datacenter_is_refused_and_nothing_is_written_to_it() {
    let scene = one_headnode();
    let listing =
        "key=$(sdc-usbkey mount); find $key -type f -exec cksum {} + | sort; sdc-usbkey unmount";
    scene.ok(
        "cn0",
        "key=$(sdc-usbkey mount); echo datacenter_name=west-9 > $key/config; sdc-usbkey unmount",
    );
    let before = scene.ok("cn0", listing);
    let refused = scene.run("headnode0", "triton-apply --yes < /var/tmp/plan.json");
    assert_eq!(refused.status.code(), Some(3), "{}", err(&refused));
    assert!(
        err(&refused).contains("is of datacenter west-9"),
        "{}",
        err(&refused)
    );
    assert_eq!(scene.ok("cn0", listing), before);
}

#[test]
fn a_key_that_is_pulled_out_meanwhile_is_named_and_the_server_boots_as_before() {
    let scene = one_headnode();
    // What is written lies in a folder that goes away at the first rename.
    scene.ok(
        "cn0",
        "cat > /tmp/puller <<'EOF'
while ! ls /mnt/usbkey/os >/dev/null 2>&1; do :; done; mv /mnt/usbkey /tmp/pulled
EOF
         (setsid bash /tmp/puller >/dev/null 2>&1 &) ; true",
    );
    let failed = scene.run(
        "headnode0",
        "triton-apply --yes --json < /var/tmp/plan.json",
    );
    assert_eq!(
        failed.status.code(),
        Some(4),
        "{}{}",
        out(&failed),
        err(&failed)
    );
    assert!(out(&failed).contains("cn0/medium"), "{}", out(&failed));
    scene.ok("cn0", "mv /tmp/pulled /mnt/usbkey && sdc-usbkey unmount");
    assert_eq!(boots_as(&scene), "compute-node");
    // Plugged in again, the same plan ends as if nothing had been.
    scene.ok("headnode0", "triton-apply --yes < /var/tmp/plan.json");
    assert_eq!(boots_as(&scene), "headnode");
}

#[test]
fn with_no_api_at_all_a_headnode_is_made_by_ssh_alone() {
    let scene = one_headnode();
    scene.ok(
        "headnode0",
        "triton-inventory > /var/tmp/inventory.json
         for role in cnapi napi vmapi sapi; do vmadm stop $(vmadm lookup tags.smartdc_role=$role); done",
    );
    let made = scene.run(
        "headnode0",
        "triton-hn-setup cn0 --offline -i /var/tmp/inventory.json --yes",
    );
    assert_eq!(made.status.code(), Some(0), "{}{}", out(&made), err(&made));
    assert!(
        err(&made).contains("triton-usbkey-image sync cn0"),
        "{}",
        err(&made)
    );
    scene.ok(
        "cn0",
        "bootparams | grep -q headnode=true && triton-sync-data trust ls | grep -q headnode0",
    );
}

#[test]
fn after_a_loss_a_compute_node_becomes_the_third_headnode_and_the_commands_that_were_printed_hold()
{
    let scene = with(|options| options.convertible = 1);
    scene.ok(
        "headnode1",
        "triton-svc-restore reserve --yes && triton-sync-data",
    );
    scene.lose("headnode0");
    let restored = scene.run("headnode1", "triton-svc-restore --lost headnode0 --yes");
    assert_eq!(restored.status.code(), Some(0), "{}", err(&restored));
    scene.ok("headnode1", "triton-hn-setup cn0 --yes");
    let said = err(&restored);
    let commands = said.lines().filter_map(|line| {
        line.find("sdcadm post-setup ha-")
            .or(line.find("sdcadm create moray"))
            .map(|at| &line[at..])
    });
    let commands: Vec<String> = commands
        .map(|command| command.replace("SERVER", "cn0"))
        .collect();
    assert_eq!(commands.len(), 3, "{said}");
    for command in commands {
        scene.ok("headnode1", &command);
    }
    assert_eq!(
        scene.inconsistencies_without(&["headnode0"]),
        Vec::<String>::new()
    );
    scene.ok("headnode1", "triton-usbkey-image status cn0");
}
