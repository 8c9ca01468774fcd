// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Where everything of a FAT32 file system is: folders first, then files, each in one run of clusters.

use std::collections::BTreeMap;

use super::folder::{self, Child};
use crate::tgz::above;
use crate::{Error, Tree, folded};

pub(super) const SECTOR: u64 = 512;
pub(super) const RESERVED: u64 = 32;
/// FAT32 by definition; with fewer it would be read as FAT16.
const LEAST_CLUSTERS: u64 = 65_525;
/// A folder's length is a count of 16 bits.
const MOST_ENTRIES: usize = 65_535;

/// A run of clusters; empty files have none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Run {
    pub first: u32,
    pub count: u32,
}

pub(super) struct Folder {
    pub run: Run,
    /// The folder it lies in; the root's is 0.
    pub parent: u32,
    pub children: Vec<Child>,
}

pub(crate) struct Plan {
    pub(super) sectors: u64,
    pub(super) per_cluster: u64,
    pub(super) fat_sectors: u64,
    pub(super) clusters: u64,
    /// By path, the root under the empty one; in the order of their clusters.
    pub(super) folders: Vec<Folder>,
    /// In the order of the tree.
    pub(super) files: Vec<Run>,
    pub(super) used: u64,
    pub(super) modified: i64,
}

impl Plan {
    /// Lays the tree out in so many sectors.
    pub(crate) fn of(tree: &Tree, sectors: u64) -> Result<Plan, Error> {
        let mut plan = empty(sectors, tree.newest())?;
        // By the name that FAT knows it by: `os` and `OS` are one folder.
        let mut numbers: BTreeMap<String, usize> = BTreeMap::from([(String::new(), 0)]);
        let mut names = vec![""];
        for (path, _) in tree.iter() {
            for folder in above(path) {
                numbers.entry(folded(folder)).or_insert_with(|| {
                    names.push(folder);
                    names.len() - 1
                });
            }
        }
        if let Some((path, _)) = tree
            .iter()
            .find(|(path, _)| numbers.contains_key(&folded(path)))
        {
            return Err(Error::Bad(format!(
                "{path} is a file and a folder on a key, whose names have no case; remove one of them"
            )));
        }
        let inside = |path: &str| {
            path.rsplit_once('/').map_or(0, |(folder, _)| {
                numbers.get(&folded(folder)).copied().unwrap_or(0)
            })
        };
        plan.folders = names
            .iter()
            .map(|_| Folder {
                run: Run::default(),
                parent: 0,
                children: Vec::new(),
            })
            .collect();
        for (number, path) in names.iter().enumerate().skip(1) {
            let child = Child::folder(path, number)?;
            plan.folders[inside(path)].children.push(child);
        }
        for (number, (path, item)) in tree.iter().enumerate() {
            let child = Child::file(path, number, item)?;
            plan.folders[inside(path)].children.push(child);
        }
        for (number, name) in names.iter().enumerate() {
            let entries = folder::entries(&plan.folders[number].children, number == 0);
            if entries > MOST_ENTRIES {
                return Err(Error::Bad(format!(
                    "{name} holds too many files for a folder of FAT"
                )));
            }
            plan.folders[number].run = plan.take(entries as u64 * 32);
        }
        for (number, name) in names.iter().enumerate().skip(1) {
            let parent = inside(name);
            plan.folders[number].parent = if parent == 0 {
                0
            } else {
                plan.folders[parent].run.first
            };
        }
        plan.files = tree.iter().map(|(_, item)| plan.take(item.size)).collect();
        if plan.used > plan.clusters {
            let bytes = |clusters: u64| clusters * plan.per_cluster * SECTOR;
            return Err(Error::Bad(format!(
                "the files need {} bytes of the file system, which has {}: choose fewer platforms, or a larger --size",
                bytes(plan.used),
                bytes(plan.clusters)
            )));
        }
        Ok(plan)
    }

    pub(super) fn cluster_bytes(&self) -> u64 {
        self.per_cluster * SECTOR
    }

    fn take(&mut self, bytes: u64) -> Run {
        let count = bytes.div_ceil(self.cluster_bytes());
        let first = if count == 0 { 0 } else { self.used + 2 };
        self.used += count;
        // More clusters than there are is refused when all are counted.
        Run {
            first: u32::try_from(first).unwrap_or(u32::MAX),
            count: u32::try_from(count).unwrap_or(u32::MAX),
        }
    }
}

fn empty(sectors: u64, modified: i64) -> Result<Plan, Error> {
    // Clusters as Microsoft's own tools size them, smaller where else there would be too few.
    let most = match (sectors * SECTOR) >> 30 {
        0..8 => 8,
        8..16 => 16,
        16..32 => 32,
        _ => 64,
    };
    let sized = |per_cluster: u64| {
        let room = sectors.checked_sub(RESERVED)?;
        // Each cluster costs its sectors and four bytes in each of two tables.
        let clusters = (room * SECTOR).checked_sub(16)? / (per_cluster * SECTOR + 8);
        let fat_sectors = ((clusters + 2) * 4).div_ceil(SECTOR);
        let clusters = room.checked_sub(2 * fat_sectors)? / per_cluster;
        let clusters = clusters.min(fat_sectors * SECTOR / 4 - 2);
        (LEAST_CLUSTERS + 16..0x0fff_fff0)
            .contains(&clusters)
            .then_some((per_cluster, fat_sectors, clusters))
    };
    let (per_cluster, fat_sectors, clusters) =
        std::iter::successors(Some(most), |size| (*size > 1).then_some(size / 2))
            .find_map(sized)
            .ok_or_else(|| Error::Bad(format!("{sectors} sectors are no size for FAT32")))?;
    Ok(Plan {
        sectors,
        per_cluster,
        fat_sectors,
        clusters,
        folders: Vec::new(),
        files: Vec::new(),
        used: 0,
        modified,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Item;

    fn plan(paths: &[&str]) -> Result<Plan, Error> {
        let mut tree = Tree::default();
        for path in paths {
            tree.add(path, Item::of_bytes(vec![1], 0o644, 0)).unwrap();
        }
        Plan::of(&tree, 400_000_000 / SECTOR)
    }

    #[test]
    fn folders_that_differ_in_letter_case_alone_are_one() {
        let plan = plan(&["OS/a", "os/b", "os/X/c", "OS/x/d"]).unwrap();
        let children: Vec<usize> = plan.folders.iter().map(|one| one.children.len()).collect();
        assert_eq!(children, [1, 3, 2]);
    }

    #[test]
    fn a_file_that_fat_takes_for_a_folder_is_refused() {
        let error = plan(&["boot/a", "BOOT"]).err().unwrap();
        assert!(
            error.to_string().contains("BOOT is a file and a folder"),
            "{error}"
        );
    }
}
