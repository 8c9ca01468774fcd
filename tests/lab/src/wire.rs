// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Frames between the lab's processes: a length, a JSON document, and with it open files (SCM_RIGHTS).
//!
//! Socket paths are reached by way of an open folder, because a socket's name may be no longer than 108 bytes.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// More than any command line: a frame that claims more is not one of ours.
const LONGEST: u32 = 16 << 20;

/// Sends `document`, and `files` with its first bytes.
pub fn send(
    stream: &UnixStream,
    document: &impl Serialize,
    files: &[BorrowedFd],
) -> io::Result<()> {
    let body = serde_json::to_vec(document)?;
    let mut frame = (body.len() as u32).to_be_bytes().to_vec();
    frame.extend_from_slice(&body);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !files.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(files)) {
        return Err(io::Error::other("a frame carries at most three files"));
    }
    let sent = sendmsg(
        stream,
        &[IoSlice::new(&frame)],
        &mut ancillary,
        SendFlags::NOSIGNAL,
    )?;
    (&*stream).write_all(&frame[sent..])
}

/// Receives a document and the files that came with it. A closed connection is `UnexpectedEof`.
pub fn receive<T: DeserializeOwned>(stream: &UnixStream) -> io::Result<(T, Vec<File>)> {
    let mut length = [0u8; 4];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(&mut length)];
    let got = recvmsg(stream, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?.bytes;
    if got == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut files = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            files.extend(descriptors.map(File::from));
        }
    }
    (&*stream).read_exact(&mut length[got..])?;
    let length = u32::from_be_bytes(length);
    if length > LONGEST {
        return Err(io::Error::other(format!("a frame of {length} bytes")));
    }
    let mut body = vec![0; length as usize];
    (&*stream).read_exact(&mut body)?;
    Ok((serde_json::from_slice(&body)?, files))
}

pub fn listen(path: &Path) -> io::Result<UnixListener> {
    let (_folder, short) = shorten(path)?;
    UnixListener::bind(short)
}

pub fn connect(path: &Path) -> io::Result<UnixStream> {
    let (_folder, short) = shorten(path)?;
    UnixStream::connect(short)
}

/// The same file by way of its open folder.
fn shorten(path: &Path) -> io::Result<(OwnedFd, PathBuf)> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let folder = OwnedFd::from(File::open(folder)?);
    let short = Path::new("/proc/self/fd")
        .join(folder.as_raw_fd().to_string())
        .join(name);
    Ok((folder, short))
}

/// Process id of whoever is at the other end, as this process sees it.
pub fn peer_pid(stream: &UnixStream) -> io::Result<i32> {
    Ok(rustix::net::sockopt::socket_peercred(stream.as_fd())?
        .pid
        .as_raw_nonzero()
        .get())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_arrives_with_the_files_that_were_sent_along() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"through the pipe").unwrap();
        drop(writer);
        send(&ours, &vec!["zfs", "list"], &[reader.as_fd()]).unwrap();
        let (document, mut files): (Vec<String>, _) = receive(&theirs).unwrap();
        assert_eq!(document, ["zfs", "list"]);
        let mut text = String::new();
        files.remove(0).read_to_string(&mut text).unwrap();
        assert_eq!(text, "through the pipe");
    }

    #[test]
    fn a_closed_connection_is_told_apart_from_a_document() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(ours);
        let error = receive::<String>(&theirs).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_socket_deeper_than_its_name_may_be_long_can_be_reached() {
        let temp = tempfile::tempdir().unwrap();
        let deep = temp.path().join("d".repeat(120));
        std::fs::create_dir(&deep).unwrap();
        let _listener = listen(&deep.join("socket")).unwrap();
        assert!(connect(&deep.join("socket")).is_ok());
    }
}
