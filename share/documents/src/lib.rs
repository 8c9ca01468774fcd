// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The documents that the tools pass to each other: what is (inventory), what would be done (plan), what happened (event),
//! and what a headnode keeps of another one (restore data). The ground floor: every other crate builds on it.
//!
//! Commands (plans) are read strictly, facts (inventories, restore data) tolerantly: see [`read`].

pub mod canonical;
pub mod event;
pub mod health;
pub mod inventory;
pub mod plan;
pub mod power;
pub mod read;
pub mod restore_data;
pub mod secret;
pub mod time;
pub mod verb;

pub use canonical::Digest;
pub use event::{Event, Summary};
pub use health::{Expectation, Health};
pub use inventory::Inventory;
pub use plan::{Goal, Notice, Plan, Refusal, Step, StepId};
pub use power::PowerOff;
pub use read::DocumentError;
pub use restore_data::Generation;
pub use secret::SecretRef;
pub use time::Timestamp;
pub use verb::Verb;

pub use uuid::Uuid;
