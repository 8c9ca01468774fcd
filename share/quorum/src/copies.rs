// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! This headnode's copies of fences. They outlive a boot and a ZooKeeper that is away; another headnode asks for them by ssh,
//! which is what confirms a fence.

use documents::Uuid;
use platform::{FileError, Host};

use crate::fence::Fence;

/// Below the platform's root; 0700, files 0600.
pub const FOLDER: &str = "/var/sdcadm/fences";

fn path(server: Uuid) -> String {
    format!("{FOLDER}/{server}.json")
}

/// Keeps a fence, in place of an older one of the same server. Returns the one that is kept: a newer one, or the lifted one of
/// the same epoch, is not replaced by what is older.
pub fn keep(host: &Host, fence: &Fence) -> Result<Fence, FileError> {
    if let Some(known) = of(host, fence.server)? {
        let older = fence.epoch < known.epoch;
        let stood = fence.epoch == known.epoch && fence.stands() && !known.stands();
        if older || stood {
            return Ok(known);
        }
    }
    host.make_dir_all(FOLDER, 0o700)?;
    host.write_atomic(path(fence.server), &fence.to_bytes(), 0o600)?;
    Ok(fence.clone())
}

/// The copy of a server's fence. One that can't be read is as good as none: it confirms nothing.
pub fn of(host: &Host, server: Uuid) -> Result<Option<Fence>, FileError> {
    let Some(bytes) = host.read_if_there(path(server))? else {
        return Ok(None);
    };
    match Fence::read(&bytes, server) {
        Ok(fence) => Ok(Some(fence)),
        Err(why) => {
            tracing::warn!("{} is no fence: {why}", path(server));
            Ok(None)
        }
    }
}

/// All copies here.
pub fn all(host: &Host) -> Result<Vec<Fence>, FileError> {
    if !host.exists(FOLDER)? {
        return Ok(Vec::new());
    }
    let mut fences = Vec::new();
    for name in host.list(FOLDER)? {
        let server = name
            .strip_suffix(".json")
            .and_then(|name| name.parse().ok());
        if let Some(server) = server {
            fences.extend(of(host, server)?);
        }
    }
    Ok(fences)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fence::{KIND, Lifted};
    use documents::Timestamp;
    use documents::inventory::Replaced;
    use std::os::unix::fs::PermissionsExt;

    const SERVER: Uuid = Uuid::from_u128(7);

    fn fence(epoch: u64) -> Fence {
        Fence {
            kind: KIND.to_owned(),
            server: SERVER,
            hostname: "headnode 0".to_owned(),
            epoch,
            run: Uuid::from_u128(1),
            declared_by: Uuid::from_u128(8),
            declared_at: Timestamp::from_millis(0),
            replaced: vec![Replaced {
                old: Uuid::from_u128(10),
                new: Uuid::from_u128(11),
                service: "imgapi".to_owned(),
                alias: "imgapi0".to_owned(),
            }],
            power_off: None,
            addresses_reused: false,
            lifted: None,
        }
    }

    #[test]
    fn a_copy_is_roots_alone_and_reads_as_it_was_written() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::local(root.path());
        assert_eq!(all(&host).unwrap(), []);
        keep(&host, &fence(1)).unwrap();
        assert_eq!(all(&host).unwrap(), [fence(1)]);
        let mode = |path: &str| {
            let found = std::fs::metadata(root.path().join(path)).unwrap();
            found.permissions().mode() & 0o777
        };
        assert_eq!(mode("var/sdcadm/fences"), 0o700);
        assert_eq!(mode(&format!("var/sdcadm/fences/{SERVER}.json")), 0o600);
    }

    #[test]
    fn an_older_fence_does_not_replace_a_newer_one_nor_a_lifted_one() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::local(root.path());
        keep(&host, &fence(2)).unwrap();
        assert_eq!(keep(&host, &fence(1)).unwrap().epoch, 2);
        let lifted = Fence {
            lifted: Some(Lifted {
                by: "an operator".to_owned(),
                at: Timestamp::from_millis(1),
            }),
            ..fence(2)
        };
        keep(&host, &lifted).unwrap();
        assert_eq!(keep(&host, &fence(2)).unwrap(), lifted);
        assert_eq!(keep(&host, &fence(3)).unwrap(), fence(3));
        assert_eq!(of(&host, SERVER).unwrap(), Some(fence(3)));
    }

    #[test]
    fn a_damaged_copy_or_one_of_another_server_confirms_nothing() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::local(root.path());
        host.make_dir_all(FOLDER, 0o700).unwrap();
        let other = Fence {
            server: Uuid::from_u128(9),
            ..fence(1)
        };
        for bytes in [&b"{\"kind\":"[..], &other.to_bytes()] {
            host.write_atomic(path(SERVER), bytes, 0o600).unwrap();
            assert_eq!(of(&host, SERVER).unwrap(), None);
        }
    }
}
