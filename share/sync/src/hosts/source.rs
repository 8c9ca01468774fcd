// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! This headnode, pulled from: by itself, or through `serve` by another headnode.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use documents::{Timestamp, Uuid};
use platform::{Command, CommandError, Host, vmadm, zfs};
use serde_json::Value;

use super::bookmarks::Bookmarks;
use super::{command_failed, failed, manifests, pipe_failed, snapshot};
use crate::error::SyncError;
use crate::names;
use crate::snapshots::Snapshot;
use crate::transport::{Send, Since, Source, Stream};
use crate::usbkey;

/// On every snapshot that sync takes: whose it is, for people and for tools that remove old ones.
const OURS: [(&str, &str); 1] = [("triton:sync", "restore")];

/// This headnode, pulled from.
pub struct HostSource {
    server: Uuid,
    hostname: String,
    here: Host,
    /// What streams may have; asked when the first one is sent.
    options: OnceLock<zfs::StreamOptions>,
    bookmarks: Bookmarks,
}

impl HostSource {
    pub fn new(server: Uuid, hostname: &str, here: Host) -> HostSource {
        HostSource {
            server,
            hostname: hostname.to_owned(),
            bookmarks: Bookmarks::on(here.clone()),
            here,
            options: OnceLock::new(),
        }
    }

    /// `zfs send`, as well as this platform can.
    pub(crate) fn send_command(&self, send: &zfs::Send) -> Result<Command, SyncError> {
        send.command(self.options()?)
            .map_err(|why| SyncError::command("send a stream", why))
    }

    fn options(&self) -> Result<&zfs::StreamOptions, SyncError> {
        if let Some(options) = self.options.get() {
            return Ok(options);
        }
        let probed = zfs::StreamOptions::probe(&self.here);
        let probed = probed.map_err(|error| failed("ask what zfs send can", error))?;
        Ok(self.options.get_or_init(|| probed))
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
        let columns = zfs::SNAPSHOT_COLUMNS;
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

    fn since(&self, snapshots: &BTreeMap<String, String>) -> Result<Vec<Since>, SyncError> {
        let full = snapshots
            .iter()
            .map(|(dataset, name)| format!("{dataset}@{name}"));
        let full: Vec<String> = full.collect();
        let there = zfs::snapshots_named(&self.here, &full)
            .map_err(|error| failed("look at the newest snapshots that were sent", error))?;
        let there: Vec<Snapshot> = there.iter().map(|one| snapshot(one, 0)).collect();
        let written = self.written_since(&there)?;
        Ok(there
            .into_iter()
            .filter_map(|snapshot| {
                let written = *written.get(&snapshot.dataset)?;
                Some(Since { snapshot, written })
            })
            .collect())
    }

    fn sizes(&self, datasets: &[String]) -> Result<BTreeMap<String, u64>, SyncError> {
        self.numbers("referenced", datasets)
    }

    fn lineage(&self, datasets: &[String]) -> Result<BTreeMap<String, Vec<Snapshot>>, SyncError> {
        let properties = self.properties("origin", datasets)?;
        let mut lineage = BTreeMap::new();
        for property in &properties {
            // Only what was restored from a copy: images, which zones are clones of, are no line of data.
            let origin = property.set().and_then(|origin| origin.split_once('@'));
            let Some((parent, own)) = origin.filter(|(parent, _)| names::is_copy(parent)) else {
                continue;
            };
            let mut line = self.snapshots(&[parent.to_owned()])?;
            line.retain(|one| !one.bookmark);
            let last = line.iter().position(|one| one.name == own);
            line.truncate(last.map_or(0, |last| last + 1));
            lineage.insert(property.dataset.clone(), line);
        }
        Ok(lineage)
    }

    fn take_snapshots(&self, datasets: &[String], name: &str) -> Result<Vec<Snapshot>, SyncError> {
        let what = format!("take the snapshot {name} of {}", datasets.join(", "));
        let full: Vec<String> = datasets
            .iter()
            .map(|dataset| format!("{dataset}@{name}"))
            .collect();
        // Asked before the data is frozen: afterwards it only grows older.
        self.options()?;
        zfs::snapshot(&self.here, &full, &OURS).map_err(|error| failed(&what, error))?;
        let taken =
            zfs::snapshots_named(&self.here, &full).map_err(|error| failed(&what, error))?;
        match taken.len() == full.len() {
            true => Ok(taken.iter().map(|one| snapshot(one, 0)).collect()),
            false => Err(SyncError::command(
                what,
                "not all of them are there afterwards",
            )),
        }
    }

    fn bookmark(&self, dataset: &str, snapshot: &str, name: &str) -> Result<(), SyncError> {
        let full = format!("{dataset}@{snapshot}");
        zfs::bookmark(&self.here, &full, &format!("{dataset}#{name}"))
            .map_err(|error| failed(&format!("make a bookmark of {full}"), error))
    }

    fn remove_snapshot(&self, dataset: &str, name: &str) -> Result<(), SyncError> {
        super::remove_snapshot(&self.here, dataset, name)?;
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
        let from = self.send_command(&send)?;
        let to = zfs::receive(copy, false).map_err(invalid)?;
        self.here
            .pipe(&from, &self.here, &to)
            .map_err(|error| pipe_failed(&what, &error))?;
        match stream {
            Stream::New(send) => {
                self.bookmark_sent(&send.dataset, &send.snapshot);
                Ok(send.written)
            }
            // What was left of it nobody counted.
            Stream::Resume { .. } => Ok(0),
        }
    }
}

impl HostSource {
    /// Has a bookmark made of a snapshot that was sent.
    pub(crate) fn bookmark_sent(&self, dataset: &str, snapshot: &str) {
        self.bookmarks.ask(dataset, snapshot);
    }

