// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Keeping what restores the other headnodes' services: their records as immutable generations, their delegate datasets as
//! restore points. Each headnode pulls from the others; nothing is recorded before it is proven whole, and nothing is removed
//! but what sync itself made.

pub mod answers;
mod authorized;
pub mod binders;
mod common;
mod connection;
pub mod datasets;
pub mod endpoints;
pub mod error;
pub mod fences;
mod files;
pub mod generation;
pub mod headnodes;
pub mod holds;
pub mod hosts;
pub mod images;
pub mod keep;
mod look;
pub mod members;
pub mod names;
mod pause;
pub mod pins;
pub mod preview;
pub mod pull;
pub mod records;
mod restore_points;
pub mod results;
mod round;
pub mod run;
pub mod serve;
mod served;
pub mod settle;
pub mod snapshots;
pub mod status;
pub mod store;
pub mod transport;
pub mod trust;
mod usbkey;
mod vanished;

pub use datasets::{Datasets, Wanted};
pub use error::SyncError;
pub use pins::Pins;
pub use results::{DatasetResult, Importance, Outcome, Preview, SourceSummary};
pub use run::{Line, Services, Sync};
pub use store::{Newest, Store, WholeGeneration};
