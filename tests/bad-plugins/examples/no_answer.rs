// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A plugin that answers with a null pointer.

use contract::abi::{ABI_VERSION, Bytes};

#[unsafe(no_mangle)]
pub extern "C" fn triton_plugin_abi() -> u32 {
    ABI_VERSION
}

#[unsafe(no_mangle)]
pub extern "C" fn triton_plugin_answer(_question: *const u8, _length: usize) -> Bytes {
    Bytes {
        start: std::ptr::null_mut(),
        length: 1 << 40,
        capacity: 0,
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn triton_plugin_free(_bytes: Bytes) {}
