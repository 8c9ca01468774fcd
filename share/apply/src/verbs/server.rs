// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Servers that become headnodes: what they are, and their way through a reboot.

use apis::cnapi::ServerStatus;
use documents::Digest;
use documents::verb::{CheckServer, MediumSync, ServerReboot, Through, WaitHeadnode, WaitServer};
use platform::{Command, Host, bootparams, setup_json, sysinfo};
use serde_json::{Value, json};

use super::toolkit::tool;
use super::wait::{Found, Wait, wait};
use crate::compose::filled;
use crate::step::{Context, Deed, Look, StepError};

/// Without it headnode.sh would make core zones of its own at the first boot.
const SET_UP: &str = "setup_complete";

impl Deed for CheckServer {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let host = context.world.host(context.step.host)?;
        let about = sysinfo::get(&host)?;
        if about.uuid != context.step.host || about.hostname != self.hostname {
            return Ok(Look::Conflict(format!(
                "at its address answers {} ({}), not {} ({})",
                about.hostname, about.uuid, self.hostname, context.step.host
            )));
        }
        let setup = setup_json::get(&host)?;
        let whole = setup.is_some_and(|setup| setup.complete && setup.has_seen(SET_UP));
        Ok(match whole && about.setup {
            true => Look::done(),
            false => Look::Conflict(format!(
                "{} was not set up whole: /var/lib/setup.json has no {SET_UP}, so headnode.sh would make core zones there",
                self.hostname
            )),
        })
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        self.look(context)?.must_be_done()
    }
}

impl Deed for ServerReboot {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let host = context.world.host(context.step.host)?;
        match bootparams::get(&host)?.is_headnode() {
            true => Ok(Look::done()),
            false => Ok(Look::Ready),
        }
    }

    fn intend(&self, context: &Context<'_>) -> Result<Value, StepError> {
        let host = context.world.host(context.step.host)?;
        Ok(json!({ "before": sysinfo::get(&host)?.boot_time }))
    }

    /// CNAPI, where it can't, is no reason to give up: the operator's authority on the server is there already.
    fn act(&self, context: &Context<'_>, intent: &Value) -> Result<(), StepError> {
        let host = context.world.host(context.step.host)?;
        let origin = context.world.product();
        let told = match self.through {
            Through::Cnapi => context
                .world
                .cnapi()?
                .reboot(self.server, origin)
                .map_err(StepError::from),
            Through::Ssh => reboot(&host),
        };
        if let (Through::Cnapi, Err(error)) = (self.through, &told) {
            tracing::warn!(step = %context.step.id, "CNAPI does not reboot it: {error}; told by ssh");
            reboot(&host)?;
        } else {
            told?;
        }
        let before = intent["before"].as_str();
        wait(context, self.timeout, "another boot of the server", || {
            let now = sysinfo::get(&host)?.boot_time;
            Ok(match now.as_deref() == before {
                true => Err(format!("it is up since {}", before.unwrap_or("(unknown)"))),
                false => Ok(()),
            })
        })?;
        match bootparams::get(&host)?.is_headnode() {
            true => Ok(()),
            false => Err(StepError::firm(
                "it booted, and as a compute node again: its firmware tries the network before the boot medium. Change its boot \
                 order, reboot it, and apply the same plan again",
            )),
        }
    }
}

/// The connection may end before the answer came.
fn reboot(host: &Host) -> Result<(), StepError> {
    match host.run(&Command::new("reboot")) {
        Ok(output) if output.success() || output.status.code() == Some(255) => Ok(()),
        Ok(output) => Err(StepError::firm(format!("reboot: {}", output.complaint()))),
        Err(error) if error.may_retry() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

impl Wait for WaitHeadnode {
    /// CNAPI would call a server well that went to the network again; this asks what only a headnode has.
    fn found(&self, context: &Context<'_>) -> Found {
        let host = context.world.host(context.step.host)?;
        let wanted = filled(&self.config, context.outputs)
            .map_err(|step| StepError::firm(format!("{step} has no output yet")))?;
        if !bootparams::get(&host)?.is_headnode() {
            return Ok(Err("it was not booted as a headnode".to_owned()));
        }
        let Some(config) = host.read_if_there("/usbkey/config")? else {
            return Ok(Err("it has no /usbkey/config yet".to_owned()));
        };
        if Some(Digest::of_bytes(&config).as_str()) != wanted.as_str() {
            return Ok(Err("its /usbkey/config is not what was written".to_owned()));
        }
        Ok(match sysinfo::get(&host)?.setup {
            true => Ok(()),
            false => Err("its sysinfo does not call it set up yet".to_owned()),
        })
    }

    fn patience(&self) -> u64 {
        self.timeout
    }

    fn what(&self) -> String {
        "a headnode with the configuration that was written".to_owned()
    }
}

impl Wait for WaitServer {
    fn found(&self, context: &Context<'_>) -> Found {
        let known = context.world.cnapi()?.get_server(self.server)?;
        let running = known.status == Some(ServerStatus::Running);
        let well = known.headnode && known.setup && running;
        Ok(match well {
            true => Ok(()),
            false => Err(format!(
                "CNAPI has headnode={}, setup={}, status={:?}",
                known.headnode, known.setup, known.status
            )),
        })
    }

    fn patience(&self) -> u64 {
        self.timeout
    }

    fn what(&self) -> String {
        format!("CNAPI to call {} a headnode", self.server)
    }
}

impl Deed for MediumSync {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let told = context.world.local.run_ok(&image(self, "--plan"))?;
        let preview: Value = serde_json::from_str(&told).map_err(StepError::firm)?;
        let nothing = |part: &str| preview[part].as_array().is_some_and(Vec::is_empty);
        match nothing("medium") && nothing("usbkey") {
            true => Ok(Look::done()),
            false => Ok(Look::Ready),
        }
    }

    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        context.world.local.run_ok(&image(self, "--yes"))?;
        Ok(())
    }

    /// It is no headnode yet.
    fn tells_beforehand(&self) -> bool {
        false
    }
}

fn image(sync: &MediumSync, how: &str) -> Command {
    Command::new(tool("triton-usbkey-image")).args(["sync", &sync.hostname, how])
}
