// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A run: take the lock, ask the datacenter's APIs once, then pull from each source in turn.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use apis::http::Options;
use documents::restore_data::{FOLDER, GenerationDc, Part};
use documents::{Timestamp, Uuid};
use platform::{Host, Lock, vmadm};
use serde_json::{Map, Value};
use tracing::info;

use crate::answers::{self, Answers};
use crate::binders;
use crate::endpoints::Endpoints;
use crate::error::SyncError;
use crate::files;
use crate::headnodes::{self, Headnode, Login, ThisHeadnode};
use crate::hosts::{HostPool, HostSource};
use crate::keep::Grid;
use crate::members::{self, Clusters, Sight, Warning};
use crate::pause;
use crate::pins::{self, Pins};
use crate::pull::{self, Pull};
use crate::results::{DatasetResult, Importance, Preview, SourceSummary};
use crate::served::ServedSource;
use crate::store::Store;
use crate::trust::Trust;
use crate::{preview, transport::Source};

/// Services whose delegate dataset is synced, and what it is worth.
pub type Services = BTreeMap<String, Importance>;

/// One sync, as it was asked for.
pub struct Sync {
    /// This headnode.
    pub host: Host,
    /// Hostnames, UUIDs or admin addresses; empty means all other headnodes.
    pub from: Vec<String>,
    /// Sync this headnode's own zones to itself too.
    pub local: bool,
    pub services: Services,
    /// Where services are, given by hand.
    pub urls: BTreeMap<String, String>,
    pub login: Login,
    /// Which restore points are kept.
    pub keep: Grid,
    /// Bytes of the pool that a receive must leave free.
    pub reserve: u64,
    /// Seconds for which the copies of a zone that is gone are kept.
    pub keep_vanished: i64,
    /// Services that are never synced, as they are clusters.
    pub clusters: Clusters,
    /// How many headnodes are pulled from at once.
    pub jobs: usize,
    /// Bytes a second that each stream may take.
    pub limit_rate: Option<u64>,
    /// `triton-sync-data/0.1.0`
    pub product: String,
    /// This tool, as it is called on the other headnodes.
    pub program: String,
}

