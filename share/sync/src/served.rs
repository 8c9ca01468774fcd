// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Another headnode as a source: each question is a request to its `triton-sync-data serve`, all over one connection.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use documents::Uuid;
use platform::{Command, Dialogue, Host, zfs};
use quorum::Fence;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::connection::Connection;
use crate::error::SyncError;
use crate::serve::protocol::{Answer, Cursor, Frame, Request, VERSION};
use crate::snapshots::Snapshot;
use crate::transport::{Since, Source, Stream};

pub struct ServedSource {
    server: Uuid,
    hostname: String,
    here: Host,
    /// Bytes a second that streams may take; none for all there is.
    limit_rate: Option<u64>,
    connection: Mutex<Connection>,
}

impl ServedSource {
    /// Connects, and asks which server it is.
    pub fn connect(
        there: &Host,
        program: &str,
        target: Uuid,
        here: Host,
        limit_rate: Option<u64>,
    ) -> Result<ServedSource, SyncError> {
        // Where our key is tied to `serve`, what we ask to run is ignored; where an operator's is used, it is run.
        let command = Command::new(program)
            .args(["serve", "--for", &target.to_string()])
            .alone();
        let mut connection = Connection::open(there, command)?;
        let hello = connection.ask("greet the other end", &Request::Hello { version: VERSION })?;
        let text = |key: &str| hello[key].as_str().unwrap_or_default().to_owned();
        let server = text("server").parse().map_err(|_| {
            SyncError::command("greet the other end", "it did not say which server it is")
        })?;
        Ok(ServedSource {
            server,
            hostname: text("hostname"),
            here,
            limit_rate,
            connection: Mutex::new(connection),
        })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, what: &str, request: &Request) -> Result<Value, SyncError> {
        self.connection().ask(what, request)
    }

    fn ask_for<T: DeserializeOwned>(&self, what: &str, request: &Request) -> Result<T, SyncError> {
        let answer = self.ask(what, request)?;
        serde_json::from_value(answer).map_err(|error| {
            SyncError::command(what, format!("{} answers: {error}", self.hostname))
        })
    }

    /// Which servers were declared dead, as it knows.
    pub fn fences(&self) -> Result<Vec<Fence>, SyncError> {
        self.ask_for("ask which servers were declared dead", &Request::Fences {})
    }

    pub fn poke(&self) -> Result<(), SyncError> {
        self.ask("ask it to pull", &Request::Poke {}).map(drop)
    }

    /// Feeds the receive until the answer comes; returns it, and how many bytes came before.
    fn feed(
        &self,
        connection: &mut Connection,
        receive: &mut Dialogue,
    ) -> Result<(Answer, u64), SyncError> {
        let mut into = receive.input.take();
        let began = Instant::now();
        let mut moved = 0;
        loop {
            match connection.next()? {
                Frame::Answer(answer) => return Ok((answer, moved)),
                Frame::Beat => {}
                Frame::Data(piece) => {
                    moved += piece.len() as u64;
                    let written = into.as_mut().map(|into| into.write_all(&piece));
                    if let Some(Err(_)) = written {
                        // The receive has ended, and says why: what is on its way is thrown away.
                        into = None;
                        connection.send(&Request::Stop {})?;
                    }
                    Frame::Data(piece).used(&connection.spare);
                    self.keep_to_the_limit(began, moved);
                }
            }
        }
    }

    fn keep_to_the_limit(&self, began: Instant, moved: u64) {
        let Some(limit) = self.limit_rate.filter(|limit| *limit > 0) else {
            return;
        };
        let due = Duration::from_secs_f64(moved as f64 / limit as f64);
        thread::sleep(due.saturating_sub(began.elapsed()));
    }
}

/// The zone that a delegate dataset is of.
fn vm_of(dataset: &str) -> Result<Uuid, SyncError> {
    let vm = dataset
        .strip_prefix("zones/")
        .and_then(|rest| rest.strip_suffix("/data")?.parse().ok());
    vm.ok_or_else(|| SyncError::command(format!("ask for {dataset}"), "it is no delegate dataset"))
}

fn vms_of(datasets: &[String]) -> Result<Vec<Uuid>, SyncError> {
    datasets.iter().map(|dataset| vm_of(dataset)).collect()
}

impl Source for ServedSource {
    fn server(&self) -> Uuid {
        self.server
    }

    fn hostname(&self) -> &str {
        &self.hostname
    }

    fn zones(&self) -> Result<Vec<Value>, SyncError> {
        self.ask_for("list the zones", &Request::Zones {})
    }

