// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What goes through the pipe between `zfs send` and `zfs receive` in the lab: a header, the entries that changed, a digest.

use std::io::{self, BufRead, Read, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

use super::files::Entry;

#[derive(Debug, Serialize, Deserialize)]
pub struct Header {
    /// Snapshot name and GUID that the stream makes.
    pub to: String,
    pub guid: u64,
    pub creation: u64,
    /// GUID of the snapshot that it starts from.
    pub from: Option<u64>,
    /// That snapshot is of the dataset that this one is a clone of: so it will be over there.
    pub clone: bool,
    /// The receive that it goes on with.
    pub token: Option<String>,
    pub removed: Vec<PathBuf>,
    pub entries: usize,
}

/// Writes through a digest, which `finish` puts at the end.
pub struct Outgoing<W> {
    out: W,
    digest: Sha1,
}

impl<W: Write> Outgoing<W> {
    pub fn begin(out: W, header: &Header) -> io::Result<Outgoing<W>> {
        let mut outgoing = Outgoing {
            out,
            digest: Sha1::new(),
        };
        outgoing.line(header)?;
        Ok(outgoing)
    }

    pub fn entry(&mut self, path: &PathBuf, entry: &Entry, content: &[u8]) -> io::Result<()> {
        self.line(&(path, entry))?;
        self.bytes(content)
    }

    pub fn finish(mut self) -> io::Result<()> {
        let digest = self.digest.clone().finalize();
        self.out.write_all(&digest)?;
        self.out.flush()
    }

    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.bytes(&line)
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.out.write_all(bytes)
    }
}

/// A stream that arrived.
pub struct Arrived {
    pub header: Header,
    pub entries: Vec<(PathBuf, Entry, Vec<u8>)>,
}

/// Why a stream did not arrive whole. The header may have.
pub struct Cut {
    pub header: Option<Header>,
}

/// Reads a stream to its end and checks its digest.
pub fn read(input: impl Read) -> Result<Arrived, Cut> {
    let mut input = io::BufReader::new(input);
    let mut digest = Sha1::new();
    let header: Header = line(&mut input, &mut digest).ok_or(Cut { header: None })?;
    let mut entries = Vec::with_capacity(header.entries);
    for _ in 0..header.entries {
        let Some((path, entry)) = line::<(PathBuf, Entry)>(&mut input, &mut digest) else {
            return Err(Cut {
                header: Some(header),
            });
        };
        let mut content = vec![
            0;
            if let Entry::File { size, .. } = entry {
                size as usize
            } else {
                0
            }
        ];
        if input.read_exact(&mut content).is_err() {
            return Err(Cut {
                header: Some(header),
            });
        }
        digest.update(&content);
        entries.push((path, entry, content));
    }
    let mut sent = [0; 20];
    match input.read_exact(&mut sent) {
        Ok(()) if sent[..] == digest.finalize()[..] => Ok(Arrived { header, entries }),
        _ => Err(Cut {
            header: Some(header),
        }),
    }
}

fn line<T: for<'de> Deserialize<'de>>(input: &mut impl BufRead, digest: &mut Sha1) -> Option<T> {
    let mut line = Vec::new();
    input.read_until(b'\n', &mut line).ok()?;
    digest.update(&line);
    line.ends_with(b"\n")
        .then(|| serde_json::from_slice(&line).ok())
        .flatten()
}
