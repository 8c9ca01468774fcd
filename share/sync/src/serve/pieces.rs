// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The pieces that a stream is cut into. Their memory goes round: fresh memory for each would cost more than moving what is in it.

use std::io::{self, Read};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Bytes of a piece. Each is handed from thread to thread: small ones would cost more to hand over than to read.
pub const PIECE: usize = 512 * 1024;

/// Pieces that are read ahead of what the connection takes.
const AHEAD: usize = 8;

/// Memory of pieces that were used.
#[derive(Debug, Clone, Default)]
pub struct Spare(Arc<Mutex<Vec<Vec<u8>>>>);

impl Spare {
    /// A piece, with whatever was in it last.
    pub fn take(&self) -> Vec<u8> {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_else(|| Vec::with_capacity(PIECE))
    }

    pub fn give(&self, piece: Vec<u8>) {
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spare.push(piece);
    }
}

/// Reads so many bytes, or all there are until the end, in as few reads as they come in; the piece holds those and no others.
pub fn fill(from: &mut impl Read, piece: &mut Vec<u8>, length: usize) -> io::Result<()> {
    let mut at = 0;
    while at < length {
        // Memory is taken as bytes come: a length alone is only a claim.
        let end = length.min(at - at % PIECE + PIECE);
        if piece.len() < end {
            piece.resize(end, 0);
        }
        match from.read(&mut piece[at..end]) {
            Ok(0) => break,
            Ok(read) => at += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    piece.truncate(at);
    Ok(())
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
            let read = match fill(&mut from, &mut piece, PIECE) {
                Ok(()) if piece.is_empty() => return,
                Ok(()) => Ok(piece),
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
        let mut again = spare.take();
        assert_eq!(again.as_ptr(), at);
        fill(&mut io::Cursor::new(b"new"), &mut again, 9).unwrap();
        assert_eq!(again, b"new", "and nothing of what it held before");
    }
}
