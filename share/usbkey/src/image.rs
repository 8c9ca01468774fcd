// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A key as a disk image: partition table, EFI loader, BIOS loader, and the root file system with the tree.

use sha2::{Digest, Sha256};

use crate::fat::{self, Plan, Volume};
use crate::gpt::{Layout, SECTOR};
use crate::sparse::Out;
use crate::{Error, Item, Sink, Tree, bootblocks};

/// The size of the images that Triton's own builds make.
pub const DEFAULT_SIZE: u64 = 8_000_000_000;

/// Writes the image from its first byte to its last. The tree is asked for nothing but its files' bytes in between, so what
/// does not fit or can't be held by FAT is refused before the first byte.
pub fn write_image(tree: &Tree, size: u64, sink: Sink<'_>) -> Result<(), Error> {
    let failed = |error| Error::file("write", "the image", error);
    let layout = Layout::of(size)?;
    let (disk, serial) = identity(tree, size);
    let stage2 = bootblocks::stage2(&needed(tree, "boot/gptzfsboot")?.read()?, &layout)?;
    let pmbr = needed(tree, "boot/pmbr")?.read()?;
    let mbr = bootblocks::mbr(&pmbr, &stage2, &layout, disk)?;
    let esp = system(tree)?;
    let esp_plan = Plan::of(&esp, layout.loader.sectors)?;
    let root_plan = Plan::of(tree, layout.root.sectors)?;

    let mut out = Out::new(sink);
    out.put(&mbr)
        .and_then(|()| out.put(&layout.primary(disk)))
        .map_err(failed)?;
    out.zeros_to(layout.loader.start * SECTOR).map_err(failed)?;
    let volume = Volume {
        label: *b"NO NAME    ",
        serial: !serial,
        start: layout.loader.start,
    };
    fat::write(&esp_plan, &esp, &volume, &mut out)?;
    out.put(&stage2).map_err(failed)?;
    out.zeros_to(layout.root.start * SECTOR).map_err(failed)?;
    let volume = Volume {
        label: *b"SMARTOSBOOT",
        serial,
        start: layout.root.start,
    };
    fat::write(&root_plan, tree, &volume, &mut out)?;
    out.zeros_to((layout.reserved.start + layout.reserved.sectors) * SECTOR)
        .map_err(failed)?;
    out.put(&layout.backup(disk)).map_err(failed)?;
    out.finish().map_err(failed)
}

fn needed<'a>(tree: &'a Tree, path: &str) -> Result<&'a Item, Error> {
    tree.get(path).ok_or_else(|| {
        Error::Bad(format!("{path} is not there, and no image boots without it: keys of GRUB's days can only be archived"))
    })
}

/// The EFI system partition: the loader under the name that firmware looks for.
fn system(tree: &Tree) -> Result<Tree, Error> {
    let mut esp = Tree::default();
    esp.add(
        "efi/boot/bootx64.efi",
        needed(tree, "boot/loader64.efi")?.clone(),
    )?;
    Ok(esp)
}

/// Disk and volume get names that follow from what is on them, so that the same input makes the same image.
fn identity(tree: &Tree, size: u64) -> ([u8; 16], u32) {
    let mut hash = Sha256::new();
    hash.update(size.to_le_bytes());
    for (path, item) in tree.iter() {
        hash.update(path.as_bytes());
        hash.update([0]);
        hash.update(item.size.to_le_bytes());
        hash.update(item.modified.to_le_bytes());
    }
    let digest = hash.finalize();
    let mut disk = [0; 16];
    disk.copy_from_slice(&digest[..16]);
    // A UUID of version 4's form.
    disk[7] = disk[7] & 0x0f | 0x40;
    disk[8] = disk[8] & 0x3f | 0x80;
    let serial = digest[16..20]
        .iter()
        .fold(0, |sum, byte| sum << 8 | u32::from(*byte));
    (disk, serial)
}
