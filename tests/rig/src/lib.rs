// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The rig: headnodes with real OpenZFS and real sshd on one Linux machine, each a Linux kernel in user mode. It needs
//! root for its network, no KVM and no kernel module. `cargo lab rig build` makes the guests' kernel once and keeps it
//! outside the work tree; [`Rig::up`] then boots three of them in seconds.
//!
//! What SmartOS's ZFS would refuse is refused here too, by a shim before the guests' `zfs`.

pub mod attaching;
pub mod bench;
pub mod building;
pub mod cache;
pub mod calls;
pub mod cli;
mod disk;
pub mod error;
mod guest;
mod network;
mod preflight;
mod process;
pub mod product;
mod recipe;
mod remote;
mod rig;
mod state;
pub mod testing;

pub use calls::Call;
pub use error::RigError;
pub use remote::{Output, Running};
pub use rig::{Options, Rig};
