// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A session with the ensemble, as blocking calls with a deadline each. Heartbeats go on in a thread of the runtime.

use std::future::Future;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use zookeeper_client::{Acls, Client, CreateMode, Error, SessionState};

use crate::ensemble::Ensemble;
use crate::error::QuorumError;

/// Between two tries of what a server that died did not answer.
const PAUSE: Duration = Duration::from_millis(100);

/// What a node holds, and where it stands in the ensemble's one order of all changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub bytes: Vec<u8>,
    /// Of the content; a write can ask for it.
    pub version: i32,
    /// Number of the change that created it: grows through the whole life of the ensemble.
    pub created: i64,
    /// The session that it ends with, if any.
    pub owner: Option<i64>,
}

/// Cheap to clone; ends with its last clone.
#[derive(Clone)]
pub struct Session(Arc<Open>);

struct Open {
    /// `None` only while it is dropped.
    client: Option<Client>,
    runtime: Option<Runtime>,
    servers: String,
    patience: Duration,
}

impl Session {
    pub(crate) fn open(ensemble: &Ensemble) -> Result<Session, QuorumError> {
        let servers = ensemble.words();
        let none = |why: String| QuorumError::NoMajority {
            servers: servers.clone(),
            why,
        };
        if ensemble.servers().is_empty() {
            return Err(none("no address of any binder is known".to_owned()));
        }
        let reachable: Vec<String> = match ensemble.reachable() {
            Ok(servers) => servers.iter().map(ToString::to_string).collect(),
            Err(why) => return Err(none(why)),
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("zookeeper")
            .enable_time()
            .build()
            .map_err(|error| QuorumError::Here {
                attempted: "start the thread that speaks with ZooKeeper".to_owned(),
                why: error.to_string(),
            })?;
        let cluster = reachable.join(",");
        // 3.4 is what binder's image has; newer servers understand its requests.
        let connecting = Client::connector()
            .with_server_version(3, 4, 12)
            .with_session_timeout(ensemble.session_timeout())
            .connect(&cluster);
        let patience = ensemble.patience();
        let outcome = runtime.block_on(async { tokio::time::timeout(patience, connecting).await });
        let client = match outcome {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return Err(none(error.to_string())),
            Err(_) => {
                let why = format!("none opened a session within {} s", patience.as_secs_f64());
                runtime.shutdown_background();
                return Err(none(why));
            }
        };
        Ok(Session(Arc::new(Open {
            client: Some(client),
            runtime: Some(runtime),
            servers,
            patience,
        })))
    }

    /// How long the servers keep the session after its last sign of life. They may have granted another than was asked for.
    pub fn timeout(&self) -> Duration {
        let client = self.0.client.as_ref();
        client.map_or(Duration::ZERO, Client::session_timeout)
    }

    /// The number that ephemeral nodes of this session carry.
    pub fn id(&self) -> i64 {
        self.0
            .client
            .as_ref()
            .map_or(0, |client| client.session_id().0)
    }

    /// True unless the servers ended it, or we are cut off from them right now.
    pub fn is_connected(&self) -> bool {
        let state = self.0.client.as_ref().map(Client::state);
        state == Some(SessionState::SyncConnected)
    }

    /// The node, as a majority has it: a server that lags behind catches up first. `None` where there is none.
    pub(crate) fn get(&self, path: &str) -> Result<Option<Node>, QuorumError> {
        self.catch_up(path)?;
        let found = self.ask("read", path, |client| client.get_data(path))?;
        Ok(found.map(|(bytes, stat)| Node {
            bytes,
            version: stat.version,
            created: stat.czxid,
            owner: (stat.ephemeral_owner != 0).then_some(stat.ephemeral_owner),
        }))
    }

    /// Names below a node, sorted; none where the node is not.
    pub(crate) fn children(&self, path: &str) -> Result<Vec<String>, QuorumError> {
        self.catch_up(path)?;
        let found = self.ask("list", path, |client| client.list_children(path))?;
        let mut names = found.unwrap_or_default();
        names.sort();
        Ok(names)
    }

    fn catch_up(&self, path: &str) -> Result<(), QuorumError> {
        self.ask("catch up with", path, |client| client.sync(path))?;
        Ok(())
    }

    /// Makes a folder and those above it.
    pub(crate) fn make_folder(&self, path: &str) -> Result<(), QuorumError> {
        let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
        self.ask("make", path, |client| client.mkdir(path, &options))?;
        Ok(())
    }

    /// Creates a node. False when it was there already.
    pub(crate) fn create(&self, path: &str, bytes: &[u8]) -> Result<bool, QuorumError> {
        let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
        let made = self.run(|client| client.create(path, bytes, &options));
        match made {
            Ok(_) => Ok(true),
            Err(Error::NodeExists) => Ok(false),
            Err(error) => Err(self.failed("make", path, &error)),
        }
    }

    /// Creates a node that ends with this session, under the next number; returns its path.
    pub(crate) fn create_in_line(&self, path: &str, bytes: &[u8]) -> Result<String, QuorumError> {
        let options = CreateMode::EphemeralSequential.with_acls(Acls::anyone_all());
        let (_, number) = self
            .run(|client| client.create(path, bytes, &options))
            .map_err(|error| self.failed("queue at", path, &error))?;
        Ok(format!("{path}{number}"))
    }

    /// Replaces the content of a node that still has this version.
    pub(crate) fn set(&self, path: &str, bytes: &[u8], version: i32) -> Result<(), QuorumError> {
        match self.run(|client| client.set_data(path, bytes, Some(version))) {
            Ok(_) => Ok(()),
            Err(Error::BadVersion | Error::NoNode) => Err(QuorumError::Raced {
                path: path.to_owned(),
            }),
            Err(error) => Err(self.failed("write", path, &error)),
        }
    }

    /// Writes the content of a node, whatever it was. A write needs a majority, where a read may be answered for seconds by a
    /// leader that has lost its own and does not know it yet. False when the node is not there.
    pub(crate) fn confirm(&self, path: &str, bytes: &[u8]) -> Result<bool, QuorumError> {
        let written = self.ask("confirm", path, |client| client.set_data(path, bytes, None))?;
        Ok(written.is_some())
    }

    /// Removes a node; one that is not there is fine.
    pub(crate) fn remove(&self, path: &str) -> Result<(), QuorumError> {
        self.ask("remove", path, |client| client.delete(path, None))?;
        Ok(())
    }

    /// Asks for what does no harm when done twice: where a server dies over it, the next one is asked. `None` where there is
    /// no such node.
    fn ask<'a, T, F>(
        &'a self,
        attempted: &str,
        path: &str,
        request: impl Fn(&'a Client) -> F,
    ) -> Result<Option<T>, QuorumError>
    where
        F: Future<Output = Result<T, Error>> + 'a,
        T: 'a,
    {
        let began = Instant::now();
        loop {
            match self.run(&request) {
                Ok(value) => return Ok(Some(value)),
                Err(Error::NoNode) => return Ok(None),
                Err(error) if is_cut(&error) && began.elapsed() < self.0.patience => {
                    thread::sleep(PAUSE);
                }
                Err(error) => return Err(self.failed(attempted, path, &error)),
            }
        }
    }

    fn run<'a, T, F>(&'a self, request: impl FnOnce(&'a Client) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>> + 'a,
        T: 'a,
    {
        let (Some(client), Some(runtime)) = (&self.0.client, &self.0.runtime) else {
            return Err(Error::ClientClosed);
        };
        let patience = self.0.patience;
        runtime.block_on(async {
            match tokio::time::timeout(patience, request(client)).await {
                Ok(answer) => answer,
                Err(_) => Err(Error::Timeout),
            }
        })
    }

    fn failed(&self, attempted: &str, path: &str, error: &Error) -> QuorumError {
        let servers = self.0.servers.clone();
        match error {
            // Without a majority servers hang up, and let nobody in again.
            error if is_cut(error) || matches!(error, Error::Timeout | Error::NoHosts) => {
                QuorumError::NoMajority {
                    servers,
                    why: format!("{error} while we tried to {attempted} {path}"),
                }
            }
            Error::SessionExpired => QuorumError::Lost {
                why: format!("our session with ZooKeeper at {servers} expired"),
            },
            error => QuorumError::Operation {
                attempted: format!("{attempted} {path}"),
                servers,
                why: error.to_string(),
            },
        }
    }
}

/// Whether the connection broke under the request. What the client hands on as it came is the socket's own error.
fn is_cut(error: &Error) -> bool {
    matches!(error, Error::ConnectionLoss | Error::Custom(_))
}

impl Drop for Open {
    /// Says goodbye, so that nobody waits for this session to time out.
    fn drop(&mut self) {
        let (Some(client), Some(runtime)) = (self.client.take(), self.runtime.take()) else {
            return;
        };
        let mut watcher = client.state_watcher();
        drop(client);
        runtime.block_on(async {
            let ended = async { while !watcher.changed().await.is_terminated() {} };
            let _ = tokio::time::timeout(Duration::from_secs(1), ended).await;
        });
        runtime.shutdown_background();
    }
}
