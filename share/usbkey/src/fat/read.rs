// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Reads a FAT32 file system inside a disk image, without mounting it: any key's, whoever wrote it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::short::checksum;
use crate::gpt::partitions;
use crate::{Content, Error, Item, Tree};

/// Tables larger than this are of no key.
const LARGEST_TABLE: u64 = 256 * 1024 * 1024;

struct Volume<'a> {
    image: &'a Path,
    file: File,
    cluster_bytes: u64,
    /// Where cluster 2 is.
    data: u64,
    table: Vec<u8>,
    clusters: u32,
    root: u32,
}

/// The files of an image's root partition, or of the image if that is a file system by itself.
pub(crate) fn tree_of_image(image: &Path) -> Result<Tree, Error> {
    let file = File::open(image).map_err(|error| Error::file("read", image, error))?;
    let mut head = vec![0; 34 * 512];
    let length = file
        .metadata()
        .map_err(|error| Error::file("read", image, error))?
        .len();
    head.truncate(
        usize::try_from(length)
            .unwrap_or(usize::MAX)
            .min(head.len()),
    );
    file.read_exact_at(&mut head, 0)
        .map_err(|error| Error::file("read", image, error))?;
    let places = std::iter::once(0).chain(
        partitions(&head)
            .into_iter()
            .map(|start| start.saturating_mul(512)),
    );
    for place in places {
        let file = file
            .try_clone()
            .map_err(|error| Error::file("read", image, error))?;
        if let Some(volume) = Volume::open(image, file, place)? {
            let mut tree = Tree::default();
            volume.folder(volume.root, "", 0, &mut tree)?;
            return Ok(tree);
        }
    }
    Err(Error::Bad(format!(
        "{} is no image of a key: no FAT32 file system is in it",
        image.display()
    )))
}

