// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Asking, and acting on the answer: once before the zones start, and then again and again.

use std::thread;
use std::time::{Duration, Instant};

use cli::{Common, Exit, Failure, signals};
use documents::Uuid;
use platform::{Canceller, Host, end_all_children, sysinfo, vmadm};
use sync::fences;

use crate::arguments::Run;
use crate::park;
use crate::report::Report;
use crate::verdict::{self, Verdict};

const PAUSE: Duration = Duration::from_secs(1);

pub fn run(common: &Common, arguments: &Run) -> Result<Exit, Failure> {
    let canceller = Canceller::new();
    let host = Host::local(&common.root).with_canceller(canceller.clone());
    let interrupted = signals::watch(move || canceller.cancel(), end_all_children)?;
    let this = sysinfo::get(&host).map_err(Failure::failed)?.uuid;
    let mut exit = decide(&host, this, arguments.patience)?;
    let Some(period) = arguments.every else {
        return Ok(exit);
    };
    loop {
        let until = Instant::now() + period;
        while Instant::now() < until {
            if let Some(signal) = interrupted.by() {
                return Ok(Exit::Signal(signal));
            }
            thread::sleep(PAUSE.min(until.saturating_duration_since(Instant::now())));
        }
        exit = match decide(&host, this, Duration::ZERO) {
            Ok(exit) => exit,
            Err(failure) => {
                tracing::error!("{}", failure.message);
                exit
            }
        };
    }
}

/// Asks until the answer is clear or patience is at its end.
fn decide(host: &Host, this: Uuid, patience: Duration) -> Result<Exit, Failure> {
    let until = Instant::now() + patience;
    loop {
        let heard = fences::ask(host, &program()).map_err(Failure::failed)?;
        let verdict = verdict::of(&heard, this);
        if verdict == Verdict::Unknown && Instant::now() < until {
            thread::sleep(PAUSE);
            continue;
        }
        let mut report = Report::of(&verdict, &heard);
        let exit = act(host, &verdict, &mut report);
        report.keep(host).map_err(Failure::failed)?;
        return Ok(exit);
    }
}

fn act(host: &Host, verdict: &Verdict, report: &mut Report) -> Exit {
    match verdict {
        Verdict::Clear => Exit::Done,
        Verdict::Unknown => {
            let silent = report.headnodes.iter().filter(|asked| !asked.answered);
            let silent: Vec<&str> = silent.map(|asked| asked.hostname.as_str()).collect();
            tracing::error!(
                "{} did not answer, so nobody can say whether this headnode was declared dead: its zones start. Should \
                 another headnode have taken their place, two of each serve now",
                silent.join(", ")
            );
            Exit::Done
        }
        Verdict::Dead(fence) => {
            tracing::error!("{fence}: what was replaced is parked");
            report.parked = park::all(host, &fence.replaced);
            report.notices = notices(host);
            for one in &report.parked {
                match &one.why {
                    None => tracing::warn!("{} ({}) is parked", one.alias, one.vm),
                    Some(why) => tracing::error!("{} ({}) is not parked: {why}", one.alias, one.vm),
                }
            }
            report
                .notices
                .iter()
                .for_each(|notice| tracing::warn!("{notice}"));
            match report.parked.iter().all(|one| one.why.is_none()) {
                true => Exit::Done,
                false => Exit::Failed,
            }
        }
    }
}

/// Members of clusters were not replaced: they rejoin. What the restore took out of the records stays out.
fn notices(host: &Host) -> Vec<String> {
    let of = |role: &str| {
        let members = vmadm::lookup(host, &[&format!("tags.smartdc_role={role}")]);
        let members = members.unwrap_or_default().into_iter();
        members.map(|vm| vm.alias.unwrap_or_else(|| vm.uuid.to_string()))
    };
    let members: Vec<String> = ["binder", "manatee", "moray"]
        .into_iter()
        .flat_map(of)
        .collect();
    let mut notices = Vec::new();
    if !members.is_empty() {
        notices.push(format!(
            "{} rejoin their clusters, but the restore took them out of SAPI, VMAPI and ZK_SERVERS: make new members \
             (triton-headnode-recovery(7), 7) and remove these, before anything counts on them",
            members.join(", ")
        ));
    }
    notices.extend(of("manatee").map(|alias| {
        format!(
            "should `manatee-adm pg-status` in {alias} show it as deposed, run `manatee-adm rebuild` there"
        )
    }));
    notices
}

/// `triton-sync-data` beside this program: where the other headnodes have it, too.
fn program() -> String {
    let beside = std::env::current_exe().ok().and_then(|this| {
        let path = this.parent()?.join("triton-sync-data");
        Some(path.display().to_string())
    });
    beside.unwrap_or_else(|| "triton-sync-data".to_owned())
}
