// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Writes a FAT32 file system in one go: boot sectors, both tables, folders, files.

use std::io;

use super::folder;
use super::plan::{Plan, RESERVED, Run, SECTOR};
use crate::sparse::Out;
use crate::{Error, Tree};

const END: u32 = 0x0fff_ffff;

/// How a file system is called.
pub(crate) struct Volume {
    pub label: [u8; 11],
    pub serial: u32,
    /// The disk's sectors before it.
    pub start: u64,
}

pub(crate) fn write(
    plan: &Plan,
    tree: &Tree,
    volume: &Volume,
    out: &mut Out<'_>,
) -> Result<(), Error> {
    let failed = |error| Error::file("write", "the image", error);
    let start = out.written();
    boot_sectors(plan, volume, out).map_err(failed)?;
    for _ in 0..2 {
        table(plan, out).map_err(failed)?;
    }
    for number in 0..plan.folders.len() {
        let bytes = folder::bytes(plan, number, &volume.label);
        let room = u64::from(plan.folders[number].run.count) * plan.cluster_bytes();
        out.put(&bytes)
            .and_then(|()| out.zeros(room - bytes.len() as u64))
            .map_err(failed)?;
    }
    let mut buffer = vec![0; 1024 * 1024];
    for (path, item) in tree.iter() {
        let mut content = item.open()?;
        loop {
            match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => out.put(&buffer[..count]).map_err(failed)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::file("read", path, error)),
            }
        }
        let rest = item.size.next_multiple_of(plan.cluster_bytes()) - item.size;
        out.zeros(rest).map_err(failed)?;
    }
    out.zeros_to(start + plan.sectors * SECTOR).map_err(failed)
}

fn boot_sectors(plan: &Plan, volume: &Volume, out: &mut Out<'_>) -> io::Result<()> {
    let mut boot = [0; SECTOR as usize];
    let number = |value: u64| (value as u32).to_le_bytes();
    boot[..3].copy_from_slice(&[0xeb, 0x58, 0x90]);
    boot[3..11].copy_from_slice(b"MSWIN4.1");
    boot[11..13].copy_from_slice(&(SECTOR as u16).to_le_bytes());
    boot[13] = plan.per_cluster as u8;
    boot[14..16].copy_from_slice(&(RESERVED as u16).to_le_bytes());
    boot[16] = 2;
    boot[21] = 0xf8;
    boot[24..26].copy_from_slice(&63_u16.to_le_bytes());
    boot[26..28].copy_from_slice(&255_u16.to_le_bytes());
    boot[28..32].copy_from_slice(&number(volume.start));
    boot[32..36].copy_from_slice(&number(plan.sectors));
    boot[36..40].copy_from_slice(&number(plan.fat_sectors));
    boot[44..48].copy_from_slice(&number(2));
    boot[48..50].copy_from_slice(&1_u16.to_le_bytes());
    boot[50..52].copy_from_slice(&6_u16.to_le_bytes());
    boot[64] = 0x80;
    boot[66] = 0x29;
    boot[67..71].copy_from_slice(&volume.serial.to_le_bytes());
    boot[71..82].copy_from_slice(&volume.label);
    boot[82..90].copy_from_slice(b"FAT32   ");
    boot[510..].copy_from_slice(&[0x55, 0xaa]);
    let mut free = [0; SECTOR as usize];
    free[..4].copy_from_slice(b"RRaA");
    free[484..488].copy_from_slice(b"rrAa");
    free[488..492].copy_from_slice(&number(plan.clusters - plan.used));
    free[492..496].copy_from_slice(&number(plan.used + 2));
    free[510..].copy_from_slice(&[0x55, 0xaa]);
    let start = out.written();
    for copy in [0, 6] {
        out.zeros_to(start + copy * SECTOR)?;
        out.put(&boot)?;
        out.put(&free)?;
    }
    out.zeros_to(start + RESERVED * SECTOR)
}

/// One table. Every run is a chain of neighbours.
fn table(plan: &Plan, out: &mut Out<'_>) -> io::Result<()> {
    let end = out.written() + plan.fat_sectors * SECTOR;
    let mut bytes = Vec::with_capacity(256 * 1024);
    bytes.extend_from_slice(&0x0fff_fff8_u32.to_le_bytes());
    bytes.extend_from_slice(&END.to_le_bytes());
    let folders = plan.folders.iter().map(|folder| folder.run);
    for Run { first, count } in folders.chain(plan.files.iter().copied()) {
        for next in 1..=count {
            let value = if next == count { END } else { first + next };
            bytes.extend_from_slice(&value.to_le_bytes());
            if bytes.len() >= 256 * 1024 {
                out.put(&bytes)?;
                bytes.clear();
            }
        }
    }
    out.put(&bytes)?;
    out.zeros_to(end)
}
