// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Kills one of the product's tools at its n-th external call, so that the product needs no hook for it.
//!
//! A call passes here twice: when it arrives and when its effect is there but the caller has no answer yet.
//! Stand-ins and API servers both do: `begin_*`, and if the passage goes on, the call itself and `end`.

use std::sync::{Mutex, MutexGuard};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::caller;
use crate::lab::Lab;
use crate::log::Logged;

/// On which side of the n-th call the tool dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// The call never happens.
    Before,
    /// The call takes effect, and nobody hears its answer.
    After,
}

/// What the kill switch waits for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    pub host: String,
    /// `triton-apply`
    pub tool: String,
    /// 1 is the first call after arming; 0 only counts.
    pub call: u64,
    pub when: When,
}

#[derive(Debug, Default)]
pub struct KillSwitch {
    armed: Mutex<Option<Armed>>,
}

#[derive(Debug)]
struct Armed {
    order: Order,
    calls: u64,
    killed: bool,
}

/// What came of an order so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub calls: u64,
    pub killed: bool,
}

impl KillSwitch {
    pub fn arm(&self, order: Order) {
        *self.armed() = Some(Armed {
            order,
            calls: 0,
            killed: false,
        });
    }

    /// Calls since arming; `None` when nothing is armed.
    pub fn tally(&self) -> Option<Tally> {
        self.armed().as_ref().map(|armed| Tally {
            calls: armed.calls,
            killed: armed.killed,
        })
    }

    pub fn disarm(&self) {
        *self.armed() = None;
    }

    fn armed(&self) -> MutexGuard<'_, Option<Armed>> {
        self.armed
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// One external call of a tool on its way through the lab.
#[derive(Debug, Default)]
pub struct Passage {
    /// The product's tool that made the call, if one did.
    pub by: Option<String>,
    /// The tool's process as the daemon sees it.
    pid: Option<i32>,
    /// The tool dies once the call took effect.
    doomed: bool,
    /// The tool was killed already: the call must not happen.
    pub stopped: bool,
}

/// A stand-in was called.
pub fn begin_command(lab: &Lab, call: &Call) -> Passage {
    let tool = caller::tool_above(lab, call.pid);
    let host = Some(call.host.as_str());
    match tool {
        Some(tool) => begin(lab, host, tool.name, Some(tool.pid)),
        // A command that came over ssh has no tool above it; the environment says on whose behalf it runs. It is
        // logged so, but the `ssh` that brought it was counted already.
        None => Passage {
            by: call.env.get(caller::ON_BEHALF_OF).cloned(),
            ..Passage::default()
        },
    }
}

/// An API server read a request. `user_agent` is what tells the product's tools from everybody else.
pub fn begin_http(lab: &Lab, user_agent: &str) -> Passage {
    let name = user_agent.split(['/', ' ']).next().unwrap_or_default();
    if name.starts_with("triton-") {
        begin(lab, None, name.to_owned(), None)
    } else {
        Passage::default()
    }
}

fn begin(lab: &Lab, host: Option<&str>, tool: String, pid: Option<i32>) -> Passage {
    let mut passage = Passage {
        by: Some(tool.clone()),
        pid,
        doomed: false,
        stopped: false,
    };
    let mut armed = lab.kill.armed();
    let Some(armed) = armed.as_mut() else {
        return passage;
    };
    let elsewhere = host.is_some_and(|host| host != armed.order.host);
    if elsewhere || armed.order.tool != tool {
        return passage;
    }
    armed.calls += 1;
    if armed.killed || armed.order.call != armed.calls {
        return passage;
    }
    if passage.pid.is_none() {
        passage.pid = caller::find_tool(lab, &armed.order.host, &tool);
    }
    match armed.order.when {
        When::Before => {
            armed.killed = shoot(passage.pid);
            passage.stopped = armed.killed;
        }
        When::After => passage.doomed = true,
    }
    passage
}

/// The call took effect: it is logged, and the tool dies if this was the call to die at. The caller must not be
/// answered when this returns true.
pub fn end(lab: &Lab, passage: Passage, mut entry: Logged) -> bool {
    entry.by = passage.by;
    lab.log.write(&entry);
    if !passage.doomed {
        return passage.stopped;
    }
    // Under the lock, so that whoever sees the tool dead and asks is told that it was killed.
    let mut armed = lab.kill.armed();
    let killed = shoot(passage.pid);
    if let Some(armed) = armed.as_mut() {
        armed.killed = killed;
    }
    killed
}

fn shoot(pid: Option<i32>) -> bool {
    let Some(pid) = pid.and_then(Pid::from_raw) else {
        return false;
    };
    kill_process(pid, Signal::KILL).is_ok()
}
