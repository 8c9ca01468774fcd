// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `zfs`: datasets whose files are folders, snapshots that are copies of them. Words and exit codes are those of the real one.

mod bookmark;
mod change;
pub mod files;
mod list;
mod promote;
mod properties;
mod receive;
mod send;
mod stream;

pub use change::{destroy_tree, held_tree};
pub use properties::zoned;

use std::sync::Arc;

use crate::call::Call;
use crate::lab::Lab;

/// Why a subcommand failed: what zfs prints, and its exit code.
pub struct Refused(pub String, pub i32);

impl Refused {
    fn new(text: impl Into<String>) -> Refused {
        Refused(text.into(), 1)
    }

    /// A name that is not there, where zfs thinks of bad usage.
    fn absent(name: &str) -> Refused {
        Refused(format!("cannot open '{name}': dataset does not exist"), 2)
    }

    fn usage(text: impl Into<String>) -> Refused {
        Refused(text.into(), 2)
    }
}

type Outcome = Result<String, Refused>;

type Subcommand = (&'static str, fn(&Arc<Lab>, &mut Call, &[&str]) -> Outcome);

pub const SUBCOMMANDS: [Subcommand; 12] = [
    ("list", list::list),
    ("get", list::get),
    ("create", |lab, call, args| {
        change::create(lab, &call.host, args)
    }),
    ("set", |lab, call, args| change::set(lab, &call.host, args)),
    ("snapshot", |lab, call, args| {
        change::snapshot(lab, &call.host, args)
    }),
    ("bookmark", |lab, call, args| {
        bookmark::bookmark(lab, &call.host, args)
    }),
    ("clone", |lab, call, args| {
        change::clone(lab, &call.host, args)
    }),
    ("promote", |lab, call, args| {
        promote::promote(lab, &call.host, args)
    }),
    ("rename", |lab, call, args| {
        change::rename(lab, &call.host, args)
    }),
    ("destroy", |lab, call, args| {
        change::destroy(lab, &call.host, args)
    }),
    ("send", send::send),
    ("receive", receive::receive),
];

pub fn run(lab: &Arc<Lab>, call: &mut Call) -> i32 {
    let words = call.args.clone();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let known = words.split_first().and_then(|(first, rest)| {
        let (_, run) = SUBCOMMANDS.iter().find(|(name, _)| name == first)?;
        Some((run, rest))
    });
    let outcome = match known {
        Some((run, rest)) => run(lab, call, rest),
        None => Err(Refused::usage(format!(
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
