// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! FAT32, written from its first sector to its last, and read back.
//!
//! The writer is our own: with all names and sizes known beforehand every file has its clusters in one run, so the tables follow
//! from a few sums, nothing is ever written twice, and a file system can go down a pipe. Crates that mount one need a place to
//! seek in and look through a folder for each file that is added.

mod folder;
mod plan;
mod read;
mod short;
mod write;

pub(crate) use plan::Plan;
pub(crate) use read::tree_of_image;
pub(crate) use write::{Volume, write};
