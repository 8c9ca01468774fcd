// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The partition table of a key: GPT behind a protective MBR, sectors of 512 bytes, in the places where `format_image` of the
//! platform puts them.

use crate::Error;

pub const SECTOR: u64 = 512;
/// Sectors of the entries and the header of one table.
const TABLE: u64 = 33;
const ENTRIES: usize = 128;
const ENTRY: usize = 128;
const MIB: u64 = 2048;

type Guid = [u8; 16];

/// Types as illumos' sys/efi_partition.h has them, in the byte order of the disk.
const SYSTEM: Guid = *b"\x28\x73\x2a\xc1\x1f\xf8\xd2\x11\xba\x4b\x00\xa0\xc9\x3e\xc9\x3b";
const BOOT: Guid = *b"\x45\xcb\x82\x6a\xd2\x1d\xb2\x11\x99\xa6\x08\x00\x20\x73\x66\x31";
const ROOT: Guid = *b"\x4d\xcf\x85\x6a\xd2\x1d\xb2\x11\x99\xa6\x08\x00\x20\x73\x66\x31";
const RESERVED: Guid = *b"\x3b\x5a\x94\x6a\xd2\x1d\xb2\x11\x99\xa6\x08\x00\x20\x73\x66\x31";

/// A run of sectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub start: u64,
    pub sectors: u64,
}

/// Where everything of a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    pub sectors: u64,
    pub loader: Part,
    pub boot: Part,
    pub root: Part,
    pub reserved: Part,
}

impl Layout {
    /// The layout of a disk of so many bytes.
    pub fn of(bytes: u64) -> Result<Layout, Error> {
        let sectors = bytes / SECTOR;
        let loader = Part {
            start: MIB,
            sectors: 256 * MIB,
        };
        let boot = Part {
            start: loader.start + loader.sectors,
            sectors: MIB,
        };
        let root_start = boot.start + boot.sectors;
        let too_small = || {
            Error::Bad(format!(
                "{bytes} bytes are too small for a key: 512 MB are the least"
            ))
        };
        let reserved_start = sectors.checked_sub(TABLE + 16_384).ok_or_else(too_small)?;
        let room = reserved_start
            .checked_sub(root_start)
            .ok_or_else(too_small)?;
        // FAT32 has at least 65,525 clusters.
        if room < 70_000 {
            return Err(too_small());
        }
        Ok(Layout {
            sectors,
            loader,
            boot,
            root: Part {
                start: root_start,
                sectors: room / MIB * MIB,
            },
            reserved: Part {
                start: reserved_start,
                sectors: 16_384,
            },
        })
    }

    /// The protective partition, at its place in the MBR.
    pub fn protective(&self) -> [u8; 16] {
        let mut entry = [0; 16];
        entry[1..4].copy_from_slice(&[0x00, 0x02, 0x00]);
        entry[4] = 0xee;
        entry[5..8].copy_from_slice(&[0xff, 0xff, 0xff]);
        entry[8..12].copy_from_slice(&1_u32.to_le_bytes());
        let sectors = u32::try_from(self.sectors - 1).unwrap_or(u32::MAX);
        entry[12..].copy_from_slice(&sectors.to_le_bytes());
        entry
    }

    /// Sectors 1 to 33: header, entries.
    pub fn primary(&self, disk: Guid) -> Vec<u8> {
        let entries = self.entries(disk);
        [self.header(disk, &entries, 1, self.sectors - 1, 2), entries].concat()
    }

    /// The last 33 sectors: entries, header.
    pub fn backup(&self, disk: Guid) -> Vec<u8> {
        let entries = self.entries(disk);
        let header = self.header(disk, &entries, self.sectors - 1, 1, self.sectors - TABLE);
        [entries, header].concat()
    }

