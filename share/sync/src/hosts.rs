// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! This headnode as both ends of a sync: as a source, for others and for itself, and the pool that copies are received into.

use std::collections::{BTreeMap, BTreeSet};

use documents::{Timestamp, Uuid};
use platform::{Command, CommandError, FailureKind, Host, PipeError, imgadm, vmadm, zfs};
use serde_json::Value;

use crate::error::SyncError;
use crate::names;
use crate::snapshots::{Copy, Snapshot};
use crate::transport::{Pool, Send, Source, Stream};
use crate::usbkey;

/// On every snapshot that sync takes: whose it is, for people and for tools that remove old ones.
const OURS: [(&str, &str); 1] = [("triton:sync", "restore")];

/// This headnode, pulled from.
pub struct HostSource {
    server: Uuid,
    hostname: String,
    here: Host,
}

impl HostSource {
    pub fn new(server: Uuid, hostname: &str, here: Host) -> HostSource {
        HostSource {
            server,
            hostname: hostname.to_owned(),
            here,
        }
    }

    /// `zfs` on the source for many datasets at once. A dataset that went away meanwhile costs us only itself.
    fn zfs(&self, what: &str, args: &[&str], datasets: &[String]) -> Result<String, SyncError> {
        for dataset in datasets {
            zfs::check_dataset(dataset).map_err(|why| SyncError::command(what, why))?;
        }
        let command = Command::new("zfs")
            .env("LC_ALL", "C")
            .args(args)
            .args(datasets);
        let output = self
            .here
            .run(&command)
            .map_err(|e| command_failed(what, &e))?;
        let gone_only = output
            .complaint()
            .lines()
            .all(|line| line.contains("dataset does not exist"));
        if !output.success() && !gone_only {
            let error = CommandError::of_output(&self.here, &command, &output);
            return Err(command_failed(what, &error));
        }
        Ok(output.text().into_owned())
    }
}

impl Source for HostSource {
    fn server(&self) -> Uuid {
        self.server
    }

    fn hostname(&self) -> &str {
        &self.hostname
    }

    fn zones(&self) -> Result<Vec<Value>, SyncError> {
        let zones = vmadm::lookup_json(&self.here, &[]);
        let zones = zones.map_err(|error| failed("list the zones", error))?;
        Ok(zones.into_iter().map(Value::Object).collect())
    }

    fn zone(&self, vm: Uuid) -> Result<Value, SyncError> {
        let what = format!("read the zone {vm}");
        match vmadm::get_json(&self.here, vm) {
            Ok(Some(zone)) => Ok(Value::Object(zone)),
            Ok(None) => Err(SyncError::command(what, "it is no longer there")),
            Err(error) => Err(failed(&what, error)),
        }
    }

    fn images(&self) -> Result<Vec<Value>, SyncError> {
        manifests(&self.here)
    }

    fn usbkey(&self) -> Result<Value, SyncError> {
        usbkey::read(&self.here)
    }

    fn snapshots(&self, datasets: &[String]) -> Result<Vec<Snapshot>, SyncError> {
        let what = "list the snapshots";
        let kinds = "snapshot,bookmark";
        let columns = "name,guid,creation,used,userrefs";
        let text = self.zfs(
            what,
            &[
                "list", "-Hp", "-t", kinds, "-o", columns, "-s", "creation", "-d", "1",
            ],
            datasets,
        )?;
        let invalid = |why| SyncError::command(what, why);
        let (bookmarks, snapshots): (Vec<&str>, Vec<&str>) =
            text.lines().partition(|line| is_bookmark(line));
        let snapshots = zfs::parse_snapshots(&lines(&snapshots)).map_err(invalid)?;
        let bookmarks: Vec<_> = bookmarks.iter().map(|line| without_sizes(line)).collect();
        let bookmarks: Vec<&str> = bookmarks.iter().map(String::as_str).collect();
        let bookmarks = zfs::parse_bookmarks(&lines(&bookmarks)).map_err(invalid)?;
        let snapshots = snapshots.iter().map(|one| snapshot(one, 0));
        let mut all: Vec<Snapshot> = snapshots.chain(bookmarks.iter().map(bookmark)).collect();
        // Stable: snapshots of one second stay in their order.
        all.sort_by_key(|one| one.taken_at);
        Ok(all)
    }

    fn written_since(
        &self,
        snapshot: &str,
        datasets: &[String],
    ) -> Result<BTreeMap<String, u64>, SyncError> {
        self.numbers(&format!("written@{snapshot}"), datasets)
    }

    fn sizes(&self, datasets: &[String]) -> Result<BTreeMap<String, u64>, SyncError> {
        self.numbers("referenced", datasets)
    }

