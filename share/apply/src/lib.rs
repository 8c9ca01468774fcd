// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The one executor. It applies any plan: it knows verbs, nothing of services.
//!
//! Each step is looked at, its chosen values are written to the journal, it acts, and it is looked at again. Killed anywhere, a
//! run is finished by running it again; applied twice, it changes nothing the second time.

mod compose;
mod datacenter_lock;
mod executor;
mod journal;
mod lift;
mod lock;
mod locks;
mod majority;
mod peers_lock;
mod preflight;
mod restore_data;
mod run;
mod schedule;
mod secrets;
mod selection;
mod step;
#[cfg(test)]
mod testing;
mod undo;
mod verbs;
mod world;

pub use executor::{Options, RefusalKind, Refused, apply};
pub use journal::{Journal, runs, unfinished};
pub use lift::lift;
pub use lock::Scope;
pub use step::{Look, StepError};
pub use world::{World, WorldOptions};