    fn entries(&self, disk: Guid) -> Vec<u8> {
        let mut bytes = vec![0; ENTRIES * ENTRY];
        let parts = [
            (0, SYSTEM, self.loader, "loader"),
            (1, BOOT, self.boot, "boot"),
            (2, ROOT, self.root, "root"),
            (8, RESERVED, self.reserved, "reserved"),
        ];
        for (number, kind, part, name) in parts {
            let mut unique = disk;
            unique[0] ^= number as u8 + 1;
            let entry = &mut bytes[number * ENTRY..][..ENTRY];
            entry[..16].copy_from_slice(&kind);
            entry[16..32].copy_from_slice(&unique);
            entry[32..40].copy_from_slice(&part.start.to_le_bytes());
            entry[40..48].copy_from_slice(&(part.start + part.sectors - 1).to_le_bytes());
            for (at, unit) in name.encode_utf16().enumerate() {
                entry[56 + 2 * at..][..2].copy_from_slice(&unit.to_le_bytes());
            }
        }
        bytes
    }

    fn header(&self, disk: Guid, entries: &[u8], own: u64, other: u64, table: u64) -> Vec<u8> {
        let mut header = vec![0; SECTOR as usize];
        header[..8].copy_from_slice(b"EFI PART");
        header[8..12].copy_from_slice(&0x0001_0000_u32.to_le_bytes());
        header[12..16].copy_from_slice(&92_u32.to_le_bytes());
        header[24..32].copy_from_slice(&own.to_le_bytes());
        header[32..40].copy_from_slice(&other.to_le_bytes());
        header[40..48].copy_from_slice(&(1 + TABLE).to_le_bytes());
        header[48..56].copy_from_slice(&(self.sectors - TABLE - 1).to_le_bytes());
        header[56..72].copy_from_slice(&disk);
        header[72..80].copy_from_slice(&table.to_le_bytes());
        header[80..84].copy_from_slice(&(ENTRIES as u32).to_le_bytes());
        header[84..88].copy_from_slice(&(ENTRY as u32).to_le_bytes());
        header[88..92].copy_from_slice(&crc32fast::hash(entries).to_le_bytes());
        let sum = crc32fast::hash(&header[..92]);
        header[16..20].copy_from_slice(&sum.to_le_bytes());
        header
    }
}

/// First sectors of the partitions that a disk's first 34 sectors tell of, the one called `root` first: GPT's, or the MBR's of
/// keys of GRUB's days.
pub(crate) fn partitions(head: &[u8]) -> Vec<u64> {
    let number = |at: usize| {
        head.get(at..at + 8)
            .and_then(|bytes| bytes.try_into().ok())
            .map(u64::from_le_bytes)
    };
    if head.get(512..520) == Some(b"EFI PART") {
        let mut starts: Vec<(bool, u64)> = (0..ENTRIES)
            .filter_map(|entry| {
                let at = 1024 + entry * ENTRY;
                let root = head.get(at + 56..at + 66)? == b"r\0o\0o\0t\0\0\0";
                Some((!root, number(at + 32).filter(|start| *start > 0)?))
            })
            .collect();
        starts.sort_by_key(|(other, _)| *other);
        return starts.into_iter().map(|(_, start)| start).collect();
    }
    (0..4)
        .filter_map(|entry| {
            head.get(0x1be + entry * 16 + 8..)?
                .get(..4)?
                .try_into()
                .ok()
        })
        .map(|bytes| u64::from(u32::from_le_bytes(bytes)))
        .filter(|start| *start > 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_of_8_gb_is_divided_as_the_platform_s_own_map_says() {
        let layout = Layout::of(8_000_000_000).unwrap();
        let map: String = [
            ("loader 12", layout.loader),
            ("boot 1", layout.boot),
            ("root 2", layout.root),
            ("reserved 11", layout.reserved),
        ]
        .map(|(name, part)| format!("{name} {} {}\n", part.start * SECTOR, part.sectors * SECTOR))
        .concat();
        assert_eq!(
            map,
            include_str!("../../../tests/fixtures/platform/partition.map")
        );
    }

    #[test]
    fn a_disk_without_room_for_a_root_is_refused() {
        assert!(Layout::of(0).is_err());
        assert!(Layout::of(280_000_000).is_err());
        assert!(Layout::of(512_000_000).is_ok());
    }

    #[test]
    fn the_root_partition_is_found_first() {
        let layout = Layout::of(512_000_000).unwrap();
        let head = [vec![0; 512], layout.primary([7; 16])].concat();
        assert_eq!(partitions(&head)[0], layout.root.start);
    }
}
