// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The planners. Pure functions of an inventory, the catalogue, the plugins' answers and options: no command, network, clock
//! or randomness. Same input, byte-identical plan.

pub mod catalogue;
pub mod derive;
pub mod payload;
pub mod reservation;
pub mod restore;
pub mod setup;

pub use catalogue::{Catalogue, CatalogueError};
pub use restore::{RestoreOptions, plan_restore};
pub use setup::{SetupOptions, plan_setup};

/// Why no plan can be made at all. What a plan could say about itself it says in `refusals` instead.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// The request does not make sense for this datacenter.
    #[error("{0}")]
    Bad(String),
    /// The facts do not suffice to even name the run.
    #[error("{0}")]
    Refused(String),
}
