// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a majority of the datacenter's headnodes agrees on: which run may change the datacenter (the run lock), and which
//! servers were declared dead (the fences). It lies in the datacenter's own ZooKeeper, binder's ensemble, under a folder of
//! ours; binder's names are only read.
//!
//! That ZooKeeper asks nobody who he is: what is written there orders and locks, but convicts nobody. Whoever acts against a
//! server because of a fence must have it confirmed by another headnode. Each headnode therefore keeps copies of the fences
//! it saw declared, see [`copies`].
//!
//! The client is `zookeeper-client`: kept up, asynchronous, and able to speak to servers of 3.4, which is what binder's image
//! has. Its runtime is that of our HTTP client, which is linked already. No other crate sees either of them.

pub mod copies;
mod ensemble;
mod error;
pub mod fence;
mod life;
mod lock;
mod session;

pub use documents::inventory::Replaced;
pub use ensemble::Ensemble;
pub use error::QuorumError;
pub use fence::Fence;
pub use life::{Life, REGISTRARS_TIMEOUT, Watched};
pub use lock::{Holder, RunLock};
pub use session::Session;

/// All of ours lies below.
pub const FOLDER: &str = "/triton-headnode";