/// What is told as it happens.
pub enum Line<'a> {
    Dataset(&'a DatasetResult),
    Source(&'a SourceSummary),
    Warning(&'a Warning),
}

type Each<'a, 'b> = Mutex<&'a mut (dyn FnMut(Line<'_>) + Send + 'b)>;

/// What became of a source, and the core zones it has.
type Pulled = (SourceSummary, Option<Vec<Value>>);

/// What a run finds before it begins with the sources.
struct Ground {
    this: ThisHeadnode,
    store: Store,
    answers: Answers,
    headnodes: Vec<Headnode>,
}

impl Sync {
    /// Pulls from every source; what fails is in the summaries.
    pub fn run(
        &self,
        each: &mut (dyn FnMut(Line<'_>) + Send),
    ) -> Result<Vec<SourceSummary>, SyncError> {
        let _lock = lock(&self.host, &format!("{} pulls restore data", self.product))?;
        let ground = self.ground()?;
        let pool = HostPool::new(self.host.clone());
        let journal = self.host.path(pins::JOURNAL);
        let pins = || Pins::below(&journal);
        let pull = Pull {
            pool: &pool,
            store: &ground.store,
            target: ground.this.uuid,
            dc: dc(&ground),
            answers: &ground.answers,
            services: &self.services,
            pins: &pins,
            keep: &self.keep,
            reserve: self.reserve,
            installing: Mutex::default(),
            keep_vanished: self.keep_vanished,
        };
        let each = Mutex::new(each);
        let (pulled, here) = thread::scope(|scope| {
            let here = scope.spawn(|| vmadm::lookup_json(&self.host, &[]).unwrap_or_default());
            let pulled = self.pull_from_all(&pull, &ground, &each);
            (pulled, here.join().unwrap_or_default())
        });
        self.warn(&ground, here, &pulled, &each);
        Ok(pulled.into_iter().map(|(summary, _)| summary).collect())
    }

    /// A few sources at once, each by one thread; the results are in the order of the sources.
    fn pull_from_all(&self, pull: &Pull<'_>, ground: &Ground, each: &Each<'_, '_>) -> Vec<Pulled> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(headnode) = ground.headnodes.get(at) else {
                    return done;
                };
                done.push((at, self.pull_from(pull, headnode, &ground.this, each)));
            }
        };
        let mut pulled: Vec<(usize, Pulled)> = thread::scope(|scope| {
            let jobs = self.jobs.min(ground.headnodes.len());
            let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
            let done = workers.into_iter().filter_map(|worker| worker.join().ok());
            done.flatten().collect()
        });
        pulled.sort_by_key(|(at, _)| *at);
        pulled.into_iter().map(|(_, one)| one).collect()
    }

    fn pull_from(
        &self,
        pull: &Pull<'_>,
        headnode: &Headnode,
        this: &ThisHeadnode,
        each: &Each<'_, '_>,
    ) -> Pulled {
        info!(from = %headnode.hostname, "pulling");
        // A connection takes its time, in which this headnode can look at itself.
        let (source, here) = thread::scope(|scope| {
            let here = scope.spawn(|| pull.here(headnode.uuid));
            let source = self.source(headnode, this);
            (source, here.join().unwrap_or_default())
        });
        let pulled = match source {
            Ok(source) => pull.from(&*source, here, &mut |line| tell(each, line)),
            Err(error) => {
                let server = headnode.uuid.unwrap_or_default();
                let mut summary = pull::summary(&headnode.hostname, server);
                summary.why = Some(error.to_string());
                (summary, None)
            }
        };
        tell(each, Line::Source(&pulled.0));
        pulled
    }

    /// Tells of clusters that would not outlive the next loss.
    fn warn(
        &self,
        ground: &Ground,
        here: Vec<Map<String, Value>>,
        pulled: &[Pulled],
        each: &Each<'_, '_>,
    ) {
        let here: Vec<Value> = here.into_iter().map(Value::Object).collect();
        let here = pull::core_zones(here, ground.this.admin_owner);
        let there = pulled.iter().filter_map(|(_, zones)| zones.as_ref());
        let answered = pulled.iter().filter(|(_, zones)| zones.is_some());
        let answered = answered.map(|(summary, _)| summary.server);
        let files = |part| {
            let asked = ground.answers.parts.iter().find(|asked| asked.part == part);
            asked.and_then(|asked| asked.answer.as_ref().ok())
        };
        let services = files(Part::SapiServices).and_then(|files| files.first()?.1.as_array());
        let instances = files(Part::SapiInstance).into_iter().flatten();
        let sight = Sight {
            zones: here.iter().chain(there.flatten()).collect(),
            answered: answered.chain([ground.this.uuid]).collect(),
            services: services.map_or(&[], Vec::as_slice),
            instances: instances.map(|(_, record)| record).collect(),
            servers: ground.answers.servers.as_deref().unwrap_or_default(),
        };
        for warning in members::warnings(&self.clusters, &sight, Timestamp::now()) {
            tell(each, Line::Warning(&warning));
        }
    }

    /// What a run would send; nothing is changed.
    pub fn preview(&self, each: &mut dyn FnMut(&Preview)) -> Result<Vec<Preview>, SyncError> {
        let ground = self.ground()?;
        let pool = HostPool::new(self.host.clone());
        let admin = ground.this.admin_owner;
        let mut previews = Vec::new();
        for headnode in &ground.headnodes {
            let server = headnode.uuid.unwrap_or_default();
            let preview = self
                .source(headnode, &ground.this)
                .and_then(|source| preview::of(&*source, &pool, &self.services, admin))
                .unwrap_or_else(|error| preview::failed(&headnode.hostname, server, &error));
            each(&preview);
            previews.push(preview);
        }
        Ok(previews)
    }

    fn ground(&self) -> Result<Ground, SyncError> {
        let this = ThisHeadnode::look(&self.host)?;
        let store = Store::new(self.host.path(FOLDER));
        let endpoints = Endpoints {
            datacenter: this.datacenter.clone(),
            dns_domain: this.dns_domain.clone(),
            urls: self.urls.clone(),
            options: Options::new(&self.product, Uuid::new_v4())
                .with_binders(binders::known(&self.host, &store)),
        };
        let answers = answers::ask(&endpoints);
        let peers = Trust::of(&self.host).peers()?;
        let known = headnodes::known(answers.servers.as_deref(), &store, &peers)?;
        let mut headnodes = match (self.local, self.from.is_empty()) {
            // `--local` alone means this headnode alone.
            (true, true) => Vec::new(),
            _ => headnodes::chosen(known, &self.from, this.uuid)?,
        };
        let asked = headnodes.len();
        if self.from.is_empty() {
            let dead = headnodes::declared_dead(&self.host)?;
            headnodes.retain(|one| {
                let is_dead = one.uuid.is_some_and(|uuid| dead.contains(&uuid));
                if is_dead {
                    info!(headnode = %one.hostname, "was declared dead, and is not pulled from");
                }
                !is_dead
            });
        }
        if self.local {
            headnodes.push(Headnode {
                uuid: Some(this.uuid),
                hostname: this.hostname.clone(),
                address: None,
            });
        }
        if headnodes.is_empty() && asked == 0 {
            let why = "no other headnode is known: CNAPI does not answer or has none, and there is no \
                       restore data yet; name one with --from ADDRESS";
            return Err(SyncError::Setup(why.to_owned()));
        }
        Ok(Ground {
            this,
            store,
            answers,
            headnodes,
        })
    }

    /// This headnode itself, or a connection to another one; made sure that it is the server that we mean, as an address may
    /// have a new owner.
    fn source(
        &self,
        headnode: &Headnode,
        this: &ThisHeadnode,
    ) -> Result<Box<dyn Source>, SyncError> {
        if headnode.uuid == Some(this.uuid) {
            let here = self.host.clone();
            return Ok(Box::new(HostSource::new(this.uuid, &this.hostname, here)));
        }
        let source = self.connect(headnode, this.uuid)?;
        match headnode.uuid {
            _ if source.server() == this.uuid => Err(SyncError::Itself(headnode.hostname.clone())),
            Some(wanted) if wanted != source.server() => Err(SyncError::WrongServer {
                host: headnode.hostname.clone(),
                found: source.server().to_string(),
                wanted: wanted.to_string(),
            }),
            _ => Ok(Box::new(source)),
        }
    }

    /// By our own key where trust was set up with that headnode, and else as the operator who runs us.
    fn login(&self, headnode: &Headnode) -> Result<Login, SyncError> {
        let trust = Trust::of(&self.host);
        let trusted = self.login.identity.is_none()
            && trust
                .peers()?
                .iter()
                .any(|peer| Some(peer.server) == headnode.uuid);
        Ok(match trusted {
            true => Login {
                identity: Some(trust.identity()),
                known_hosts: Some(trust.known_hosts()),
                ..self.login.clone()
            },
            false => self.login.clone(),
        })
    }

    /// Asks other headnodes to pull from this one soon; `each` is told of every one, by hostname.
    pub fn poke(&self, each: &mut dyn FnMut(&str, Result<(), SyncError>)) -> Result<(), SyncError> {
        let ground = self.ground()?;
        for headnode in &ground.headnodes {
            let source = self.connect(headnode, ground.this.uuid);
            each(&headnode.hostname, source.and_then(|source| source.poke()));
        }
        Ok(())
    }

    fn connect(&self, headnode: &Headnode, this: Uuid) -> Result<ServedSource, SyncError> {
        let there = self.login(headnode)?.host(headnode)?;
        let here = self.host.clone();
        ServedSource::connect(&there, &self.program, this, here, self.limit_rate)
    }
}

/// One run per target at a time, and none beside a restore.
pub(crate) fn lock(host: &Host, purpose: &str) -> Result<Lock, SyncError> {
    if let Some(holder) = pause::for_whom(&host.path(pause::RUN_LOCK)) {
        return Err(SyncError::Paused {
            pid: holder.pid,
            purpose: holder.purpose,
            since: holder.since,
        });
    }
    let folder = host.path(FOLDER);
    files::make_private_folder(&folder)?;
    Ok(Lock::try_acquire(folder.join(".lock"), purpose)?)
}

fn tell(each: &Each<'_, '_>, line: Line<'_>) {
    let mut each = each.lock().unwrap_or_else(PoisonError::into_inner);
    each(line);
}

fn dc(ground: &Ground) -> GenerationDc {
    GenerationDc {
        name: ground.this.datacenter.clone(),
        dns_domain: ground.this.dns_domain.clone(),
        admin_owner: ground.this.admin_owner,
        sapi_app: ground.answers.application,
    }
}
