// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `triton-usbkey-image sync`: other headnodes' media and `/usbkey` in line with this one's. Only files that differ travel, as an
//! archive, and `triton-usbkey-image write` over there puts them in their places as it does by hand.

use std::fs::File;

use cli::{Common, Exit, Failure, confirm, output};
use platform::usbkey::{config, with_medium};
use platform::{Command, Host};
use serde::Serialize;
use tempfile::NamedTempFile;
use usbkey::{Effort, Manifest, Place, Tree, to_send, write_tgz};

use crate::arguments::Sync;
use crate::failure;
use crate::peers::{self, Held, Peer};

/// The network is slower than this, and platforms are compressed already.
const LEVEL: u32 = 1;

/// What one headnode is to be sent.
#[derive(Serialize)]
struct Parcel {
    kind: &'static str,
    headnode: String,
    /// To its medium, and as the next boot would to its `/usbkey`.
    medium: Vec<String>,
    /// To its `/usbkey` alone.
    usbkey: Vec<String>,
    bytes: u64,
}

pub fn run(common: &Common, sync: &Sync) -> Result<Exit, Failure> {
    let others = peers::others(common, &sync.peers, &sync.headnodes)?;
    let here = peers::held_here(common)?;
    let mut ready = Vec::new();
    let mut all = true;
    for peer in &others {
        match parcel(common, &here, peer) {
            Ok(parcel) => ready.push((peer, parcel)),
            Err(why) => {
                eprintln!("triton-usbkey-image: {}: {}", peer.hostname, why.message);
                all = false;
            }
        }
    }
    if !sync.plan {
        ask(&ready, sync.yes)?;
    }
    for (peer, mut parcel) in ready {
        if !sync.plan {
            parcel.kind = "triton.usbkey-sync/1";
            if let Err(why) = send(common, peer, &parcel) {
                eprintln!("triton-usbkey-image: {}: {}", peer.hostname, why.message);
                all = false;
                continue;
            }
        }
        output::json_line(&parcel)?;
    }
    Ok(match all {
        true => Exit::Done,
        false => Exit::Failed,
    })
}

fn ask(ready: &[(&Peer, Parcel)], yes: bool) -> Result<(), Failure> {
    let mut question = String::new();
    for (peer, parcel) in ready {
        let files = parcel.medium.len() + parcel.usbkey.len();
        if files > 0 {
            let mib = parcel.bytes.div_ceil(1 << 20);
            question += &format!("{}: {files} files, {mib} MiB\n", peer.hostname);
        }
    }
    match question.is_empty() {
        true => Ok(()),
        false => confirm::confirm(&format!("{question}send and write these?"), yes),
    }
}

/// What differs there, once it is sure that it is a headnode of this datacenter.
fn parcel(common: &Common, here: &Held, peer: &Peer) -> Result<Parcel, Failure> {
    is_of_this_datacenter(
        &Host::local(&common.root),
        peer.host().map_err(Failure::failed)?,
    )?;
    let there = peer.held().map_err(Failure::failed)?;
    let medium = to_send(&here.medium, &there.medium);
    let mut usbkey = to_send(&here.copy, &there.copy);
    usbkey.retain(|path| !comes_with(&medium, path, here));
    let bytes = bytes(&here.medium, &medium) + bytes(&here.copy, &usbkey);
    Ok(Parcel {
        kind: "triton.usbkey-sync-preview/1",
        headnode: peer.hostname.clone(),
        medium,
        usbkey,
        bytes,
    })
}

/// Writing the medium writes the copy, too.
fn comes_with(medium: &[String], path: &str, here: &Held) -> bool {
    let sent = medium.iter().filter_map(|sent| here.medium.get(sent));
    sent.filter(|sent| Place::Copy.name_of(&sent.path).as_deref() == Some(path))
        .any(|sent| {
            let ours = here.copy.get(path);
            ours.is_some_and(|ours| ours.sha256 == sent.sha256)
        })
}

fn bytes(manifest: &Manifest, paths: &[String]) -> u64 {
    let entries = paths.iter().filter_map(|path| manifest.get(path));
    entries.map(|entry| entry.size).sum()
}

fn is_of_this_datacenter(here: &Host, there: &Host) -> Result<(), Failure> {
    let name = |host: &Host| -> Result<Option<String>, Failure> {
        let config = config(host).map_err(Failure::failed)?;
        Ok(config.get("datacenter_name").map(str::to_owned))
    };
    let (ours, theirs) = (name(here)?, name(there)?);
    match ours.is_some() && ours == theirs {
        true => Ok(()),
        false => Err(Failure::refused(format!(
            "it is of datacenter {}, and this headnode is of {}; nothing was sent to it",
            theirs.as_deref().unwrap_or("(none)"),
            ours.as_deref().unwrap_or("(none)"),
        ))),
    }
}

/// First the medium, which is the master of the copy.
fn send(common: &Common, peer: &Peer, parcel: &Parcel) -> Result<(), Failure> {
    let here = Host::local(&common.root);
    let there = peer.host().map_err(Failure::failed)?;
    if !parcel.medium.is_empty() {
        let packed = with_medium(&here, |mounted| {
            Ok(packed(common, &here.path(mounted), &parcel.medium))
        });
        hand_over(&packed.map_err(Failure::failed)??, &here, there, &[])?;
    }
    if !parcel.usbkey.is_empty() {
        let packed = packed(common, &here.path(peers::COPY), &parcel.usbkey)?;
        hand_over(&packed, &here, there, &["--copy"])?;
    }
    Ok(())
}

/// The named files of a folder as an archive, in a file that goes with its last use.
fn packed(
    common: &Common,
    folder: &std::path::Path,
    paths: &[String],
) -> Result<NamedTempFile, Failure> {
    let all = Tree::of_folder(folder).map_err(failure)?;
    let mut tree = Tree::default();
    for path in paths {
        let gone = || Failure::failed(format!("{path} went away from {}", folder.display()));
        tree.put(path, all.get(path).ok_or_else(gone)?.clone());
    }
    let below = common.root.join("var/tmp");
    let file = NamedTempFile::with_prefix_in(".triton-usbkey-image-", &below).map_err(|error| {
        Failure::failed(format!(
            "can't pack what is to be sent in {}: {error}",
            below.display()
        ))
    })?;
    let out: File = file.as_file().try_clone()?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let effort = Effort {
        level: LEVEL,
        threads,
    };
    write_tgz(&tree, out, effort).map_err(failure)?;
    Ok(file)
}

fn hand_over(
    packed: &NamedTempFile,
    here: &Host,
    there: &Host,
    flags: &[&str],
) -> Result<(), Failure> {
    let from = Command::new("cat").arg(packed.path());
    let to = Command::new("triton-usbkey-image")
        .args(["write", "--yes"])
        .args(flags)
        .arg("-");
    here.pipe(&from, there, &to).map_err(|error| {
        Failure::failed(format!(
            "{error}. What was written there is whole; the same command again goes on"
        ))
    })
}
