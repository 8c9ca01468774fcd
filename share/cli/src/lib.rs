// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What every tool does alike: flags, documents in and out, tables, logs, progress, confirmation, signals and exit codes.
//!
//! stdout carries the answer and nothing else; logs, progress and questions go to stderr or the terminal.

pub mod confirm;
pub mod events;
pub mod exit;
pub mod flags;
pub mod input;
pub mod install;
pub mod logs;
pub mod notices;
pub mod output;
pub mod progress;
pub mod show;
pub mod signals;
pub mod table;

pub use exit::{Exit, Failure, main};
pub use flags::Common;
pub use table::{Column, Table, TableFlags};
