// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The answering end of a sync: `triton-sync-data serve`, the one command that another headnode's sync key may run here. It
//! answers the requests of [`protocol`] and nothing else; what else is asked is refused and logged.

mod guard;
pub mod pieces;
pub mod protocol;
mod refusals;

use std::io::{self, BufReader, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use documents::Uuid;
use documents::restore_data::FOLDER;
use platform::{Host, end_all_children, zfs};
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::SyncError;
use crate::files;
use crate::headnodes::ThisHeadnode;
use crate::hosts::HostSource;
use crate::run::Services;
use crate::transport::Source;
use guard::Guard;
use pieces::{Spare, read_ahead};
use protocol::{Answer, BEAT, Cursor, Frame, Request, SILENCE, VERSION};
pub use refusals::LOG;
use refusals::Refusals;

/// Touched by a poke: the loop of `--every` pulls as soon as it sees it.
pub const POKE: &str = "/var/sdcadm/svc-restore-data/.pull-now";

/// Why a request got no `ok`.
enum Denied {
    Refused(String),
    Failed(String),
}

impl From<SyncError> for Denied {
    fn from(error: SyncError) -> Denied {
        Denied::Failed(error.to_string())
    }
}

/// The answering end, for one connection.
pub struct Server {
    pub host: Host,
    /// The headnode that asks: it may touch its own snapshots and no others.
    pub target: Uuid,
    /// Services whose delegate dataset may be had.
    pub services: Services,
}

/// What both threads that write share.
type Out<W> = Arc<Mutex<W>>;

struct Conversation<'a, W: Write> {
    server: &'a Server,
    this: ThisHeadnode,
    source: HostSource,
    guard: Guard,
    refusals: Refusals,
    spare: Spare,
    out: Out<W>,
    stop: Arc<AtomicBool>,
}

impl Server {
    /// Answers until the asking end hangs up or falls silent.
    pub fn run(
        &self,
        input: impl Read + Send + 'static,
        output: impl Write + Send + 'static,
    ) -> Result<(), SyncError> {
        let this = ThisHeadnode::look(&self.host)?;
        let out = Arc::new(Mutex::new(output));
        let stop = Arc::new(AtomicBool::new(false));
        let requests = listen(input, Arc::clone(&stop));
        beat(Arc::clone(&out));
        let mut conversation = Conversation {
            source: HostSource::new(this.uuid, &this.hostname, self.host.clone()),
            guard: Guard::new(self.target, this.admin_owner, self.services.clone()),
            refusals: Refusals::new(self.host.path(LOG), self.target),
            spare: Spare::default(),
            server: self,
            this,
            out,
            stop,
        };
        for request in requests {
            if conversation.answer(request).is_err() {
                // Nobody hears us any more.
                break;
            }
        }
        // It makes the last bookmarks although nobody waits for them.
        drop(conversation);
        end_all_children();
        Ok(())
    }
}

/// Reads requests in a thread of its own: a stop must be heard while a stream is sent. When the asking end is gone so are
/// the commands that run for it.
fn listen(
    input: impl Read + Send + 'static,
    stop: Arc<AtomicBool>,
) -> Receiver<Result<Request, String>> {
    let (tell, told) = mpsc::sync_channel(8);
    let heard = Arc::new(Mutex::new(Instant::now()));
    let last = Arc::clone(&heard);
    thread::spawn(move || {
        let mut input = BufReader::new(input);
        while let Ok(Some(request)) = protocol::read_request(&mut input) {
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            match request {
                Ok(Request::Beat {}) => {}
                Ok(Request::Stop {}) => stop.store(true, Ordering::SeqCst),
                request => {
                    if tell.send(request).is_err() {
                        return;
                    }
                }
            }
        }
        stop.store(true, Ordering::SeqCst);
        // The one who answers may be waiting for a command whose result nobody wants any more.
        drop(tell);
        end_all_children();
    });
    thread::spawn(move || {
        loop {
            thread::sleep(BEAT);
            let silent = heard
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .elapsed();
            if silent > SILENCE {
                end_all_children();
                std::process::exit(1);
            }
        }
    });
    told
}

fn beat<W: Write + Send + 'static>(out: Out<W>) {
    thread::spawn(move || {
        loop {
            thread::sleep(BEAT);
            let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
            if Frame::Beat.write(&mut *out).is_err() {
                return;
            }
        }
    });
}