    fn take_snapshot(&self, dataset: &str, name: &str) -> Result<Snapshot, SyncError> {
        let full = format!("{dataset}@{name}");
        let what = format!("take the snapshot {full}");
        zfs::snapshot(&self.here, &full, &OURS).map_err(|error| failed(&what, error))?;
        zfs::bookmark(&self.here, &full, &format!("{dataset}#{name}"))
            .map_err(|error| failed(&what, error))?;
        let taken = zfs::snapshot_named(&self.here, &full);
        match taken.map_err(|error| failed(&what, error))? {
            Some(taken) => Ok(snapshot(&taken, 0)),
            None => Err(SyncError::command(what, "it is gone again")),
        }
    }

    fn remove_snapshot(&self, dataset: &str, name: &str) -> Result<(), SyncError> {
        remove_snapshot(&self.here, dataset, name)?;
        let bookmark = format!("{dataset}#{name}");
        zfs::destroy_bookmark(&self.here, &bookmark)
            .map_err(|error| failed(&format!("remove the old bookmark {bookmark}"), error))
    }

    fn send(&self, stream: &Stream, copy: &str) -> Result<u64, SyncError> {
        let (dataset, send) = match stream {
            Stream::New(send) => (&send.dataset, stream_of(send)),
            Stream::Resume { dataset, token } => {
                let token = token.clone();
                (dataset, zfs::Send::Resume { token })
            }
        };
        let what = format!("send {dataset} from {} into {copy}", self.hostname);
        let invalid = |why| SyncError::command(&what, why);
        let from = send.command().map_err(invalid)?;
        let to = zfs::receive(copy, false).map_err(invalid)?;
        self.here
            .pipe(&from, &self.here, &to)
            .map_err(|error| pipe_failed(&what, &error))
    }
}

impl HostSource {
    /// A property that is a number, of many datasets. Where it does not apply the dataset is left out.
    fn numbers(
        &self,
        property: &str,
        datasets: &[String],
    ) -> Result<BTreeMap<String, u64>, SyncError> {
        let what = format!("read the property {property}");
        let columns = "name,property,value,source";
        let text = self.zfs(&what, &["get", "-Hp", "-o", columns, property], datasets)?;
        let properties = zfs::parse_get(&text).map_err(|why| SyncError::command(&what, why))?;
        Ok(properties
            .into_iter()
            .filter_map(|property| {
                let number = property.set()?.parse().ok()?;
                Some((property.dataset, number))
            })
            .collect())
    }
}

/// The stream's command: incremental where there is a base.
fn stream_of(send: &Send) -> zfs::Send {
    let to = format!("{}@{}", send.dataset, send.snapshot);
    match &send.base {
        None => zfs::Send::Full { snapshot: to },
        Some(base) => zfs::Send::Increment {
            from: match base.bookmark {
                true => zfs::Base::Bookmark(format!("{}#{}", send.dataset, base.name)),
                false => zfs::Base::Snapshot(format!("{}@{}", send.dataset, base.name)),
            },
            to,
        },
    }
}

/// The pool of this headnode.
pub struct HostPool {
    here: Host,
}

impl HostPool {
    pub fn new(here: Host) -> HostPool {
        HostPool { here }
    }
}

impl Pool for HostPool {
    fn prepare(&self, server: Uuid) -> Result<(), SyncError> {
        let off = [
            ("canmount", "off"),
            ("mountpoint", "none"),
            ("readonly", "on"),
        ];
        let root = documents::restore_data::CONTAINER;
        for name in [root, &names::container(server)] {
            let what = format!("make the dataset {name}");
            let there = zfs::dataset(&self.here, name).map_err(|error| failed(&what, error))?;
            if there.is_none() {
                zfs::create(&self.here, name, &off, false).map_err(|error| failed(&what, error))?;
            }
        }
        Ok(())
    }

    fn copies(&self, server: Uuid) -> Result<Vec<Copy>, SyncError> {
        let what = "list the copies";
        let container = names::container(server);
        let datasets = zfs::list(&self.here).map_err(|error| failed(what, error))?;
        let snapshots = zfs::snapshot_tree(&self.here, &container);
        let snapshots = snapshots.map_err(|error| failed(what, error))?;
        let origins: BTreeSet<&str> = datasets
            .iter()
            .filter_map(|dataset| dataset.origin.as_deref())
            .collect();
        let below = format!("{container}/");
        let copies = datasets.iter().filter(|d| d.name.starts_with(&below));
        Ok(copies
            .map(|dataset| copy(dataset, &snapshots, &origins))
            .collect())
    }

    fn copy(&self, name: &str) -> Result<Option<Copy>, SyncError> {
        let what = format!("look at the copy {name}");
        let there = zfs::dataset(&self.here, name).map_err(|error| failed(&what, error))?;
        let Some(dataset) = there else {
            return Ok(None);
        };
        let snapshots = zfs::snapshots(&self.here, name).map_err(|error| failed(&what, error))?;
        Ok(Some(copy(&dataset, &snapshots, &BTreeSet::new())))
    }

    fn free(&self) -> Result<u64, SyncError> {
        let what = "ask how much room the pool has";
        let pool = zfs::dataset(&self.here, "zones").map_err(|error| failed(what, error))?;
        pool.map(|pool| pool.avail)
            .ok_or_else(|| SyncError::command(what, "there is no pool zones"))
    }

