// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Snapshots as both ends list them, and the choice of the base of an incremental send: by GUID, never by name.

use documents::Timestamp;
use serde::{Deserialize, Serialize};

/// One snapshot, or what is left of one: a bookmark can be sent from, though it holds no data. Lists are oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    pub dataset: String,
    /// Without the dataset.
    pub name: String,
    pub guid: String,
    pub taken_at: Timestamp,
    /// Bytes it refers to.
    pub bytes: u64,
    /// A clone or a hold needs it: it can't be removed.
    pub needed: bool,
    #[serde(default)]
    pub bookmark: bool,
}

/// What this headnode has of a dataset.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Copy {
    pub dataset: String,
    /// Bytes written since its newest snapshot. A copy is read-only: anything but 0 means that somebody changed it.
    pub written: u64,
    /// The token of a receive that was cut off.
    pub resume: Option<String>,
    /// The snapshot that it is a clone of.
    pub origin: Option<String>,
    pub snapshots: Vec<Snapshot>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Base<'a> {
    /// There is no copy: everything is sent.
    Nothing,
    /// The copy's newest snapshot, which the source has too.
    From(&'a Snapshot),
    /// There is a copy that nothing can be added to. It is put aside.
    Diverged(String),
}

/// The source's counterpart of a snapshot: itself, or at least its bookmark.
pub fn counterpart<'a>(source: &'a [Snapshot], guid: &str) -> Option<&'a Snapshot> {
    let same = |bookmark| {
        source
            .iter()
            .find(move |one| one.guid == guid && one.bookmark == bookmark)
    };
    same(false).or_else(|| same(true))
}

/// Chooses what to send from. Only the newest snapshot of a copy can be its base: an older one would need a rollback, which
/// throws away data.
pub fn base<'a>(source: &[Snapshot], copy: Option<&'a Copy>) -> Base<'a> {
    let Some(copy) = copy else {
        return Base::Nothing;
    };
    let Some(newest) = copy.snapshots.last() else {
        return Base::Diverged("it has no snapshot".to_owned());
    };
    if copy.written > 0 {
        return Base::Diverged(format!(
            "{} bytes were written to it since {}",
            copy.written, newest.name
        ));
    }
    if counterpart(source, &newest.guid).is_some() {
        return Base::From(newest);
    }
    Base::Diverged(format!(
        "the source no longer has its newest snapshot {} (GUID {})",
        newest.name, newest.guid
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(name: &str, guid: &str) -> Snapshot {
        Snapshot {
            dataset: "zones/a dataset".to_owned(),
            name: name.to_owned(),
            guid: guid.to_owned(),
            taken_at: Timestamp::from_millis(0),
            bytes: 1,
            needed: false,
            bookmark: false,
        }
    }

    fn copy(snapshots: &[(&str, &str)]) -> Copy {
        Copy {
            snapshots: snapshots.iter().map(|(n, g)| snapshot(n, g)).collect(),
            ..Copy::default()
        }
    }

    #[test]
    fn without_a_copy_everything_is_sent() {
        assert_eq!(base(&[snapshot("a", "1")], None), Base::Nothing);
    }

    #[test]
    fn the_base_is_found_by_guid_whatever_it_is_called() {
        let copy = copy(&[("old", "1"), ("renamed here", "2")]);
        let source = [
            snapshot("old", "1"),
            snapshot("new", "2"),
            snapshot("newer", "3"),
        ];
        assert_eq!(base(&source, Some(&copy)), Base::From(&copy.snapshots[1]));
    }

    #[test]
    fn a_snapshot_of_the_same_name_but_another_guid_is_no_base() {
        let copy = copy(&[("s", "1")]);
        assert!(matches!(
            base(&[snapshot("s", "9")], Some(&copy)),
            Base::Diverged(why) if why.contains("GUID 1")
        ));
    }

    #[test]
    fn an_older_common_snapshot_does_not_do() {
        let copy = copy(&[("old", "1"), ("new", "2")]);
        assert!(matches!(
            base(&[snapshot("old", "1")], Some(&copy)),
            Base::Diverged(_)
        ));
    }

    #[test]
    fn a_copy_that_was_written_to_has_diverged() {
        let mut copy = copy(&[("s", "1")]);
        copy.written = 512;
        assert!(matches!(
            base(&[snapshot("s", "1")], Some(&copy)),
            Base::Diverged(why) if why.contains("512 bytes")
        ));
    }
}
