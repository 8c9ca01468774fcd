// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The boot medium of a headnode, a USB key or `zones/boot`: what is on it, how two differ, what a secondary headnode needs of
//! one, and how that is put on another.
//!
//! Nothing here needs root or a mount: an archive or a disk image is written from its first byte to its last.

mod bootblocks;
mod config;
mod diff;
mod error;
mod fat;
mod gpt;
mod gzip;
mod image;
mod loader;
mod manifest;
mod name;
mod node;
mod put;
mod secondary;
mod shared;
mod sparse;
mod tgz;
mod tree;

pub use config::config_of;
pub use diff::{Difference, diff};
pub use error::Error;
pub use image::{DEFAULT_SIZE, write_image};
pub use manifest::{Entry, Manifest};
pub use name::{folded, platform_stamp};
pub use node::Node;
pub use put::{Place, Report, Written, put, would_put};
pub use secondary::{Choice, secondary};
pub use shared::{State, Unlike, part_of, shared, to_send, unlike};
pub use sparse::Sink;
pub use tgz::{Effort, manifest_of_tgz, unpack_tgz, write_tgz};
pub use tree::{Content, Item, Tree};
