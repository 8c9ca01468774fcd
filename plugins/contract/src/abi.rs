// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The C interface. Only bytes and lengths cross it, so neither side depends on the other's compiler, and a panic stops at
//! the edge.
//!
//! A plugin exports three functions:
//!
//! - `triton_plugin_abi() -> u32`: the version of this interface, asked first;
//! - `triton_plugin_answer(question, length) -> Bytes`: JSON in, JSON out;
//! - `triton_plugin_free(Bytes)`: gives an answer back to its maker.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::ServicePlugin;
use crate::answer::{Answer, Question};

/// Changes when a function or the meaning of a question changes.
pub const ABI_VERSION: u32 = 1;

pub const ABI_SYMBOL: &[u8] = b"triton_plugin_abi\0";
pub const ANSWER_SYMBOL: &[u8] = b"triton_plugin_answer\0";
pub const FREE_SYMBOL: &[u8] = b"triton_plugin_free\0";

pub type AbiFn = unsafe extern "C" fn() -> u32;
pub type AnswerFn = unsafe extern "C" fn(*const u8, usize) -> Bytes;
pub type FreeFn = unsafe extern "C" fn(Bytes);

/// Bytes that one side made and only that side frees.
#[repr(C)]
pub struct Bytes {
    pub start: *mut u8,
    pub length: usize,
    pub capacity: usize,
}

impl Bytes {
    pub fn from_vec(bytes: Vec<u8>) -> Bytes {
        let mut bytes = std::mem::ManuallyDrop::new(bytes);
        Bytes {
            start: bytes.as_mut_ptr(),
            length: bytes.len(),
            capacity: bytes.capacity(),
        }
    }

    /// # Safety
    /// `self` came from [`Bytes::from_vec`] in this same library, and is used no more.
    pub unsafe fn into_vec(self) -> Vec<u8> {
        // SAFETY: the caller vouches that these parts are those of a Vec<u8> of this allocator.
        unsafe { Vec::from_raw_parts(self.start, self.length, self.capacity) }
    }
}

/// Answers one question, whatever happens: a panic in the plugin and a question it can't read both become an error answer.
pub fn answer(plugin: &dyn ServicePlugin, question: &[u8]) -> Vec<u8> {
    let answer = match serde_json::from_slice::<Question>(question) {
        Err(error) => Answer::Error(format!("can't read the question: {error}")),
        Ok(question) => catch_unwind(AssertUnwindSafe(|| answer_one(plugin, question)))
            .unwrap_or_else(|panic| Answer::Error(format!("panicked: {}", panic_text(&*panic)))),
    };
    // An answer is made of strings, numbers and maps with string keys: it always has a JSON form.
    serde_json::to_vec(&answer)
        .unwrap_or_else(|_| br#"{"error":"the answer has no JSON form"}"#.to_vec())
}

fn answer_one(plugin: &dyn ServicePlugin, question: Question) -> Answer {
    match question {
        Question::Describe {} => Answer::Describe {
            service: plugin.service().to_owned(),
            refinement: Box::new(plugin.describe()),
        },
        Question::Restore { facts } => match plugin.plan_restore(&facts) {
            Ok(advice) => Answer::Restore(Box::new(advice)),
            Err(why) => Answer::Error(why),
        },
    }
}

thread_local! {
    /// Where the last panic of this thread was, as [`panics_in_answers`] notes it.
    static PANICKED_AT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Has panics told in answers only, with their place, instead of on the tool's stderr. For a plugin's library, which has a
/// panic hook of its own: the tool's is not touched.
pub fn panics_in_answers() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        PANICKED_AT.with(|at| *at.borrow_mut() = place);
    }));
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "no reason given".to_owned()
    };
    match PANICKED_AT.take() {
        Some(place) => format!("{text}, at {place}"),
        None => text,
    }
}

/// Exports a plugin from a cdylib: `contract::export_plugin!(imgapi::Imgapi);`.
#[macro_export]
macro_rules! export_plugin {
    ($plugin:expr) => {
        #[unsafe(no_mangle)]
        pub extern "C" fn triton_plugin_abi() -> u32 {
            // Asked first, and once.
            $crate::abi::panics_in_answers();
            $crate::abi::ABI_VERSION
        }

        /// # Safety
        /// `question` points to `length` readable bytes.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn triton_plugin_answer(
            question: *const u8,
            length: usize,
        ) -> $crate::abi::Bytes {
            // SAFETY: the loader passes a live slice.
            let question = unsafe { ::std::slice::from_raw_parts(question, length) };
            $crate::abi::Bytes::from_vec($crate::abi::answer(&$plugin, question))
        }

        /// # Safety
        /// `bytes` came from `triton_plugin_answer` of this library and is passed once.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn triton_plugin_free(bytes: $crate::abi::Bytes) {
            // SAFETY: as above.
            drop(unsafe { bytes.into_vec() });
        }
    };
}
