// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `zfs`: datasets whose files are folders, snapshots that are copies of them. Words and exit codes are those of the real one.

mod change;
pub mod files;
mod list;
mod properties;
mod receive;
mod send;
mod stream;

use std::sync::Arc;

use crate::call::Call;
use crate::lab::Lab;

/// Why a subcommand failed: what zfs prints, and its exit code.
pub struct Refused(pub String, pub i32);

impl Refused {
    fn new(text: impl Into<String>) -> Refused {
        Refused(text.into(), 1)
    }

    fn usage(text: impl Into<String>) -> Refused {
        Refused(text.into(), 2)
    }
}

type Outcome = Result<String, Refused>;

pub fn run(lab: &Arc<Lab>, call: &mut Call) -> i32 {
    let args = call.args.clone();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let host = call.host.clone();
    let outcome = match words[..] {
        ["list", ref rest @ ..] => list::list(lab, &host, rest, call),
        ["get", ref rest @ ..] => list::get(lab, &host, rest, call),
        ["create", ref rest @ ..] => change::create(lab, &host, rest),
        ["set", ref rest @ ..] => change::set(lab, &host, rest),
        ["inherit", property, name] => change::inherit(lab, &host, property, name),
        ["snapshot", ref rest @ ..] => change::snapshot(lab, &host, rest),
        ["clone", ref rest @ ..] => change::clone(lab, &host, rest),
        ["rename", from, to] => change::rename(lab, &host, from, to),
        ["destroy", name] => change::destroy(lab, &host, name),
        ["send", ref rest @ ..] => send::send(lab, call, rest),
        ["receive", "-A", name] => receive::abort(lab, &host, name),
        ["receive", ref rest @ ..] => receive::receive(lab, call, rest),
        _ => Err(Refused::usage(format!(
            "unrecognized command '{}'",
            words.join(" ")
        ))),
    };
    match outcome {
        Ok(text) => {
            call.out(text);
            0
        }
        Err(Refused(text, code)) => call.fail(code, text),
    }
}

/// A name that grows by nothing but use: GUIDs, transaction groups and folder names come from it.
pub fn fresh() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A GUID that nothing else has: a counter spread over 63 bits, and the moment.
pub fn guid(lab: &Lab) -> u64 {
    let seed = (lab.now_ms() << 20) ^ fresh();
    (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 1
}
