// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What the firmware starts from: the MBR and the loader behind it, patched with where things are on this disk.

use crate::Error;
use crate::gpt::Layout;

const MULTIBOOT: u32 = 0x1bad_b002;

/// The first sector: the platform's `pmbr`, told where stage 2 is. The version bytes 2.0 are what `sdc-usbkey` knows a key by.
pub(crate) fn mbr(
    pmbr: &[u8],
    stage2: &[u8],
    layout: &Layout,
    disk: [u8; 16],
) -> Result<Vec<u8>, Error> {
    if pmbr.len() != 512 {
        return Err(Error::Bad(format!(
            "boot/pmbr has {} bytes, and a boot sector has 512",
            pmbr.len()
        )));
    }
    let sectors = stage2.len().div_ceil(512);
    let room = layout.boot.sectors;
    let sectors = u16::try_from(sectors)
        .ok()
        .filter(|sectors| *sectors > 0 && u64::from(*sectors) <= room)
        .ok_or_else(|| {
            Error::Bad(format!(
                "boot/gptzfsboot has {} bytes, and its partition 1 MiB",
                stage2.len()
            ))
        })?;
    let mut mbr = pmbr.to_vec();
    mbr[0x03..0x3e].fill(0);
    mbr[0xfa..0xfc].copy_from_slice(&[2, 0]);
    mbr[0xfc..0xfe].copy_from_slice(&sectors.to_le_bytes());
    mbr[0xfe..0x106].copy_from_slice(&layout.boot.start.to_le_bytes());
    mbr[0x106..0x116].copy_from_slice(&disk);
    mbr[0x1be..0x1fe].fill(0);
    mbr[0x1be..0x1ce].copy_from_slice(&layout.protective());
    mbr[0x1fe..].copy_from_slice(&[0x55, 0xaa]);
    Ok(mbr)
}

/// `gptzfsboot`, told where the root partition is: in the `bss_end_addr` of its multiboot header.
pub(crate) fn stage2(gptzfsboot: &[u8], layout: &Layout) -> Result<Vec<u8>, Error> {
    let word = |at: usize| {
        let bytes = gptzfsboot.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes))
    };
    let header = (0..gptzfsboot.len().min(32 * 1024)).step_by(4).find(|at| {
        let sum = [word(*at), word(at + 4), word(at + 8)];
        let [Some(magic), Some(flags), Some(check)] = sum else {
            return false;
        };
        magic == MULTIBOOT && magic.wrapping_add(flags).wrapping_add(check) == 0
    });
    let field = header
        .map(|at| at + 24)
        .filter(|at| at + 8 <= gptzfsboot.len());
    let Some(field) = field else {
        return Err(Error::Bad(
            "boot/gptzfsboot has no multiboot header: it is no loader of the platform's".into(),
        ));
    };
    let mut patched = gptzfsboot.to_vec();
    patched[field..field + 8].copy_from_slice(&layout.root.start.to_le_bytes());
    Ok(patched)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loader() -> Vec<u8> {
        let mut bytes = vec![0x90; 2000];
        let flags = 0x0001_0003_u32;
        // A magic number alone, as in code that looks for one, is no header.
        bytes[16..20].copy_from_slice(&MULTIBOOT.to_le_bytes());
        let check = 0_u32.wrapping_sub(MULTIBOOT).wrapping_sub(flags);
        for (at, word) in [(512, MULTIBOOT), (516, flags), (520, check)] {
            bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn the_loader_learns_where_the_root_partition_is() {
        let layout = Layout::of(8_000_000_000).unwrap();
        let patched = stage2(&loader(), &layout).unwrap();
        assert_eq!(patched[536..544], 528_384_u64.to_le_bytes());
        let changed = patched
            .iter()
            .zip(loader())
            .filter(|(new, old)| **new != *old);
        assert!(changed.count() <= 8);
        assert!(stage2(&[0; 4096], &layout).is_err());
    }

    #[test]
    fn the_first_sector_says_where_the_loader_is_and_that_it_is_a_key_of_version_2() {
        let layout = Layout::of(8_000_000_000).unwrap();
        let mbr = mbr(&[0xcc; 512], &loader(), &layout, [9; 16]).unwrap();
        assert_eq!(mbr[..3], [0xcc; 3]);
        assert!(mbr[3..0x3e].iter().all(|byte| *byte == 0));
        assert_eq!(mbr[0xfa..0xfe], [2, 0, 4, 0]);
        assert_eq!(mbr[0xfe..0x106], 526_336_u64.to_le_bytes());
        assert_eq!(mbr[0x1c2], 0xee);
        assert_eq!(mbr[0x1fe..], [0x55, 0xaa]);
        assert!(super::mbr(&[0; 100], &loader(), &layout, [9; 16]).is_err());
    }
}
