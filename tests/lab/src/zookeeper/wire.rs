// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What ZooKeeper 3.4 puts on the wire: frames of four bytes of length and so many bytes, big-endian numbers, buffers and
//! strings after their length.

use std::io::{self, Read, Write};

/// The longest request that is taken (`jute.maxbuffer`).
const LONGEST: usize = 1024 * 1024;

/// The bytes of a request that were not read yet. What is missing reads as an error, as does what is no text.
pub struct Reader<'a>(pub &'a [u8]);

impl Reader<'_> {
    fn take(&mut self, count: usize) -> io::Result<&[u8]> {
        match self.0.split_at_checked(count) {
            Some((taken, rest)) => {
                self.0 = rest;
                Ok(taken)
            }
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    pub fn int(&mut self) -> io::Result<i32> {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(self.take(4)?);
        Ok(i32::from_be_bytes(bytes))
    }

    pub fn long(&mut self) -> io::Result<i64> {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(self.take(8)?);
        Ok(i64::from_be_bytes(bytes))
    }

    /// A length of -1 is a buffer that is none.
    pub fn buffer(&mut self) -> io::Result<Vec<u8>> {
        let length = usize::try_from(self.int()?).unwrap_or(0);
        Ok(self.take(length)?.to_vec())
    }

    pub fn string(&mut self) -> io::Result<String> {
        String::from_utf8(self.buffer()?).map_err(io::Error::other)
    }
}

/// An answer as it grows.
#[derive(Default)]
pub struct Writer(pub Vec<u8>);

impl Writer {
    pub fn int(&mut self, value: i32) -> &mut Writer {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub fn long(&mut self, value: i64) -> &mut Writer {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub fn buffer(&mut self, bytes: &[u8]) -> &mut Writer {
        self.int(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
        self.0.extend(bytes);
        self
    }
}

pub fn read_frame(mut from: impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > LONGEST {
        return Err(io::Error::other(format!("a frame of {length} bytes")));
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

pub fn write_frame(mut to: impl Write, bytes: &[u8]) -> io::Result<()> {
    let mut frame = Writer::default();
    frame.buffer(bytes);
    to.write_all(&frame.0)
}
