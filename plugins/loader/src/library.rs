// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! One plugin's shared library: opened, asked for its version, then asked questions. All that is unsafe about plugins is here.

use std::path::{Path, PathBuf};

use contract::abi::{
    ABI_SYMBOL, ABI_VERSION, ANSWER_SYMBOL, AbiFn, AnswerFn, Bytes, FREE_SYMBOL, FreeFn,
};
use libloading::os::unix::{Library as Dl, RTLD_LOCAL, RTLD_NOW};

/// An answer longer than this is a mistake: the longest real ones have a few thousand bytes.
const LONGEST_ANSWER: usize = 16 << 20;

/// Why a file can't be used as a plugin.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    #[error("{path} can't be loaded as a library: {why}")]
    NoLibrary { path: PathBuf, why: String },
    #[error("{path} is no plugin, it lacks the symbol {symbol}: {why}")]
    Symbol {
        path: PathBuf,
        symbol: String,
        why: String,
    },
    #[error(
        "{path} speaks version {found} of the plugin interface and this tool version \
         {ABI_VERSION}; install the plugin that came with this tool"
    )]
    Version { path: PathBuf, found: u32 },
    #[error("{path} gave no answer (a null pointer)")]
    NoAnswer { path: PathBuf },
    #[error("{path} gave an answer of {length} bytes, and {LONGEST_ANSWER} are the most")]
    TooLong { path: PathBuf, length: usize },
}

/// A loaded plugin. Its code stays mapped until the process ends, so its functions can be called at any time.
pub struct Library {
    path: PathBuf,
    answer: AnswerFn,
    free: FreeFn,
}

impl Library {
    /// Loads a file that was found trustworthy.
    pub fn open(path: &Path) -> Result<Library, LibraryError> {
        // SAFETY: loading runs the file's initialisers. Its owner and mode were checked: whoever wrote it may run code as us.
        let dl = unsafe { Dl::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map_err(|error| {
            LibraryError::NoLibrary {
                path: path.to_owned(),
                why: cause(&error),
            }
        })?;
        // Never unloaded, whatever comes next: threads and thread-locals of a plugin would be left without their code.
        let dl = std::mem::ManuallyDrop::new(dl);

        // SAFETY: every version of the interface has this function with this type.
        let abi: AbiFn = unsafe { symbol(&dl, path, ABI_SYMBOL) }?;
        // SAFETY: it takes nothing, reads nothing and returns a number.
        let found = unsafe { abi() };
        if found != ABI_VERSION {
            let path = path.to_owned();
            return Err(LibraryError::Version { path, found });
        }
        // SAFETY: the version says that these two have the types of our version.
        let answer: AnswerFn = unsafe { symbol(&dl, path, ANSWER_SYMBOL) }?;
        // SAFETY: as above.
        let free: FreeFn = unsafe { symbol(&dl, path, FREE_SYMBOL) }?;
        Ok(Library {
            path: path.to_owned(),
            answer,
            free,
        })
    }

    /// Asks one question, JSON in and JSON out.
    pub fn ask(&self, question: &[u8]) -> Result<Vec<u8>, LibraryError> {
        // SAFETY: the slice lives until the call returns, and the plugin only reads it.
        let Bytes {
            start,
            length,
            capacity,
        } = unsafe { (self.answer)(question.as_ptr(), question.len()) };
        let path = || self.path.clone();
        if start.is_null() {
            return Err(LibraryError::NoAnswer { path: path() });
        }
        let answer = if length <= LONGEST_ANSWER {
            // SAFETY: the plugin made `length` readable bytes at `start`, and they are ours until they are given back below.
            Ok(unsafe { std::slice::from_raw_parts(start, length) }.to_vec())
        } else {
            Err(LibraryError::TooLong {
                path: path(),
                length,
            })
        };
        // SAFETY: these are the parts that this plugin's answer consisted of, given back once and not used again.
        unsafe {
            (self.free)(Bytes {
                start,
                length,
                capacity,
            });
        }
        answer
    }
}

/// # Safety
/// The symbol, where there is one, has the type `T`.
unsafe fn symbol<T: Copy>(dl: &Dl, path: &Path, name: &[u8]) -> Result<T, LibraryError> {
    // SAFETY: the caller vouches for the type.
    match unsafe { dl.get::<T>(name) } {
        Ok(found) => Ok(*found),
        Err(error) => Err(LibraryError::Symbol {
            path: path.to_owned(),
            symbol: String::from_utf8_lossy(name.strip_suffix(b"\0").unwrap_or(name)).into_owned(),
            why: cause(&error),
        }),
    }
}

/// The loader's own words: libloading keeps them as the source of its error.
fn cause(error: &libloading::Error) -> String {
    use std::error::Error as _;
    match error.source() {
        Some(source) => source.to_string(),
        None => error.to_string(),
    }
}
