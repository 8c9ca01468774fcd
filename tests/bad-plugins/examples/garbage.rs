// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A plugin that answers every question with something that is no JSON.

use contract::abi::{ABI_VERSION, Bytes};

#[unsafe(no_mangle)]
pub extern "C" fn triton_plugin_abi() -> u32 {
    ABI_VERSION
}

#[unsafe(no_mangle)]
pub extern "C" fn triton_plugin_answer(_question: *const u8, _length: usize) -> Bytes {
    Bytes::from_vec(b"\xff\xfe<html>502</html>".to_vec())
}

/// # Safety
/// `bytes` came from `triton_plugin_answer` and is passed once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn triton_plugin_free(bytes: Bytes) {
    // SAFETY: as above.
    drop(unsafe { bytes.into_vec() });
}
