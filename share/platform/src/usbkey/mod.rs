// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The USB key of a headnode and its copy, `/usbkey`.
//!
//! The key is the master: at every boot it is copied over `/usbkey`, so what is changed in one must be changed in both.

mod change;
mod config;
mod medium;
mod status;

pub use change::{assignment, set_config, with_values, without_keys};
pub use config::{Config, config, parse_config};
pub use medium::with_medium;
pub use status::{Status, Steps, parse_status, status};
