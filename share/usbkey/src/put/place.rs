// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The two places that a headnode has its boot files in: the medium, and the copy of it that it works with.

use std::path::Path;

use crate::{Error, Tree, folded, platform_stamp};

/// What every Triton key has, and nothing else.
pub(super) const MARKER: &str = ".joyliveusb";

/// What a boot copies from the medium to `/usbkey` is the medium's; the rest of `/usbkey` is not on the medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A mounted key or a boot dataset.
    Medium,
    /// `/usbkey`.
    Copy,
}

impl Place {
    /// A folder that is no such place is refused.
    pub(super) fn check(self, folder: &Path) -> Result<(), Error> {
        match self {
            Place::Medium if !folder.join(MARKER).is_file() => Err(Error::Refused(format!(
                "{} is no Triton key: there is no {MARKER} in it. Is the key mounted (sdc-usbkey mount)?",
                folder.display()
            ))),
            Place::Copy if !folder.is_dir() => Err(Error::Refused(format!(
                "{} is no folder: this machine has no copy of a boot medium, so it is no headnode",
                folder.display()
            ))),
            _ => Ok(()),
        }
    }

    /// What of a tree belongs there, under the names that it has there.
    pub(super) fn part_of(self, tree: &Tree) -> Result<Tree, Error> {
        let mut part = Tree::default();
        for (path, item) in tree.iter() {
            if let Some(path) = self.name_of(path) {
                part.add(&path, item.clone())?;
            }
        }
        Ok(part)
    }

    /// As the next boot would copy it: platforms under their true names, and neither `private` nor hidden files.
    pub fn name_of(self, path: &str) -> Option<String> {
        let (top, rest) = path.split_once('/').unwrap_or((path, ""));
        match (self, folded(top).as_str()) {
            (Place::Medium, "extra") | (Place::Copy, "private") => None,
            (Place::Copy, _) if top.starts_with('.') => None,
            (Place::Copy, "os") => {
                let (stamp, below) = rest.split_once('/')?;
                let stamp = platform_stamp(stamp).unwrap_or_else(|| stamp.to_owned());
                Some(format!("os/{stamp}/{below}"))
            }
            _ => Some(path.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_has_platforms_by_their_true_names_and_no_secrets_of_the_key() {
        let named = |path| Place::Copy.name_of(path);
        assert_eq!(
            named("os/20260313t002414z/platform/unix").as_deref(),
            Some("os/20260313T002414Z/platform/unix")
        );
        assert_eq!(named(".joyliveusb"), None);
        assert_eq!(named("private/root.password"), None);
        assert_eq!(
            named("boot/loader.conf").as_deref(),
            Some("boot/loader.conf")
        );
        assert_eq!(
            named("extra/joysetup/x").as_deref(),
            Some("extra/joysetup/x")
        );
    }

    #[test]
    fn the_medium_has_nothing_of_what_the_copy_alone_has() {
        assert_eq!(Place::Medium.name_of("extra/joysetup/joysetup.sh"), None);
        assert_eq!(
            Place::Medium.name_of("os/20260313t002414z/a").as_deref(),
            Some("os/20260313t002414z/a")
        );
    }
}
