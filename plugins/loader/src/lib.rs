// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Plugins from a folder: `<service>.so` is the plugin of `<service>`.
//!
//! A plugin is loaded when its service is first asked about, and only if nobody but root (or the user who runs the tool)
//! could have written it: it runs with all the rights of the tool. A broken plugin is a fault of its own service and leaves
//! the others alone. Nothing is ever unloaded.

mod folder;
mod library;
mod loaded;

pub use library::LibraryError;
pub use loaded::Loaded;
