// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Holds the lab's API servers to what the real ones answered: every recorded request that the lab supports is sent, in
//! the recording's order, and status, error code, shape and telling headers are compared.
//!
//! Two files are left out: `sapi-crash` holds only requests that killed the real server, and `imgapi-public-channels`
//! repeats `imgapi-public` with channels, which a datacenter's IMGAPI does not have.

// A test that can't go on has failed; clippy knows that only of functions marked as tests.
#![allow(clippy::unwrap_used)]

#[path = "recordings/exceptions.rs"]
mod exceptions;
#[path = "recordings/replay.rs"]
mod replay;
#[path = "recordings/shape.rs"]
mod shape;

use exceptions::Exception;
use replay::{Exchange, Replay};

/// Replays one file. `floor` is how many exchanges were compared when this was last looked at: fewer means that the
/// lab, or this test, lost something.
fn conforms(role: &str, file: &str, floor: usize) {
    let mut replay = Replay::new(role);
    let (mut compared, mut excepted, mut unsupported, mut silent) = (0, 0, 0, 0);
    let mut wrong = Vec::new();
    for exchange in Exchange::read(file) {
        if exchange.status().is_none() {
            // The real server died here; the lab's has no need to.
            silent += 1;
            continue;
        }
        let exception = exceptions::find(file, exchange.name());
        if let Some(Exception::Given(_)) = exception {
            excepted += 1;
            replay.take_as_given(&exchange);
            continue;
        }
        if !replay.supports(&exchange) {
            unsupported += 1;
            replay.take_as_given(&exchange);
            continue;
        }
        let differences = replay.send(&exchange);
        match exception {
            None => compared += 1,
            Some(_) => excepted += 1,
        }
        match (exception, differences.is_empty()) {
            (Some(Exception::Differs(_)), true) => {
                wrong.push(format!(
                    "{}: listed as an exception, but conforms",
                    exchange.name()
                ));
            }
            (None, false) => wrong.push(format!("{}: {}", exchange.name(), differences.join("; "))),
            _ => {}
        }
    }
    println!(
        "{file}: {compared} compared, {excepted} excepted, {unsupported} unsupported, {silent} without an answer"
    );
    assert!(wrong.is_empty(), "{file}:\n{}", wrong.join("\n"));
    assert!(
        compared >= floor,
        "{file}: only {compared} compared, {floor} were"
    );
}

#[test]
fn sapi_answers_as_the_real_one_did_in_full_mode() {
    conforms("sapi", "sapi-full", 140);
}

#[test]
fn sapi_answers_as_the_real_one_did_in_proto_mode_where_the_mode_makes_no_difference() {
    conforms("sapi", "sapi-proto", 142);
}

#[test]
fn sapi_answers_as_the_real_one_did_after_its_upgrade() {
    conforms("sapi", "sapi-upgrade", 15);
}

#[test]
fn vmapi_answers_as_the_real_one_did() {
    conforms("vmapi", "vmapi", 49);
}

#[test]
fn napi_answers_as_the_real_one_did() {
    conforms("napi", "napi", 127);
}

#[test]
fn cnapi_answers_as_the_real_one_did() {
    conforms("cnapi", "cnapi", 42);
}

#[test]
fn imgapi_answers_as_the_real_public_one_did_but_for_what_a_datacenter_changes() {
    conforms("imgapi", "imgapi-public", 48);
}

#[test]
fn papi_answers_as_the_real_one_did() {
    conforms("papi", "papi", 23);
}

#[test]
fn workflow_and_fwapi_answer_pings_as_the_real_ones_did() {
    conforms("workflow", "workflow", 2);
    conforms("fwapi", "fwapi", 2);
}

#[test]
fn every_exception_names_a_recorded_exchange() {
    for (file, name) in exceptions::all() {
        let known = Exchange::read(file)
            .iter()
            .any(|exchange| exchange.name() == name);
        assert!(known, "{file} has no {name}");
    }
}
