// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A plugin that says the right version and then can't be asked anything.

#[unsafe(no_mangle)]
pub extern "C" fn triton_plugin_abi() -> u32 {
    contract::abi::ABI_VERSION
}
