// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A plugin of a later interface: it must be turned away before anything else of it is called.

#[unsafe(no_mangle)]
pub extern "C" fn triton_plugin_abi() -> u32 {
    contract::abi::ABI_VERSION + 1
}
