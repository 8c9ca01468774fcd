// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Names, on a headnode whose own resolver is dead: a binder that lives is asked instead.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use serde_json::Value;
use support::*;

/// Nobody has that address.
const DEAF: &str = "echo nameserver 10.99.99.250 > /etc/resolv.conf";

#[test]
fn where_the_systems_resolver_is_dead_the_apis_are_found_through_the_binders() {
    let scene = up();
    scene.ok("headnode1", DEAF);
    let inventory: Value =
        serde_json::from_str(&scene.ok("headnode1", "triton-inventory")).unwrap();
    for api in ["sapi", "vmapi", "napi", "cnapi"] {
        let sources = inventory["sources"].as_array().unwrap();
        let asked = sources.iter().find(|source| source["name"] == api).unwrap();
        assert_eq!(asked["answered"], true, "{asked}");
    }
}
