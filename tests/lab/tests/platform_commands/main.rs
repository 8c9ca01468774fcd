// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The platform's commands as the lab plays them: what they print is held to the real outputs in the fixtures, what they
//! refuse to the real ones' words. No datacenter is brought up: commands and first boots work on a world without processes.

// A test that can't go on has failed; clippy knows that only of functions marked as tests.
#![allow(clippy::unwrap_used, clippy::panic)]

mod datasets;
mod first_boots;
mod machine;
mod records;
mod shape;
mod streams;
mod world;
mod zones;
