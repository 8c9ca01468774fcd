// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! An image's bytes, first to last: into a file with holes where there is nothing, or down a pipe.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// Where an image goes.
pub enum Sink<'a> {
    /// An empty file, whose holes read as zeros.
    Sparse(File),
    Stream(&'a mut dyn Write),
}

pub(crate) struct Out<'a> {
    sink: Sink<'a>,
    written: u64,
}

impl<'a> Out<'a> {
    pub(crate) fn new(sink: Sink<'a>) -> Out<'a> {
        Out { sink, written: 0 }
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.sink {
            Sink::Sparse(file) => file.write_all(bytes)?,
            Sink::Stream(out) => out.write_all(bytes)?,
        }
        self.written += bytes.len() as u64;
        Ok(())
    }

    pub(crate) fn zeros(&mut self, count: u64) -> io::Result<()> {
        match &mut self.sink {
            Sink::Sparse(file) => {
                file.seek(SeekFrom::Start(self.written + count))?;
            }
            Sink::Stream(out) => {
                let mut left = count;
                while left > 0 {
                    let some = left.min(ZEROS.len() as u64);
                    out.write_all(&ZEROS[..some as usize])?;
                    left -= some;
                }
            }
        }
        self.written += count;
        Ok(())
    }

    /// Zeros up to a place; one that is behind is a fault in the layout.
    pub(crate) fn zeros_to(&mut self, place: u64) -> io::Result<()> {
        match place.checked_sub(self.written) {
            Some(count) => self.zeros(count),
            None => Err(io::Error::other("the image's parts overlap")),
        }
    }

    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    pub(crate) fn finish(self) -> io::Result<()> {
        match self.sink {
            Sink::Sparse(file) => {
                // A hole at the end is none until the file is as long.
                file.set_len(self.written)?;
                file.sync_all()
            }
            Sink::Stream(out) => out.flush(),
        }
    }
}