    /// Bytes written to each of these snapshots' datasets since. One command: where a dataset has no snapshot of a name that
    /// another one's has, its answer is none.
    fn written_since(&self, snapshots: &[Snapshot]) -> Result<BTreeMap<String, u64>, SyncError> {
        if snapshots.is_empty() {
            return Ok(BTreeMap::new());
        }
        let of = |one: &Snapshot| format!("written@{}", one.name);
        let wanted: BTreeMap<&str, String> = snapshots
            .iter()
            .map(|one| (one.dataset.as_str(), of(one)))
            .collect();
        let names: BTreeSet<&str> = wanted.values().map(String::as_str).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let datasets: Vec<String> = wanted.keys().map(|&dataset| dataset.to_owned()).collect();
        let read = self.properties(&names.join(","), &datasets)?;
        Ok(read
            .into_iter()
            .filter(|read| wanted.get(read.dataset.as_str()) == Some(&read.name))
            .filter_map(|read| Some((read.dataset.clone(), read.set()?.parse().ok()?)))
            .collect())
    }

    /// A property that is a number, of many datasets. Where it does not apply the dataset is left out.
    fn numbers(
        &self,
        property: &str,
        datasets: &[String],
    ) -> Result<BTreeMap<String, u64>, SyncError> {
        let properties = self.properties(property, datasets)?;
        Ok(properties
            .into_iter()
            .filter_map(|property| {
                let number = property.set()?.parse().ok()?;
                Some((property.dataset, number))
            })
            .collect())
    }

    /// Properties of many datasets, by one command.
    fn properties(
        &self,
        names: &str,
        datasets: &[String],
    ) -> Result<Vec<zfs::Property>, SyncError> {
        let what = format!("read the property {names}");
        let columns = "name,property,value,source";
        let text = self.zfs(&what, &["get", "-Hp", "-o", columns, names], datasets)?;
        zfs::parse_get(&text).map_err(|why| SyncError::command(&what, why))
    }
}

/// The stream's command: incremental where there is a base.
fn stream_of(send: &Send) -> zfs::Send {
    let to = format!("{}@{}", send.dataset, send.snapshot);
    match &send.base {
        None => zfs::Send::Full { snapshot: to },
        Some(base) => zfs::Send::Increment {
            from: match base.bookmark {
                true => zfs::Base::Bookmark(format!("{}#{}", base.dataset, base.name)),
                false => zfs::Base::Snapshot(format!("{}@{}", base.dataset, base.name)),
            },
            to,
        },
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
