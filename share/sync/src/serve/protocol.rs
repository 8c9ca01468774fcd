// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What the two ends of a sync say to each other over one connection. Requests are lines of JSON, and strict; answers are
//! frames, so that streams of data and words share the connection.

use std::collections::BTreeMap;
use std::io::{self, IoSlice, Read, Write};
use std::time::Duration;

use documents::Uuid;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::pieces::{PIECE, Spare, fill};

pub const VERSION: u32 = 1;

/// The longest request. A round of 1,000 datasets names them all in 40 KiB.
pub const LONGEST_REQUEST: usize = 256 * 1024;

/// The longest frame. Lists of thousands of snapshots and whole VM payloads fit.
pub const LONGEST_FRAME: usize = 64 * 1024 * 1024;

/// Both ends say at least this often that they are there.
pub const BEAT: Duration = Duration::from_secs(5);

/// An end that was silent for this long is gone.
pub const SILENCE: Duration = Duration::from_secs(30);

/// All that can be asked. Zones are named by UUID, so no path can be smuggled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Which server this is, and which version it speaks.
    Hello { version: u32 },
    /// The core zones, in short.
    Zones {},
    /// `vmadm get` of a core zone.
    Zone { vm: Uuid },
    /// Manifests of the images that the core zones use.
    Images {},
    /// What `/usbkey/config` and `/usbkey/config.inc` hold, and what lies in `/usbkey/extra` and `/usbkey/os`.
    Usbkey {},
    /// Snapshots and our bookmarks of these zones' delegate datasets, oldest first.
    Snapshots { vms: Vec<Uuid> },
    /// Of each zone's dataset the snapshot of that name, where it is there, and the bytes written since.
    Since { snapshots: BTreeMap<Uuid, String> },
    /// Bytes that each refers to.
    Sizes { vms: Vec<Uuid> },
    /// What each descends from, where it was restored from a copy.
    Lineage { vms: Vec<Uuid> },
    /// Of all of them at one moment.
    TakeSnapshots { vms: Vec<Uuid>, name: String },
    /// A bookmark of ours, of any sync's snapshot.
    Bookmark {
        vm: Uuid,
        snapshot: String,
        name: String,
    },
    /// Removes a snapshot of ours, and its bookmark.
    RemoveSnapshot { vm: Uuid, name: String },
    /// A stream of any sync's snapshot.
    Send {
        vm: Uuid,
        snapshot: String,
        base: Option<Cursor>,
    },
    /// The rest of a stream that was cut off.
    Resume { vm: Uuid, token: String },
    /// Ends the stream that is being sent.
    Stop {},
    /// Which servers were declared dead, as this headnode's copies of fences have it.
    Fences {},
    /// Pull from us as soon as you can.
    Poke {},
    /// Says that the asking end is there.
    Beat {},
}

/// What a stream begins from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Cursor {
    Snapshot(String),
    Bookmark(String),
    /// A snapshot of what the dataset was restored from.
    Origin(String),
}

/// What is answered, once for each request but beats and stops.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    Ok(Value),
    /// Not allowed, or not understood. Logged over there.
    Refused(String),
    /// Allowed, but it did not work.
    Failed(String),
}

/// One piece of the answering side's output.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    Answer(Answer),
    /// A piece of a stream. The answer that follows the last piece says whether it is whole.
    Data(Vec<u8>),
    /// Says that the answering end is there.
    Beat,
}

impl Frame {
    /// One byte of kind, four bytes of length (the highest first), then so many bytes.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let json;
        let (kind, bytes): (u8, &[u8]) = match self {
            Frame::Answer(answer) => {
                json = serde_json::to_vec(answer)?;
                (b'A', &json)
            }
            Frame::Data(bytes) => (b'D', bytes),
            Frame::Beat => (b'B', &[]),
        };
        let length = u32::try_from(bytes.len()).map_err(|_| io::Error::other("too long"))?;
        let [a, b, c, d] = length.to_be_bytes();
        write_both(to, &[kind, a, b, c, d], bytes)?;
        to.flush()
    }

    /// The next frame, in memory that is spare; `None` where the output ends between frames.
    pub fn read(from: &mut impl Read, spare: &Spare) -> io::Result<Option<Frame>> {
        let mut kind = [0];
        if from.read(&mut kind)? == 0 {
            return Ok(None);
        }
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > LONGEST_FRAME {
            return Err(io::Error::other(format!("a frame of {length} bytes")));
        }
        let mut bytes = spare.take();
        fill(from, &mut bytes, length)?;
        if bytes.len() < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let frame = match kind[0] {
            b'D' => return Ok(Some(Frame::Data(bytes))),
            b'A' => Frame::Answer(serde_json::from_slice(&bytes)?),
            b'B' => Frame::Beat,
            other => return Err(io::Error::other(format!("a frame of kind {other}"))),
        };
        Frame::Data(bytes).used(spare);
        Ok(Some(frame))
    }

    /// Gives the memory of a piece back, once its bytes are where they belong.
    pub fn used(self, spare: &Spare) {
        if let Frame::Data(bytes) = self
            && bytes.capacity() <= 2 * PIECE
        {
            spare.give(bytes);
        }
    }
}

