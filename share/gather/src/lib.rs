// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Making the inventory: everything that live APIs, the machines themselves and restore data say, asked at once, with a short
//! patience, and put together with where each fact was learnt and when. What did not answer is said too.

mod ask;
pub mod facts;
mod gathering;
mod kept;
mod machines;
pub mod merge;
mod record;

pub use facts::RawFacts;
pub use gathering::{GatherError, Options, inventory};
pub use merge::merge;
