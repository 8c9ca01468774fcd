// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The plugin for ufds as a shared library: `ufds.so` in the plugin folder. All that it knows is in the crate `ufds`.

contract::export_plugin!(ufds::Ufds);