/// Both at once where that can be: a head that travels alone costs as much as what follows it.
fn write_both(to: &mut impl Write, head: &[u8], body: &[u8]) -> io::Result<()> {
    let mut both = [IoSlice::new(head), IoSlice::new(body)];
    let mut left = &mut both[..];
    IoSlice::advance_slices(&mut left, 0);
    while !left.is_empty() {
        match to.write_vectored(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut left, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads a request, which is a line no longer than allowed. `None` at the end of the input.
pub fn read_request(from: &mut impl io::BufRead) -> io::Result<Option<Result<Request, String>>> {
    let mut line = Vec::new();
    let limit = LONGEST_REQUEST as u64 + 1;
    if io::BufRead::read_until(&mut from.by_ref().take(limit), b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        return match line.len() > LONGEST_REQUEST {
            // Where the next request would begin can't be told any more.
            true => Err(io::Error::other("a request that is too long")),
            false => Ok(None),
        };
    }
    let request = serde_json::from_slice(&line).map_err(|error| format!("not a request: {error}"));
    Ok(Some(request))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(text: &str) -> Result<Request, String> {
        let mut line = text.as_bytes().to_vec();
        line.push(b'\n');
        read_request(&mut line.as_slice()).unwrap().unwrap()
    }

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let frames = [
            Frame::Answer(Answer::Ok(json!({"a": 1}))),
            Frame::Answer(Answer::Refused("no".to_owned())),
            Frame::Data(vec![0, 1, 255]),
            Frame::Beat,
        ];
        let mut wire = Vec::new();
        for frame in &frames {
            frame.write(&mut wire).unwrap();
        }
        let spare = Spare::default();
        let mut from = wire.as_slice();
        for frame in frames {
            assert_eq!(Frame::read(&mut from, &spare).unwrap(), Some(frame));
        }
        assert_eq!(Frame::read(&mut from, &spare).unwrap(), None);
    }

    /// Takes three bytes of a write at most.
    struct Narrow(Vec<u8>);

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.extend_from_slice(&bytes[..bytes.len().min(3)]);
            Ok(bytes.len().min(3))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_frame_is_written_whole_though_only_some_of_it_is_taken_at_once() {
        let frame = Frame::Data(b"twelve bytes".to_vec());
        let mut narrow = Narrow(Vec::new());
        frame.write(&mut narrow).unwrap();
        let read = Frame::read(&mut narrow.0.as_slice(), &Spare::default()).unwrap();
        assert_eq!(read, Some(frame));
    }

    #[test]
    fn a_frame_that_is_cut_or_too_long_or_of_no_kind_is_an_error() {
        for bad in [&b"D\0\0\0\x05abc"[..], b"D\xff\xff\xff\xff", b"X\0\0\0\0"] {
            assert!(Frame::read(&mut &*bad, &Spare::default()).is_err());
        }
    }

    #[test]
    fn requests_are_strict() {
        assert_eq!(request(r#"{"do":"zones"}"#), Ok(Request::Zones {}));
        for bad in [
            "",
            "id",
            r#"{"do":"destroy"}"#,
            r#"{"do":"zones","more":1}"#,
            r#"{"do":"zone","vm":"../../etc"}"#,
            r#"{"do":"send","vm":"00000000-0000-0000-0000-000000000001","snapshot":"x","base":{"file":"x"}}"#,
            "[1,2",
        ] {
            assert!(request(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_request_without_end_is_not_kept_in_memory() {
        let endless = vec![b'x'; LONGEST_REQUEST * 2];
        assert!(read_request(&mut endless.as_slice()).is_err());
    }
}
