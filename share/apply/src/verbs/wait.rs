// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Waits: they end when the world is as it should be, when it can't get there any more, or when time is up.

use std::net::{IpAddr, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

use documents::Uuid;
use documents::health::{Expectation, Health};
use documents::verb::{WaitHealthy, WaitListed, WaitName, WaitSetup};
use platform::{Host, smf, zlogin};
use serde_json::Value;

use crate::compose::filled;
use crate::step::{Context, Deed, Look, StepError};

/// Between two looks: quick at first, as most things are there soon.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long an interrupted wait goes on at most.
const ATTENTION: Duration = Duration::from_millis(100);

/// What one look finds: it is so, or why not yet. An error that may pass counts as not yet, any other ends the wait.
pub(super) type Found = Result<Result<(), String>, StepError>;

/// Looks until it is so.
pub(super) fn wait(
    context: &Context<'_>,
    seconds: u64,
    what: &str,
    mut look: impl FnMut() -> Found,
) -> Result<(), StepError> {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let mut pause = FIRST_PAUSE;
    loop {
        let not_yet = match look() {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(why)) => why,
            Err(error) if error.retry => error.why,
            Err(error) => return Err(error),
        };
        if Instant::now() >= deadline {
            return Err(StepError::passing(format!(
                "{what}: not within {seconds} s; last: {not_yet}"
            )));
        }
        let next = Instant::now() + pause;
        while Instant::now() < next {
            if context.world.canceller.is_cancelled() {
                return Err(StepError::passing(format!(
                    "stopped waiting for {what}: interrupted"
                )));
            }
            thread::sleep(ATTENTION.min(pause));
        }
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

/// A verb that waits.
pub(super) trait Wait {
    fn found(&self, context: &Context<'_>) -> Found;

    /// Seconds.
    fn patience(&self) -> u64;

    /// `the name imgapi.east-1.example.com`
    fn what(&self) -> String;
}

impl<W: Wait> Deed for W {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        Ok(match self.found(context)? {
            Ok(()) => Look::done(),
            Err(why) => Look::NotYet(why),
        })
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        wait(context, self.patience(), &self.what(), || {
            self.found(context)
        })
    }

    fn tells_beforehand(&self) -> bool {
        false
    }
}

impl Wait for WaitSetup {
    fn found(&self, context: &Context<'_>) -> Found {
        let host = context.world.host(context.step.host)?;
        let folder = format!("/zones/{}/root/var/svc", self.vm);
        if host.exists(format!("{folder}/setup_complete"))? {
            return Ok(Ok(()));
        }
        if host.exists(format!("{folder}/setup_failed"))? {
            let log = host.read_if_there(format!("{folder}/setup.log"))?;
            return Err(StepError::firm(format!(
                "the first boot of zone {} failed; its log {folder}/setup.log on {} ends: {}",
                self.vm,
                host.name(),
                last_line(&log.unwrap_or_default())
            )));
        }
        Ok(Err(format!(
            "{folder}/setup_complete is not there yet; see setup.log beside it"
        )))
    }

    fn patience(&self) -> u64 {
        self.timeout
    }

    fn what(&self) -> String {
        format!("the setup of zone {}", self.vm)
    }
}

/// One line tells why; more could tell secrets, as setup scripts print what they configure.
fn last_line(log: &[u8]) -> String {
    let text = String::from_utf8_lossy(log);
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    last.unwrap_or("(nothing)").to_owned()
}

impl Wait for WaitHealthy {
    fn found(&self, context: &Context<'_>) -> Found {
        let host = context.world.host(context.step.host)?;
        Ok(match &self.check {
            Health::Http { port, path, expect } => {
                let address = address(&self.address, context)?;
                let body = context.world.ask_http(address, *port, path);
                body.and_then(|body| met(expect, &body))
            }
            Health::ZoneCommand { argv, expect } => zone_says(&host, self.vm, argv, expect),
            // A zone that is about to boot has no svcs to ask.
            Health::Smf {} => match smf::complaints(&host, self.vm) {
                Err(error) => Err(error.to_string()),
                Ok(complaints) if complaints.trim().is_empty() => Ok(()),
                Ok(complaints) => Err(complaints.trim().to_owned()),
            },
        })
    }

    fn patience(&self) -> u64 {
        self.timeout
    }

    fn what(&self) -> String {
        format!("zone {} to say that it works", self.vm)
    }
}

fn met(expect: &[Expectation], body: &Value) -> Result<(), String> {
    let unmet = expect
        .iter()
        .find_map(|expectation| expectation.unmet_by(body));
    unmet.map_or(Ok(()), Err)
}

fn zone_says(host: &Host, vm: Uuid, argv: &[String], expect: &[Expectation]) -> Result<(), String> {
    let output = zlogin::run(host, vm, argv).map_err(|error| error.to_string())?;
    if !output.success() {
        let complaint = output.complaint();
        return Err(format!("{}: {}", output.status, complaint.trim()));
    }
    if expect.is_empty() {
        return Ok(());
    }
    let body =
        serde_json::from_slice(&output.stdout).map_err(|_| "it printed no JSON".to_owned())?;
    met(expect, &body)
}

impl Wait for WaitName {
    fn found(&self, context: &Context<'_>) -> Found {
        let address = address(&self.address, context)?;
        let found: Vec<IpAddr> = match (self.name.as_str(), 0).to_socket_addrs() {
            Ok(found) => found.map(|address| address.ip()).collect(),
            Err(error) => return Ok(Err(format!("it does not resolve: {error}"))),
        };
        if !found.contains(&address) {
            return Ok(Err(format!("it is {}, not {address}", list(&found))));
        }
        Ok(match found.iter().find(|one| self.gone.contains(one)) {
            Some(stale) => Err(format!("it still has the lost address {stale} too")),
            None => Ok(()),
        })
    }

    fn patience(&self) -> u64 {
        self.timeout
    }

    fn what(&self) -> String {
        format!("the name {}", self.name)
    }
}

fn address(value: &Value, context: &Context<'_>) -> Result<IpAddr, StepError> {
    let value = filled(value, context.outputs)
        .map_err(|step| StepError::firm(format!("{step} has no output yet")))?;
    let parsed = value.as_str().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| StepError::firm(format!("{value} is no address")))
}

fn list(addresses: &[IpAddr]) -> String {
    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

impl Wait for WaitListed {
    fn found(&self, context: &Context<'_>) -> Found {
        let vm = match context.world.vmapi()?.get_vm(self.vm) {
            Ok(vm) => vm,
            // It may itself have come back a moment ago.
            Err(error) => return Ok(Err(error.to_string())),
        };
        let state = vm
            .state
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        Ok(match (state.as_str(), vm.server_uuid) {
            ("running", Some(server)) if server == self.server => Ok(()),
            ("running", _) => Err("VMAPI has it on another server".to_owned()),
            _ => Err(format!("VMAPI says it is {state}")),
        })
    }

    fn patience(&self) -> u64 {
        self.timeout
    }

    fn what(&self) -> String {
        format!("VMAPI to list zone {}", self.vm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_last_line_of_a_log_that_says_something_is_shown() {
        assert_eq!(
            last_line(b"one\npassword=x\nfatal: no configs\n\n"),
            "fatal: no configs"
        );
        assert_eq!(last_line(b""), "(nothing)");
    }

    #[test]
    fn a_body_must_meet_every_expectation() {
        let expect = [
            Expectation::new("/healthy", true),
            Expectation::new("/status", "OK"),
        ];
        assert_eq!(
            met(&expect, &json!({"healthy": true, "status": "OK"})),
            Ok(())
        );
        let why = met(&expect, &json!({"healthy": true, "status": "degraded"})).unwrap_err();
        assert!(why.contains("/status"), "{why}");
    }
}
