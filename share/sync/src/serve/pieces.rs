// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The pieces that a stream is cut into. Their memory goes round: fresh memory for each would cost more than moving what is in it.

use std::io::{self, Read};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Bytes of a piece.
pub const PIECE: usize = 128 * 1024;

/// Pieces that are read ahead of what the connection takes.
const AHEAD: usize = 32;

/// Memory of pieces that were used.
#[derive(Debug, Clone, Default)]
pub struct Spare(Arc<Mutex<Vec<Vec<u8>>>>);

impl Spare {
    /// An empty piece.
    pub fn take(&self) -> Vec<u8> {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_else(|| Vec::with_capacity(PIECE))
    }

    pub fn give(&self, mut piece: Vec<u8>) {
        piece.clear();
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spare.push(piece);
    }
}

/// Reads in a thread of its own, a bounded number of pieces ahead: neither disk nor network waits for the other's every pause.
pub fn read_ahead(
    mut from: impl Read + Send + 'static,
    spare: Spare,
) -> Receiver<io::Result<Vec<u8>>> {
    let (tell, told) = mpsc::sync_channel(AHEAD);
    thread::spawn(move || {
        loop {
            let mut piece = spare.take();
            let read = from.by_ref().take(PIECE as u64).read_to_end(&mut piece);
            let read = match read {
                Ok(0) => return,
                Ok(_) => Ok(piece),
                Err(error) => Err(error),
            };
            let broken = read.is_err();
            if tell.send(read).is_err() || broken {
                return;
            }
        }
    });
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_comes_whole_and_in_order_and_in_full_pieces() {
        let all: Vec<u8> = (0..PIECE * 3 + 5).map(|n| (n % 251) as u8).collect();
        let spare = Spare::default();
        let mut came = Vec::new();
        let mut sizes = Vec::new();
        for piece in read_ahead(io::Cursor::new(all.clone()), spare.clone()) {
            let piece = piece.unwrap();
            sizes.push(piece.len());
            came.extend_from_slice(&piece);
            spare.give(piece);
        }
        assert_eq!(sizes, [PIECE, PIECE, PIECE, 5]);
        assert!(came == all);
    }

    #[test]
    fn memory_that_was_used_is_used_again() {
        let spare = Spare::default();
        let mut piece = spare.take();
        piece.extend_from_slice(b"something");
        let at = piece.as_ptr();
        spare.give(piece);
        let again = spare.take();
        assert!(again.is_empty());
        assert_eq!(again.as_ptr(), at);
    }
}
