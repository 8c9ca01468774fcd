// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Gzip on several cores: blocks of the stream are compressed on their own, each a gzip member, and written in order. gzip, GNU
//! tar and illumos' own tools read members one after another as one stream. The bytes depend on the input and the level, never on
//! how many threads there were.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use flate2::{Compression, GzBuilder};

/// Large enough that a member's start without a dictionary costs next to nothing, small enough that a few are no memory.
const BLOCK: usize = 1024 * 1024;

type Job = (Vec<u8>, SyncSender<io::Result<Vec<u8>>>);

/// Call [`ParallelGzip::finish`]: what is dropped before is an archive cut short.
pub struct ParallelGzip<W: Write + Send + 'static> {
    block: Vec<u8>,
    workers: Vec<(SyncSender<Job>, JoinHandle<()>)>,
    /// To the writer: where each block's result will come from, in order. Its bound is the bound of all memory.
    order: SyncSender<Receiver<io::Result<Vec<u8>>>>,
    writer: JoinHandle<io::Result<W>>,
    sent: usize,
}

impl<W: Write + Send + 'static> ParallelGzip<W> {
    pub fn new(out: W, level: u32, threads: usize) -> ParallelGzip<W> {
        let threads = threads.max(1);
        let (order, results) = sync_channel(threads * 2);
        let workers = (0..threads).map(|_| worker(level)).collect();
        ParallelGzip {
            block: Vec::with_capacity(BLOCK),
            workers,
            order,
            writer: std::thread::spawn(move || write_in_order(out, results)),
            sent: 0,
        }
    }

    pub fn finish(mut self) -> io::Result<W> {
        if !self.block.is_empty() || self.sent == 0 {
            self.send()?;
        }
        drop(self.order);
        for (jobs, thread) in self.workers {
            drop(jobs);
            thread.join().map_err(|_| gone())?;
        }
        self.writer.join().map_err(|_| gone())?
    }

    fn send(&mut self) -> io::Result<()> {
        let block = std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK));
        let (result, promise) = sync_channel(1);
        let (jobs, _) = &self.workers[self.sent % self.workers.len()];
        self.sent += 1;
        // A writer that failed has ended: `finish` tells why, and until then a closed pipe is what it most likely is.
        self.order
            .send(promise)
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        jobs.send((block, result)).map_err(|_| gone())
    }
}

impl<W: Write + Send + 'static> Write for ParallelGzip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = BLOCK - self.block.len();
        let taken = &bytes[..room.min(bytes.len())];
        self.block.extend_from_slice(taken);
        if self.block.len() == BLOCK {
            self.send()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn worker(level: u32) -> (SyncSender<Job>, JoinHandle<()>) {
    let (jobs, work) = sync_channel::<Job>(2);
    let thread = std::thread::spawn(move || {
        for (block, result) in work {
            // Nobody waits for it when the writer ended.
            let _ = result.send(compressed(&block, level));
        }
    });
    (jobs, thread)
}

fn compressed(block: &[u8], level: u32) -> io::Result<Vec<u8>> {
    let out = Vec::with_capacity(block.len() / 2);
    let mut member = GzBuilder::new()
        .mtime(0)
        .write(out, Compression::new(level));
    member.write_all(block)?;
    member.finish()
}

fn write_in_order<W: Write>(
    mut out: W,
    results: Receiver<Receiver<io::Result<Vec<u8>>>>,
) -> io::Result<W> {
    for promise in results {
        let member = promise.recv().map_err(|_| gone())??;
        out.write_all(&member)?;
    }
    out.flush()?;
    Ok(out)
}

fn gone() -> io::Error {
    io::Error::other("a thread that compresses ended early")
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::MultiGzDecoder;

    use super::*;

    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|n| (n * n / 7 % 251) as u8).collect()
    }

    fn zipped(bytes: &[u8], threads: usize) -> Vec<u8> {
        let mut gzip = ParallelGzip::new(Vec::new(), 6, threads);
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn what_is_compressed_on_any_number_of_threads_is_the_same_and_unpacks() {
        for count in [0, 1, BLOCK - 1, BLOCK, 5 * BLOCK + 3] {
            let plain = bytes(count);
            let one = zipped(&plain, 1);
            assert_eq!(one, zipped(&plain, 3));
            let mut back = Vec::new();
            MultiGzDecoder::new(&one[..])
                .read_to_end(&mut back)
                .unwrap();
            assert!(back == plain, "{count} bytes");
        }
    }

    #[test]
    fn a_reader_that_goes_away_ends_it_with_an_error() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut gzip = ParallelGzip::new(Closed, 1, 2);
        let written = (0..50).try_for_each(|_| gzip.write_all(&bytes(BLOCK)));
        assert!(written.is_err());
    }
}
