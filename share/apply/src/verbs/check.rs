// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Checks: they change nothing, and are made anew on every run.

use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use documents::verb::{CheckImage, CheckSilent, CheckZone};
use platform::{imgadm, zlogin};
use serde_json::Value;

use crate::step::{Context, Deed, Look, StepError};

/// A live machine on the same network answers within milliseconds; a dead one never does.
const PATIENCE: Duration = Duration::from_secs(2);

/// sshd of the global zone.
const SSH: u16 = 22;

impl Deed for CheckSilent {
    fn look(&self, _: &Context<'_>) -> Result<Look, StepError> {
        Ok(Look::Ready)
    }

    fn act(&self, _: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let mut asked = vec![SocketAddr::new(self.address, SSH)];
        for api in &self.apis {
            let address = api
                .parse()
                .map_err(|_| StepError::firm(format!("\"{api}\" is no address:port")))?;
            asked.push(address);
        }
        let answers: Vec<String> = thread::scope(|scope| {
            let tries: Vec<_> = asked
                .iter()
                .map(|address| scope.spawn(|| answer(address)))
                .collect();
            tries
                .into_iter()
                .filter_map(|attempt| attempt.join().ok().flatten())
                .collect()
        });
        if answers.is_empty() {
            return Ok(());
        }
        Err(StepError::firm(format!(
            "it is not lost: {}. Nothing may be restored elsewhere while it can still serve; power it off first",
            answers.join(", ")
        )))
    }
}

/// How an address shows that somebody is there. A refusal is an answer too: only a live machine sends one.
fn answer(address: &SocketAddr) -> Option<String> {
    match TcpStream::connect_timeout(address, PATIENCE) {
        Ok(_) => Some(format!("{address} accepts connections")),
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => Some(format!(
            "{address} refuses connections, so a machine has that address"
        )),
        Err(_) => None,
    }
}

impl Deed for CheckImage {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let host = context.world.host(context.step.host)?;
        Ok(match imgadm::get(&host, self.image)? {
            Some(_) => Look::done(),
            None => Look::Conflict(format!(
                "image {} is not installed on {}; `imgadm import {}` there",
                self.image,
                host.name(),
                self.image
            )),
        })
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        match self.look(context)? {
            Look::Conflict(why) => Err(StepError::firm(why)),
            _ => Ok(()),
        }
    }
}

impl Deed for CheckZone {
    fn look(&self, _: &Context<'_>) -> Result<Look, StepError> {
        Ok(Look::Ready)
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let host = context.world.host(context.step.host)?;
        let output = zlogin::run(&host, self.vm, &self.argv)?;
        if output.success() {
            return Ok(());
        }
        let said = format!("{}{}", output.text(), output.complaint());
        Err(StepError::firm(format!(
            "{} in zone {} ended with {}: {}",
            self.argv.join(" "),
            self.vm,
            output
                .status
                .code()
                .map_or("a signal".to_owned(), |code| format!("exit code {code}")),
            said.trim()
        )))
    }
}
