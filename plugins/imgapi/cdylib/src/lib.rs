// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The plugin for imgapi as a shared library: `imgapi.so` in the plugin folder. All that it knows is in the crate `imgapi`.

contract::export_plugin!(imgapi::Imgapi);