    fn zone(&self, vm: Uuid) -> Result<Value, SyncError> {
        self.ask(&format!("read the zone {vm}"), &Request::Zone { vm })
    }

    fn images(&self) -> Result<Vec<Value>, SyncError> {
        self.ask_for("list the images", &Request::Images {})
    }

    fn usbkey(&self) -> Result<Value, SyncError> {
        self.ask("read /usbkey", &Request::Usbkey {})
    }

    fn snapshots(&self, datasets: &[String]) -> Result<Vec<Snapshot>, SyncError> {
        let vms = vms_of(datasets)?;
        self.ask_for("list the snapshots", &Request::Snapshots { vms })
    }

    fn since(&self, snapshots: &BTreeMap<String, String>) -> Result<Vec<Since>, SyncError> {
        let snapshots = snapshots
            .iter()
            .map(|(dataset, name)| Ok((vm_of(dataset)?, name.clone())))
            .collect::<Result<_, SyncError>>()?;
        self.ask_for("ask what was written", &Request::Since { snapshots })
    }

    fn sizes(&self, datasets: &[String]) -> Result<BTreeMap<String, u64>, SyncError> {
        let vms = vms_of(datasets)?;
        self.ask_for("ask for sizes", &Request::Sizes { vms })
    }

    fn lineage(&self, datasets: &[String]) -> Result<BTreeMap<String, Vec<Snapshot>>, SyncError> {
        let vms = vms_of(datasets)?;
        self.ask_for("ask what they descend from", &Request::Lineage { vms })
    }

    fn take_snapshots(&self, datasets: &[String], name: &str) -> Result<Vec<Snapshot>, SyncError> {
        let request = Request::TakeSnapshots {
            vms: vms_of(datasets)?,
            name: name.to_owned(),
        };
        let what = format!("take the snapshot {name} of {}", datasets.join(", "));
        self.ask_for(&what, &request)
    }

    fn bookmark(&self, dataset: &str, snapshot: &str, name: &str) -> Result<(), SyncError> {
        let request = Request::Bookmark {
            vm: vm_of(dataset)?,
            snapshot: snapshot.to_owned(),
            name: name.to_owned(),
        };
        let what = format!("make a bookmark of {dataset}@{snapshot}");
        self.ask(&what, &request).map(drop)
    }

    fn remove_snapshot(&self, dataset: &str, name: &str) -> Result<(), SyncError> {
        let request = Request::RemoveSnapshot {
            vm: vm_of(dataset)?,
            name: name.to_owned(),
        };
        let what = format!("remove the old snapshot {dataset}@{name}");
        self.ask(&what, &request).map(drop)
    }

    fn send(&self, stream: &Stream, copy: &str) -> Result<u64, SyncError> {
        let dataset = stream.dataset();
        let what = format!("send {dataset} from {} into {copy}", self.hostname);
        let receive = zfs::receive(copy, false).map_err(|why| SyncError::command(&what, why))?;
        let mut connection = self.connection();
        connection.begin(request_of(stream)?)?;
        let mut receive = self
            .here
            .feed(receive)
            .map_err(|error| SyncError::command(&what, error))?;
        let fed = self.feed(&mut connection, &mut receive);
        // While the pool finishes with this one the next may come.
        let fed = fed.and_then(|fed| connection.ended().map(|()| fed));
        let received = receive.finish();
        let (answer, moved) = fed?;
        let received = received.map_err(|error| SyncError::command(&what, error))?;
        match (received.success(), connection.taken(&what, answer)) {
            (true, Ok(_)) => Ok(moved),
            // What the sender says is why the receive found its stream cut.
            (true, Err(error)) => Err(error),
            (false, Err(error)) if moved == 0 => Err(error),
            (false, _) => Err(SyncError::command(&what, received.complaint().trim())),
        }
    }

    fn prepare(&self, next: &Stream) {
        // What can't be asked for is refused when it is its turn.
        self.connection().prepared = request_of(next).ok();
    }
}

fn request_of(stream: &Stream) -> Result<Request, SyncError> {
    Ok(match stream {
        Stream::New(send) => Request::Send {
            vm: vm_of(&send.dataset)?,
            snapshot: send.snapshot.clone(),
            base: send.base.as_ref().map(|base| match base.bookmark {
                true => Cursor::Bookmark(base.name.clone()),
                false if base.dataset == send.dataset => Cursor::Snapshot(base.name.clone()),
                false => Cursor::Origin(base.name.clone()),
            }),
        },
        Stream::Resume { dataset, token } => Request::Resume {
            vm: vm_of(dataset)?,
            token: token.clone(),
        },
    })
}
