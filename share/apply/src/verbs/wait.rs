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

/// Looks until it is so. `Err` of a look is why not yet; a failure that is final ends the wait.
fn wait(
    context: &Context<'_>,
    seconds: u64,
    what: &str,
    mut look: impl FnMut() -> Result<Result<(), String>, StepError>,
) -> Result<(), StepError> {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let mut pause = FIRST_PAUSE;
    loop {
        let not_yet = match look()? {
            Ok(()) => return Ok(()),
            Err(why) => why,
        };
        if context.world.canceller.is_cancelled() {
            return Err(StepError::passing(format!(
                "stopped waiting for {what}: interrupted"
            )));
        }
        if Instant::now() >= deadline {
            return Err(StepError::passing(format!(
                "{what}: not within {seconds} s; last: {not_yet}"
            )));
        }
        thread::sleep(pause);
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

fn address(value: &Value, context: &Context<'_>) -> Result<IpAddr, StepError> {
    let value = filled(value, context.outputs)
        .map_err(|step| StepError::firm(format!("{step} has no output yet")))?;
    let parsed = value.as_str().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| StepError::firm(format!("{value} is no address")))
}

impl Deed for WaitSetup {
    fn look(&self, _: &Context<'_>) -> Result<Look, StepError> {
        Ok(Look::Ready)
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let host = context.world.host(context.step.host)?;
        let folder = format!("/zones/{}/root/var/svc", self.vm);
        wait(
            context,
            self.timeout,
            &format!("the setup of zone {}", self.vm),
            || {
                if host.exists(format!("{folder}/setup_complete"))? {
                    return Ok(Ok(()));
                }
                if host.exists(format!("{folder}/setup_failed"))? {
                    let log = host
                        .read_if_there(format!("{folder}/setup.log"))?
                        .unwrap_or_default();
                    return Err(StepError::firm(format!(
                        "the first boot of zone {} failed; its log {folder}/setup.log ends: {}",
                        self.vm,
                        last_line(&log)
                    )));
                }
                Ok(Err(format!(
                    "{folder}/setup_complete is not there yet; see setup.log beside it"
                )))
            },
        )
    }
}

/// One line tells why; more could tell secrets, as setup scripts print what they configure.
fn last_line(log: &[u8]) -> String {
    let text = String::from_utf8_lossy(log);
    text.lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("(nothing)")
        .to_owned()
}

impl Deed for WaitHealthy {
    fn look(&self, _: &Context<'_>) -> Result<Look, StepError> {
        Ok(Look::Ready)
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let host = context.world.host(context.step.host)?;
        let what = format!("zone {} to say that it works", self.vm);
        wait(context, self.timeout, &what, || match &self.check {
            Health::Http { port, path, expect } => {
                let address = address(&self.address, context)?;
                let body = context.world.ask_http(address, *port, path);
                Ok(body.and_then(|body| met(expect, &body)))
            }
            Health::ZoneCommand { argv, expect } => Ok(zone_says(&host, self.vm, argv, expect)),
            Health::Smf {} => {
                let complaints = smf::complaints(&host, self.vm)?;
                Ok(if complaints.trim().is_empty() {
                    Ok(())
                } else {
                    Err(complaints.trim().to_owned())
                })
            }
        })
    }
}

fn met(expect: &[Expectation], body: &Value) -> Result<(), String> {
    expect
        .iter()
        .find_map(|expectation| expectation.unmet_by(body))
        .map_or(Ok(()), Err)
}

fn zone_says(host: &Host, vm: Uuid, argv: &[String], expect: &[Expectation]) -> Result<(), String> {
    let output = zlogin::run(host, vm, argv).map_err(|error| error.to_string())?;
    if !output.success() {
        return Err(output.complaint().trim().to_owned());
    }
    if expect.is_empty() {
        return Ok(());
    }
    let body =
        serde_json::from_slice(&output.stdout).map_err(|_| "it printed no JSON".to_owned())?;
    met(expect, &body)
}

impl Deed for WaitName {
    fn look(&self, _: &Context<'_>) -> Result<Look, StepError> {
        Ok(Look::Ready)
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let address = address(&self.address, context)?;
        wait(
            context,
            self.timeout,
            &format!("the name {}", self.name),
            || {
                let found: Vec<IpAddr> = match (self.name.as_str(), 0).to_socket_addrs() {
                    Ok(found) => found.map(|address| address.ip()).collect(),
                    Err(error) => return Ok(Err(format!("it does not resolve: {error}"))),
                };
                if !found.contains(&address) {
                    return Ok(Err(format!("it is {}, not {address}", list(&found))));
                }
                Ok(
                    match found.iter().find(|address| self.gone.contains(address)) {
                        Some(stale) => Err(format!("it still has the lost address {stale} too")),
                        None => Ok(()),
                    },
                )
            },
        )
    }
}

fn list(addresses: &[IpAddr]) -> String {
    addresses
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

impl Deed for WaitListed {
    fn look(&self, _: &Context<'_>) -> Result<Look, StepError> {
        Ok(Look::Ready)
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        wait(
            context,
            self.timeout,
            &format!("VMAPI to list zone {}", self.vm),
            || {
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
                if state != "running" {
                    return Ok(Err(format!("VMAPI says it is {state}")));
                }
                Ok(if vm.server_uuid == Some(self.server) {
                    Ok(())
                } else {
                    Err("VMAPI has it on another server".to_owned())
                })
            },
        )
    }
}