    fn put_aside(&self, copy: &str, to: &str) -> Result<(), SyncError> {
        zfs::rename(&self.here, copy, to)
            .map_err(|error| failed(&format!("rename {copy} aside to {to}"), error))
    }

    fn abort_receive(&self, copy: &str) -> Result<(), SyncError> {
        zfs::receive_abort(&self.here, copy)
            .map_err(|error| failed(&format!("give up the receive of {copy}"), error))
    }

    fn remove_snapshot(&self, dataset: &str, name: &str) -> Result<(), SyncError> {
        remove_snapshot(&self.here, dataset, name)
    }

    fn images(&self) -> Result<Vec<Uuid>, SyncError> {
        let manifests = manifests(&self.here)?;
        Ok(manifests
            .iter()
            .filter_map(|manifest| manifest["uuid"].as_str()?.parse().ok())
            .collect())
    }

    fn import_image(&self, image: Uuid) -> Result<(), SyncError> {
        imgadm::import(&self.here, image)
            .map_err(|error| failed(&format!("import the image {image}"), error))
    }
}

/// Manifests of installed images.
fn manifests(host: &Host) -> Result<Vec<Value>, SyncError> {
    let what = "list the images";
    let images = imgadm::list(host).map_err(|error| failed(what, error))?;
    let manifests = images
        .iter()
        .map(|image| serde_json::to_value(&image.manifest));
    let manifests: Result<Vec<Value>, _> = manifests.collect();
    manifests.map_err(|error| SyncError::command(what, error))
}

/// The newest snapshot of a copy is all that it refers to, as nobody writes to it.
fn copy(dataset: &zfs::Dataset, all: &[zfs::Snapshot], origins: &BTreeSet<&str>) -> Copy {
    let snapshots = all.iter().filter(|one| one.dataset() == dataset.name);
    Copy {
        dataset: dataset.name.clone(),
        written: dataset.written,
        resume: dataset.receive_resume_token.clone(),
        snapshots: snapshots
            .map(|one| {
                let mut snapshot = snapshot(one, dataset.refer);
                snapshot.needed |= origins.contains(one.name.as_str());
                snapshot
            })
            .collect(),
    }
}

fn snapshot(listed: &zfs::Snapshot, bytes: u64) -> Snapshot {
    Snapshot {
        dataset: listed.dataset().to_owned(),
        name: listed.own_name().to_owned(),
        guid: listed.guid.to_string(),
        taken_at: Timestamp::from_millis(listed.creation.saturating_mul(1000)),
        bytes,
        needed: listed.userrefs > 0,
        bookmark: false,
    }
}

/// What is left of a snapshot to send from.
fn bookmark(listed: &zfs::Bookmark) -> Snapshot {
    let (dataset, name) = listed.name.split_once('#').unwrap_or((&listed.name, ""));
    Snapshot {
        dataset: dataset.to_owned(),
        name: name.to_owned(),
        guid: listed.guid.to_string(),
        taken_at: Timestamp::from_millis(listed.creation.saturating_mul(1000)),
        bytes: 0,
        needed: false,
        bookmark: true,
    }
}

/// True for a line of `zfs list` that is of a bookmark: a snapshot's name can't hold a `#`, a bookmark's no `@`.
fn is_bookmark(line: &str) -> bool {
    let name = line.split('\t').next().unwrap_or(line);
    name.contains('#') && !name.contains('@')
}

/// The columns that a bookmark has: it uses nothing, and nothing holds it.
fn without_sizes(line: &str) -> String {
    line.split('\t').take(3).collect::<Vec<_>>().join("\t")
}

fn lines(all: &[&str]) -> String {
    all.iter().flat_map(|line| [line, "\n"]).collect()
}

fn remove_snapshot(host: &Host, dataset: &str, name: &str) -> Result<(), SyncError> {
    let full = format!("{dataset}@{name}");
    zfs::destroy_snapshot(host, &full)
        .map_err(|error| failed(&format!("remove the old snapshot {full}"), error))
}

pub(crate) fn failed(what: &str, error: platform::Error) -> SyncError {
    match &error {
        platform::Error::Command(command) => command_failed(what, command),
        _ => SyncError::command(what, error),
    }
}

pub(crate) fn command_failed(what: &str, error: &CommandError) -> SyncError {
    match error.kind() {
        FailureKind::Unreachable => SyncError::Unreachable {
            host: error.host().to_owned(),
            why: error.stderr().trim().to_owned(),
        },
        _ => SyncError::command(what, error),
    }
}

fn pipe_failed(what: &str, error: &PipeError) -> SyncError {
    let sides = [&error.from, &error.to];
    let away = sides
        .into_iter()
        .flatten()
        .find(|side| side.kind() == FailureKind::Unreachable);
    match away {
        Some(side) => command_failed(what, side),
        None => SyncError::command(what, error),
    }
}