impl<W: Write> Conversation<'_, W> {
    fn answer(&mut self, request: Result<Request, String>) -> io::Result<()> {
        let (asked, outcome) = match request {
            Err(why) => (
                "a line that is no request".to_owned(),
                Err(Denied::Refused(why)),
            ),
            Ok(request) => {
                let asked = serde_json::to_string(&request).unwrap_or_default();
                let outcome = self.obey(request);
                (asked, outcome)
            }
        };
        let answer = match outcome {
            Ok(value) => Answer::Ok(value),
            Err(Denied::Failed(why)) => Answer::Failed(why),
            Err(Denied::Refused(why)) => {
                self.refusals.note(&asked, &why);
                Answer::Refused(why)
            }
        };
        self.say(&Frame::Answer(answer))
    }

    fn say(&self, frame: &Frame) -> io::Result<()> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        frame.write(&mut *out)
    }

    fn obey(&mut self, request: Request) -> Result<Value, Denied> {
        match request {
            Request::Hello { version } => self.hello(version),
            Request::Zones {} => {
                let zones = self.guard.learn(self.source.zones()?);
                Ok(Value::Array(zones))
            }
            Request::Zone { vm } => {
                self.zones()?.core(vm).map_err(Denied::Refused)?;
                Ok(self.source.zone(vm)?)
            }
            Request::Images {} => {
                let manifests = self.source.images()?;
                let zones = self.zones()?.all();
                Ok(Value::Array(crate::images::needed(zones, &manifests)))
            }
            Request::Usbkey {} => Ok(self.source.usbkey()?),
            Request::Snapshots { vms } => {
                let datasets = self.datasets(&vms)?;
                json(&self.source.snapshots(&datasets)?)
            }
            Request::Since { snapshots } => {
                let guard = self.zones()?;
                let named = snapshots.into_iter().map(|(vm, name)| {
                    guard.any_syncs(&name)?;
                    Ok((guard.dataset(vm)?, name))
                });
                let named = named.collect::<Result<_, String>>();
                json(&self.source.since(&named.map_err(Denied::Refused)?)?)
            }
            Request::Sizes { vms } => {
                let datasets = self.datasets(&vms)?;
                json(&self.source.sizes(&datasets)?)
            }
            Request::Lineage { vms } => {
                let datasets = self.datasets(&vms)?;
                json(&self.source.lineage(&datasets)?)
            }
            Request::TakeSnapshots { vms, name } => {
                self.guard.ours(&name).map_err(Denied::Refused)?;
                let datasets = self.datasets(&vms)?;
                json(&self.source.take_snapshots(&datasets, &name)?)
            }
            Request::Bookmark { vm, snapshot, name } => {
                let dataset = self.dataset_and_ours(vm, &name)?;
                self.guard.any_syncs(&snapshot).map_err(Denied::Refused)?;
                self.source.bookmark(&dataset, &snapshot, &name)?;
                Ok(Value::Null)
            }
            Request::RemoveSnapshot { vm, name } => {
                let dataset = self.dataset_and_ours(vm, &name)?;
                self.source.remove_snapshot(&dataset, &name)?;
                Ok(Value::Null)
            }
            Request::Send { vm, snapshot, base } => {
                self.guard.any_syncs(&snapshot).map_err(Denied::Refused)?;
                let dataset = self.zones()?.dataset(vm).map_err(Denied::Refused)?;
                let to = format!("{dataset}@{snapshot}");
                let from = base.map(|base| self.base_of(&dataset, base)).transpose()?;
                let sent = self.stream(match from {
                    None => zfs::Send::Full { snapshot: to },
                    Some(from) => zfs::Send::Increment { from, to },
                })?;
                if self.guard.ours(&snapshot).is_ok() {
                    self.source.bookmark_sent(&dataset, &snapshot);
                }
                Ok(sent)
            }
            Request::Resume { vm, token } => {
                let dataset = self.zones()?.dataset(vm).map_err(Denied::Refused)?;
                self.may_resume(&dataset, &token)?;
                self.stream(zfs::Send::Resume { token })
            }
            Request::Fences {} => {
                let fences = quorum::copies::all(&self.server.host);
                json(&fences.map_err(|error| Denied::Failed(error.to_string()))?)
            }
            Request::Poke {} => {
                let path = self.server.host.path(POKE);
                files::make_private_folder(&self.server.host.path(FOLDER))?;
                files::touch(&path)?;
                Ok(Value::Null)
            }
            // Both are heard by the thread that listens.
            Request::Stop {} | Request::Beat {} => Ok(Value::Null),
        }
    }

    fn hello(&self, version: u32) -> Result<Value, Denied> {
        if version != VERSION {
            return Err(Denied::Refused(format!(
                "version {version} of the protocol is asked for, this end speaks {VERSION}: install the same release on both"
            )));
        }
        Ok(json!({
            "server": self.this.uuid, "hostname": self.this.hostname, "datacenter": self.this.datacenter,
            "version": VERSION,
        }))
    }

    /// What may be had; asked of `vmadm` where it is not known yet.
    fn zones(&mut self) -> Result<&Guard, Denied> {
        if !self.guard.knows() {
            self.guard.learn(self.source.zones()?);
        }
        Ok(&self.guard)
    }

    fn datasets(&mut self, vms: &[Uuid]) -> Result<Vec<String>, Denied> {
        let guard = self.zones()?;
        let datasets = vms.iter().map(|vm| guard.dataset(*vm));
        datasets.collect::<Result<_, _>>().map_err(Denied::Refused)
    }

    fn dataset_and_ours(&mut self, vm: Uuid, snapshot: &str) -> Result<String, Denied> {
        self.guard.ours(snapshot).map_err(Denied::Refused)?;
        self.zones()?.dataset(vm).map_err(Denied::Refused)
    }

    /// What a stream may begin from.
    fn base_of(&self, dataset: &str, base: Cursor) -> Result<zfs::Base, Denied> {
        let (Cursor::Snapshot(name) | Cursor::Bookmark(name) | Cursor::Origin(name)) = &base;
        self.guard.any_syncs(name).map_err(Denied::Refused)?;
        Ok(match base {
            Cursor::Snapshot(name) => zfs::Base::Snapshot(format!("{dataset}@{name}")),
            Cursor::Bookmark(name) => zfs::Base::Bookmark(format!("{dataset}#{name}")),
            Cursor::Origin(name) => {
                let lineage = self.source.lineage(&[dataset.to_owned()])?;
                let line = lineage.get(dataset).map_or(&[][..], Vec::as_slice);
                let origin = line.iter().find(|one| one.name == name).ok_or_else(|| {
                    Denied::Refused(format!("{dataset} does not descend from a snapshot {name}"))
                })?;
                zfs::Base::Snapshot(format!("{}@{name}", origin.dataset))
            }
        })
    }

    /// A token names what it is of only to ZFS: ZFS is asked.
    fn may_resume(&self, dataset: &str, token: &str) -> Result<(), Denied> {
        let send = zfs::Send::Resume {
            token: token.to_owned(),
        };
        let what = "go on with a stream that was cut off";
        let of = zfs::token_snapshot(&self.server.host, &send)
            .map_err(|error| Denied::Failed(format!("can't {what}: {error}")))?;
        match of.split_once('@') {
            Some((of, snapshot)) if of == dataset => {
                self.guard.any_syncs(snapshot).map_err(Denied::Refused)
            }
            _ => Err(Denied::Refused(format!(
                "the token is of {of}, which is not asked for"
            ))),
        }
    }

    /// Sends a stream; the answer says how many bytes it had.
    fn stream(&mut self, send: zfs::Send) -> Result<Value, Denied> {
        self.stop.store(false, Ordering::SeqCst);
        let command = self.source.send_command(&send)?;
        let failed = |error: &dyn std::fmt::Display| Denied::Failed(error.to_string());
        let mut sending = self
            .server
            .host
            .listen_to(command.clone())
            .map_err(|error| failed(&error))?;
        let mut sent = 0;
        let mut heard = Ok(());
        if let Some(output) = sending.output.take() {
            for piece in read_ahead(output, self.spare.clone()) {
                if self.stop.load(Ordering::SeqCst) {
                    heard = Err("the asking end stopped it".to_owned());
                    break;
                }
                let piece = piece.map_err(|error| failed(&error))?;
                sent += piece.len();
                let frame = Frame::Data(piece);
                if let Err(error) = self.say(&frame) {
                    heard = Err(error.to_string());
                    break;
                }
                frame.used(&self.spare);
            }
        }
        let output = sending.finish().map_err(|error| failed(&error))?;
        heard.map_err(Denied::Failed)?;
        match output.success() {
            true => Ok(json!({ "bytes": sent })),
            false => Err(Denied::Failed(output.complaint().trim().to_owned())),
        }
    }
}

fn json(value: &impl Serialize) -> Result<Value, Denied> {
    serde_json::to_value(value).map_err(|error| Denied::Failed(error.to_string()))
}
