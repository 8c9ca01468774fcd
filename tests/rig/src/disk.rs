// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A guest's disk: a sparse file with one partition. (OpenZFS would partition a whole disk itself, and then wait half a
//! minute for a udev that isn't there.)

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use crate::error::{Attempted, Result};

const SECTORS_PER_MIB: u64 = 2048;
/// Solaris' own type, which says ZFS to nobody but people.
const PARTITION_TYPE: u8 = 0xbf;

/// Makes a disk of so many MiB.
pub fn make(path: &Path, mib: u64) -> Result<()> {
    let on = || format!("making the disk {}", path.display());
    let mut file = File::create_new(path).attempted(on())?;
    file.set_len(mib << 20).attempted(on())?;
    file.seek(SeekFrom::Start(446)).attempted(on())?;
    file.write_all(&partition_table(mib)).attempted(on())
}

/// The tail of a master boot record: four entries, of which one is used, and the signature.
fn partition_table(mib: u64) -> [u8; 66] {
    let first = SECTORS_PER_MIB as u32;
    let sectors = (mib.saturating_sub(1) * SECTORS_PER_MIB).min(u64::from(u32::MAX)) as u32;
    let mut table = [0; 66];
    // Addresses by cylinder, head and sector are out of range, as for every disk of this century.
    table[..8].copy_from_slice(&[0, 0xfe, 0xff, 0xff, PARTITION_TYPE, 0xfe, 0xff, 0xff]);
    table[8..12].copy_from_slice(&first.to_le_bytes());
    table[12..16].copy_from_slice(&sectors.to_le_bytes());
    table[64..].copy_from_slice(&[0x55, 0xaa]);
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_disk_takes_no_room_before_it_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        make(&path, 4096).unwrap();
        let found = std::fs::metadata(&path).unwrap();
        assert_eq!(found.len(), 4096 << 20);
        assert!(found.blocks() * 512 < 1 << 20);
        assert!(
            make(&path, 4096).is_err(),
            "a disk that is there is not overwritten"
        );
    }

    #[test]
    fn the_partition_spans_all_but_the_first_mib() {
        let table = partition_table(100);
        assert_eq!(table[8..12], 2048u32.to_le_bytes());
        assert_eq!(table[12..16], (99u32 * 2048).to_le_bytes());
    }
}
