// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A folder's bytes: for each file its long name, if it needs one, and its short one with where it is.

use super::plan::{Plan, Run};
use super::short::{ShortNames, checksum, exact};
use crate::{Error, Item};

/// Of what a folder entry tells.
#[derive(Debug, Clone, Copy)]
enum Of {
    Folder(usize),
    File(usize, u32),
}

pub(super) struct Child {
    name: String,
    of: Of,
    modified: i64,
}

impl Child {
    pub(super) fn folder(path: &str, number: usize) -> Result<Child, Error> {
        let name = name_of(path)?;
        Ok(Child {
            name,
            of: Of::Folder(number),
            modified: 0,
        })
    }

    pub(super) fn file(path: &str, number: usize, item: &Item) -> Result<Child, Error> {
        let size = u32::try_from(item.size).map_err(|_| {
            Error::Bad(format!(
                "{path} is larger than the 4 GiB that FAT can hold in a file"
            ))
        })?;
        let name = name_of(path)?;
        Ok(Child {
            name,
            of: Of::File(number, size),
            modified: item.modified,
        })
    }

    fn long_entries(&self) -> usize {
        match exact(&self.name) {
            Some(_) => 0,
            None => self.name.encode_utf16().count().div_ceil(13),
        }
    }
}

fn name_of(path: &str) -> Result<String, Error> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let barred = |c: char| c.is_control() || "\"*:<>?\\|".contains(c);
    if name.is_empty()
        || name.contains(barred)
        || name.ends_with(['.', ' '])
        || name.encode_utf16().count() > 255
    {
        return Err(Error::Bad(format!("{path} has a name that FAT can't hold")));
    }
    Ok(name.to_owned())
}

/// How many entries the children take, with the volume's label or the two dots, and the end.
pub(super) fn entries(children: &[Child], root: bool) -> usize {
    let own: usize = children.iter().map(|child| 1 + child.long_entries()).sum();
    own + if root { 1 } else { 2 } + 1
}

/// The folder's bytes, without what fills its last cluster.
pub(super) fn bytes(plan: &Plan, number: usize, label: &[u8; 11]) -> Vec<u8> {
    let folder = &plan.folders[number];
    let mut bytes = Vec::with_capacity(entries(&folder.children, number == 0) * 32);
    if number == 0 {
        bytes.extend_from_slice(&entry(label, 0x08, 0, 0, plan.modified));
    } else {
        bytes.extend_from_slice(&entry(
            b".          ",
            0x10,
            folder.run.first,
            0,
            plan.modified,
        ));
        bytes.extend_from_slice(&entry(
            b"..         ",
            0x10,
            folder.parent,
            0,
            plan.modified,
        ));
    }
    let mut names = ShortNames::default();
    folder
        .children
        .iter()
        .for_each(|child| names.reserve(&child.name));
    for child in &folder.children {
        let short = exact(&child.name).unwrap_or_else(|| {
            let short = names.make(&child.name);
            long(&child.name, checksum(&short), &mut bytes);
            short
        });
        let (attribute, Run { first, .. }, size, modified) = match child.of {
            Of::Folder(number) => (0x10, plan.folders[number].run, 0, plan.modified),
            Of::File(number, size) => (0x20, plan.files[number], size, child.modified),
        };
        bytes.extend_from_slice(&entry(&short, attribute, first, size, modified));
    }
    bytes
}

fn entry(name: &[u8; 11], attribute: u8, first: u32, size: u32, modified: i64) -> [u8; 32] {
    let (date, time) = fat_time(modified);
    let mut entry = [0; 32];
    entry[..11].copy_from_slice(name);
    entry[11] = attribute;
    entry[14..16].copy_from_slice(&time.to_le_bytes());
    entry[16..18].copy_from_slice(&date.to_le_bytes());
    entry[18..20].copy_from_slice(&date.to_le_bytes());
    entry[20..22].copy_from_slice(&((first >> 16) as u16).to_le_bytes());
    entry[22..24].copy_from_slice(&time.to_le_bytes());
    entry[24..26].copy_from_slice(&date.to_le_bytes());
    entry[26..28].copy_from_slice(&(first as u16).to_le_bytes());
    entry[28..].copy_from_slice(&size.to_le_bytes());
    entry
}

/// Entries of 13 UTF-16 units each, the last part of the name first.
fn long(name: &str, checksum: u8, bytes: &mut Vec<u8>) {
    let units: Vec<u16> = name.encode_utf16().collect();
    let count = units.len().div_ceil(13);
    for part in (0..count).rev() {
        let mut entry = [0xff; 32];
        entry[0] = (part + 1) as u8 | if part + 1 == count { 0x40 } else { 0 };
        entry[11] = 0x0f;
        entry[12] = 0;
        entry[13] = checksum;
        entry[26..28].fill(0);
        let places = (1..11)
            .step_by(2)
            .chain((14..26).step_by(2))
            .chain([28, 30]);
        // Behind a name that does not fill its last entry stands one 0, then ones.
        let mut units = units[part * 13..].iter().copied().chain([0]);
        for (unit, place) in units.by_ref().take(13).zip(places) {
            entry[place..place + 2].copy_from_slice(&unit.to_le_bytes());
        }
        bytes.extend_from_slice(&entry);
    }
}

/// Date and time as FAT has them, in UTC as a headnode mounts its key, from 1980 on and in steps of two seconds.
fn fat_time(seconds: i64) -> (u16, u16) {
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    let time = time.to_zoned(jiff::tz::TimeZone::UTC);
    if time.year() < 1980 {
        return (0x0021, 0);
    }
    let year = (time.year() - 1980).min(127) as u16;
    let date = year << 9 | (time.month() as u16) << 5 | time.day() as u16;
    let clock =
        (time.hour() as u16) << 11 | (time.minute() as u16) << 5 | (time.second() as u16 / 2);
    (date, clock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_in_steps_of_two_seconds_and_never_before_1980() {
        assert_eq!(fat_time(0), (0x0021, 0));
        // 2026-03-13 00:24:15
        assert_eq!(
            fat_time(1_773_361_455),
            (46 << 9 | 3 << 5 | 13, 24 << 5 | 7)
        );
    }

    #[test]
    fn names_that_fat_can_t_hold_are_refused() {
        for path in ["a:b", "a/b?", "a.", "a ", "a\nb", &"x".repeat(256)] {
            assert!(name_of(path).is_err(), "{path}");
        }
        assert_eq!(name_of("os/x/.joyliveusb").unwrap(), ".joyliveusb");
    }
}
