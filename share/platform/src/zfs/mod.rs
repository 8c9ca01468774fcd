// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! zfs(8): datasets, snapshots, properties and streams.
//!
//! There is no destroy but that of a snapshot or of an empty dataset: what is in the way is renamed aside. Every name is checked before a command is
//! given it, so that no name can be taken for an option, a range of snapshots or a list.

mod change;
mod dataset;
mod name;
mod property;
mod snapshot;
mod stream;

pub(crate) use dataset::{Row, rows};

pub use change::{
    clone, create, delegate, destroy_empty, inherit, mount, promote, rename, rename_delegated, set,
    unmount,
};
pub use dataset::{Dataset, Tree, dataset, list, parse_list, tree, with_snapshots};
pub use name::{InvalidName, check_dataset, check_snapshot, split_snapshot};
pub use property::{Property, get, parse_get};
pub use snapshot::{
    Bookmark, Hold, SNAPSHOT_COLUMNS, Snapshot, bookmark, bookmarks, destroy_bookmark,
    destroy_snapshot, hold, holds, parse_bookmarks, parse_holds, parse_snapshots, release,
    snapshot, snapshot_named, snapshot_tree, snapshots, snapshots_named,
};
pub use stream::{
    Base, Send, StreamOptions, parse_token_snapshot, receive, receive_abort, token_snapshot,
};

use crate::{Command, Host, Output};

/// What zfs says of a dataset or snapshot that is not there.
const ABSENT: [&str; 3] = [
    "dataset does not exist",
    "could not find any snapshots to destroy",
    "' does not exist.",
];

/// zfs, speaking English: what is not there is known by its words.
fn zfs(subcommand: &str) -> Command {
    Command::new("zfs").env("LC_ALL", "C").arg(subcommand)
}

fn says_absent(output: &Output) -> bool {
    let complaint = output.complaint();
    ABSENT.iter().any(|words| complaint.contains(words))
}

/// What a kind of name must be like.
type Check = fn(&str) -> Result<(), InvalidName>;

/// The names, checked, or a refusal.
fn checked<const N: usize>(host: &Host, names: [(&str, Check); N]) -> Result<(), crate::Error> {
    for (name, check) in names {
        check(name).map_err(|why| crate::Error::refused(host, why))?;
    }
    Ok(())
}
