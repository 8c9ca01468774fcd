// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! This toolkit on other servers: its files, and the services that SMF runs of it.

use std::fs::File;

use documents::Digest;
use documents::verb::{ServiceImport, ToolkitInstall};
use platform::{Command, Host};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use usbkey::{Effort, Tree, write_tgz};

use crate::step::{Context, Deed, Look, StepError, Undone};

pub(super) const INSTALLED: &str = "/opt/triton-headnode";

/// What was installed there, written when all of it was.
const MARK: &str = "/opt/triton-headnode/.installed";

/// Where SmartOS imports manifests from at every boot.
const CUSTOM: &str = "/opt/custom/smf";

/// The path of one of this toolkit's own tools.
pub(super) fn tool(name: &str) -> String {
    format!("{INSTALLED}/bin/{name}")
}

impl Deed for ToolkitInstall {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let host = context.world.host(context.step.host)?;
        let there = host.read_if_there(MARK)?.unwrap_or_default();
        match there == mark(&context.world.local)?.into_bytes() {
            true => Ok(Look::done()),
            false => Ok(Look::Ready),
        }
    }

    /// Unpacked beside its place, and put there when it is whole; what was there before is kept.
    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let here = &context.world.local;
        let host = context.world.host(context.step.host)?;
        let run = |command: Command| -> Result<String, StepError> { Ok(host.run_ok(&command)?) };
        let new = format!("{INSTALLED}.new");
        run(Command::new("rm").args(["-rf", "--", &new]))?;
        host.make_dir_all(&new, 0o755)?;
        let packed = packed(&own(here)?)?;
        let from = Command::new("cat").arg(packed.path());
        let to = Command::new("gtar").args(["-xz", "--no-same-owner", "-C", &new, "-f", "-"]);
        here.pipe(&from, &host, &to)?;
        // One that does not start there must not take the place of one that does.
        run(Command::new(format!("{new}/bin/triton-usbkey-image")).arg("--version"))?;
        host.write_atomic(format!("{new}/.installed"), mark(here)?.as_bytes(), 0o644)?;
        if host.exists(INSTALLED)? {
            let aside = format!(
                "{INSTALLED}-parked-{}",
                documents::Timestamp::now().compact()
            );
            run(Command::new("mv").args(["--", INSTALLED, &aside]))?;
        }
        run(Command::new("mv").args(["--", &new, INSTALLED]))?;
        Ok(())
    }

    fn undo(&self, _: &Context<'_>, _: &Value) -> Result<Undone, StepError> {
        Ok(Undone::Left(format!(
            "{INSTALLED} stays, and runs nothing by itself; rm -r {INSTALLED} removes it"
        )))
    }
}

fn own(here: &Host) -> Result<Tree, StepError> {
    Tree::of_folder(&here.path(INSTALLED)).map_err(StepError::firm)
}

/// Names, sizes and times of this headnode's own installation.
fn mark(here: &Host) -> Result<String, StepError> {
    let tree = own(here)?;
    let files: Vec<Value> = tree
        .iter()
        .filter(|(path, _)| *path != ".installed")
        .map(|(path, item)| json!([path, item.size, item.mode, item.modified]))
        .collect();
    Ok(format!("{}\n", Digest::of(&files)))
}

/// As an archive, in a file that goes with its last use.
pub(super) fn packed(tree: &Tree) -> Result<NamedTempFile, StepError> {
    let failed = |error: std::io::Error| {
        StepError::firm(format!(
            "can't pack what is to be sent in /var/tmp: {error}"
        ))
    };
    let file = NamedTempFile::with_prefix_in(".triton-apply-", "/var/tmp").map_err(failed)?;
    let out: File = file.as_file().try_clone().map_err(failed)?;
    // The network is faster than this, and platforms are compressed already.
    let effort = Effort {
        level: 1,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
    };
    write_tgz(tree, out, effort).map_err(StepError::firm)?;
    Ok(file)
}

fn manifest(here: &Host, name: &str) -> Result<Vec<u8>, StepError> {
    Ok(here.read(format!("{INSTALLED}/share/smf/{name}"))?)
}

impl Deed for ServiceImport {
    fn look(&self, context: &Context<'_>) -> Result<Look, StepError> {
        let host = context.world.host(context.step.host)?;
        for name in &self.manifests {
            let ours = manifest(&context.world.local, name)?;
            if host.read_if_there(format!("{CUSTOM}/{name}"))? != Some(ours) {
                return Ok(Look::Ready);
            }
        }
        Ok(Look::done())
    }

    /// Imported first: what lies in the folder was, at the latest, by a boot.
    fn act(&self, context: &Context<'_>, _: &Value) -> Result<(), StepError> {
        let host = context.world.host(context.step.host)?;
        host.make_dir_all(CUSTOM, 0o755)?;
        for name in &self.manifests {
            let ours = manifest(&context.world.local, name)?;
            let import = Command::new("svccfg").arg("import");
            let import = import.arg(format!("{INSTALLED}/share/smf/{name}"));
            host.run_ok(&import)?;
            host.write_atomic(format!("{CUSTOM}/{name}"), &ours, 0o644)?;
        }
        Ok(())
    }
}