fn number(bytes: &[u8], at: usize, count: usize) -> u64 {
    let bytes = bytes.get(at..at + count).unwrap_or_default();
    bytes
        .iter()
        .rev()
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

impl<'a> Volume<'a> {
    /// `None` where no FAT32 file system begins.
    fn open(image: &'a Path, file: File, start: u64) -> Result<Option<Volume<'a>>, Error> {
        let mut boot = [0; 512];
        if file.read_exact_at(&mut boot, start).is_err() {
            return Ok(None);
        }
        let sector = number(&boot, 11, 2);
        let per_cluster = number(&boot, 13, 1);
        let fat_sectors = number(&boot, 36, 4);
        let is_fat32 = boot[510..] == [0x55, 0xaa]
            && sector == 512
            && per_cluster.is_power_of_two()
            && number(&boot, 22, 2) == 0
            && number(&boot, 16, 1) >= 1
            && &boot[82..87] == b"FAT32";
        if !is_fat32 {
            return Ok(None);
        }
        let bad = |what: &str| {
            Error::Bad(format!(
                "the file system in {} is damaged: {what}",
                image.display()
            ))
        };
        let reserved = number(&boot, 14, 2);
        let before = reserved + number(&boot, 16, 1) * fat_sectors;
        let room = number(&boot, 32, 4)
            .checked_sub(before)
            .ok_or_else(|| bad("it is smaller than its tables"))?;
        let table_bytes = fat_sectors * 512;
        if table_bytes > LARGEST_TABLE {
            return Err(bad("its table is larger than any key's"));
        }
        let clusters = (room / per_cluster).min((table_bytes / 4).saturating_sub(2));
        let mut table = vec![0; table_bytes as usize];
        file.read_exact_at(&mut table, start + reserved * 512)
            .map_err(|error| Error::file("read the table of", image, error))?;
        Ok(Some(Volume {
            image,
            file,
            cluster_bytes: per_cluster * 512,
            data: start + before * 512,
            table,
            clusters: u32::try_from(clusters).map_err(|_| bad("it has too many clusters"))?,
            root: number(&boot, 44, 4) as u32,
        }))
    }

    fn bad(&self, path: &str, what: &str) -> Error {
        Error::Bad(format!(
            "{path} in {} is damaged: {what}",
            self.image.display()
        ))
    }

    /// The runs that a chain of clusters makes, as offsets and lengths in the image.
    fn runs(&self, first: u32, path: &str) -> Result<Vec<(u64, u64)>, Error> {
        let mut runs: Vec<(u64, u64)> = Vec::new();
        let mut cluster = first;
        for _ in 0..=self.clusters {
            if cluster < 2 || cluster - 2 >= self.clusters {
                return Err(self.bad(path, "it leads out of the file system"));
            }
            let at = self.data + u64::from(cluster - 2) * self.cluster_bytes;
            match runs.last_mut() {
                Some((start, length)) if *start + *length == at => *length += self.cluster_bytes,
                _ => runs.push((at, self.cluster_bytes)),
            }
            cluster = number(&self.table, cluster as usize * 4, 4) as u32 & 0x0fff_ffff;
            if cluster >= 0x0fff_fff8 {
                return Ok(runs);
            }
        }
        Err(self.bad(path, "its clusters go in a circle"))
    }

    fn folder(&self, first: u32, path: &str, depth: usize, tree: &mut Tree) -> Result<(), Error> {
        if depth > 64 {
            return Err(self.bad(path, "its folders go in a circle"));
        }
        let mut bytes = Vec::new();
        for (at, length) in self.runs(first, path)? {
            let old = bytes.len();
            bytes.resize(old + length as usize, 0);
            self.file
                .read_exact_at(&mut bytes[old..], at)
                .map_err(|error| Error::file("read", self.image, error))?;
        }
        let mut long = LongName::default();
        for entry in bytes.chunks_exact(32) {
            match (entry[0], entry[11]) {
                (0, _) => break,
                (0xe5, _) => long = LongName::default(),
                (_, 0x0f) => long.part(entry),
                (_, attribute) if attribute & 0x08 != 0 => long = LongName::default(),
                (_, attribute) => {
                    let name = std::mem::take(&mut long)
                        .of(entry)
                        .unwrap_or_else(|| short_name(entry));
                    if name == "." || name == ".." {
                        continue;
                    }
                    let inner = if path.is_empty() {
                        name
                    } else {
                        format!("{path}/{name}")
                    };
                    let first = (number(entry, 20, 2) << 16 | number(entry, 26, 2)) as u32;
                    match attribute & 0x10 != 0 {
                        true => self.folder(first, &inner, depth + 1, tree)?,
                        false => tree.add(&inner, self.item(entry, first, &inner)?)?,
                    }
                }
            }
        }
        Ok(())
    }

    fn item(&self, entry: &[u8], first: u32, path: &str) -> Result<Item, Error> {
        let size = number(entry, 28, 4);
        let mut runs = if size == 0 {
            Vec::new()
        } else {
            self.runs(first, path)?
        };
        let mut left = size;
        for (_, length) in &mut runs {
            *length = left.min(*length);
            left -= *length;
        }
        if left > 0 {
            return Err(self.bad(path, "it has fewer clusters than bytes"));
        }
        let image = self.image.to_owned();
        Ok(Item {
            size,
            // FAT keeps none; scripts must run where the file system does.
            mode: 0o755,
            modified: unix_time(number(entry, 24, 2), number(entry, 22, 2)),
            content: Content::Runs { image, runs },
        })
    }
}

/// A long name, collected from the entries before the short one.
#[derive(Default)]
struct LongName {
    units: Vec<u16>,
    checksum: u8,
}

impl LongName {
    fn part(&mut self, entry: &[u8]) {
        if entry[0] & 0x40 != 0 {
            self.units.clear();
        }
        self.checksum = entry[13];
        let places = (1..11)
            .step_by(2)
            .chain((14..26).step_by(2))
            .chain([28, 30]);
        let units = places.map(|at| number(entry, at, 2) as u16);
        self.units.splice(0..0, units);
    }

    /// `None` where there is none, or where it is of another file.
    fn of(self, entry: &[u8]) -> Option<String> {
        let short: [u8; 11] = entry.get(..11)?.try_into().ok()?;
        if self.units.is_empty() || self.checksum != checksum(&short) {
            return None;
        }
        let units: Vec<u16> = self
            .units
            .into_iter()
            .take_while(|unit| *unit != 0)
            .collect();
        Some(String::from_utf16_lossy(&units))
    }
}

fn short_name(entry: &[u8]) -> String {
    let part = |bytes: &[u8], lower: bool| {
        let text = String::from_utf8_lossy(bytes).trim_end().to_owned();
        if lower {
            text.to_ascii_lowercase()
        } else {
            text
        }
    };
    // The bits with which Windows marks what is all in lower case.
    let base = part(&entry[..8], entry[12] & 0x08 != 0);
    let extension = part(&entry[8..11], entry[12] & 0x10 != 0);
    if extension.is_empty() {
        base
    } else {
        format!("{base}.{extension}")
    }
}

fn unix_time(date: u64, time: u64) -> i64 {
    let [year, month, day] = [
        (date >> 9) as i16 + 1980,
        (date >> 5 & 15) as i16,
        (date & 31) as i16,
    ];
    let [hour, minute, second] = [
        (time >> 11) as i8,
        (time >> 5 & 63) as i8,
        (time & 31) as i8 * 2,
    ];
    let civil = jiff::civil::DateTime::new(year, month as i8, day as i8, hour, minute, second, 0);
    let zoned = civil.and_then(|civil| civil.to_zoned(jiff::tz::TimeZone::UTC));
    zoned
        .map(|zoned| zoned.timestamp().as_second())
        .unwrap_or_default()
}
