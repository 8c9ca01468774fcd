// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Every child runs in a process group of its own, and this is the register of those that live: so that a timeout, a
//! cancelled run or a signal ends a command with everything it started.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// How long a group that was asked to end may take before it is killed.
pub(crate) const GRACE: Duration = Duration::from_millis(if cfg!(test) { 50 } else { 2000 });

/// How long [`end_all_children`] waits for the groups to be gone.
const PATIENCE: Duration = Duration::from_secs(5);

static LIVE: Mutex<BTreeMap<u64, Group>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicU64 = AtomicU64::new(0);
static ENDING: AtomicBool = AtomicBool::new(false);

#[derive(Clone)]
struct Group {
    pid: Pid,
    canceller: Option<Canceller>,
    ended: Arc<AtomicBool>,
}

impl Group {
    fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        signal(self.pid, Signal::TERM);
    }
}

/// A flag that ends commands: those that run on hosts made with it, and those that would be started later.
#[derive(Clone, Default)]
pub struct Canceller {
    cancelled: Arc<AtomicBool>,
}

impl Canceller {
    pub fn new() -> Canceller {
        Canceller::default()
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// Asks the groups of all commands that run under this flag to end, and returns at once. Whoever waits for such a
    /// command sees to it that it does, and is given a [`FailureKind::Cancelled`](crate::FailureKind::Cancelled).
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        for group in live().values() {
            if group
                .canceller
                .as_ref()
                .is_some_and(|other| other.same(self))
            {
                group.end();
            }
        }
    }

    fn same(&self, other: &Canceller) -> bool {
        Arc::ptr_eq(&self.cancelled, &other.cancelled)
    }
}

impl std::fmt::Debug for Canceller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Canceller({})",
            if self.is_cancelled() {
                "cancelled"
            } else {
                "clear"
            }
        )
    }
}

/// Ends every child of this process with its group and waits until they are gone, some seconds at most. No command
/// starts afterwards: it is for the thread that is about to end the process because of a signal.
pub fn end_all_children() {
    ENDING.store(true, Ordering::SeqCst);
    for group in live().values() {
        group.end();
    }
    let asked = Instant::now();
    while asked.elapsed() < PATIENCE {
        if live().is_empty() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    for group in live().values() {
        signal(group.pid, Signal::KILL);
    }
}

/// A live group's entry in the register, for as long as it is held.
pub(crate) struct Registered {
    id: u64,
    group: Group,
}

impl Registered {
    pub(crate) fn new(pid: Pid, canceller: Option<&Canceller>) -> Registered {
        let group = Group {
            pid,
            canceller: canceller.cloned(),
            ended: Arc::new(AtomicBool::new(false)),
        };
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        live().insert(id, group.clone());
        // Whoever cancelled between the start of the child and its entry here did not see it.
        if must_not_run(canceller) {
            group.end();
        }
        Registered { id, group }
    }

    /// Asks the group to end.
    pub(crate) fn end(&self) {
        self.group.end();
    }

    pub(crate) fn kill(&self) {
        signal(self.group.pid, Signal::KILL);
    }

    /// Whether the group was asked to end.
    pub(crate) fn was_ended(&self) -> bool {
        self.group.ended.load(Ordering::SeqCst)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        live().remove(&self.id);
    }
}

/// Whether commands may no longer be started, under this flag or at all.
pub(crate) fn must_not_run(canceller: Option<&Canceller>) -> bool {
    ENDING.load(Ordering::SeqCst) || canceller.is_some_and(Canceller::is_cancelled)
}

fn signal(group: Pid, signal: Signal) {
    // A group that is gone has ended, which is what was wanted.
    let _ = kill_process_group(group, signal);
}

fn live() -> MutexGuard<'static, BTreeMap<u64, Group>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}
