// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `cargo lab bench sync`: our sync beside its peers and beside the limit, on real ZFS over real ssh, in one run. Rounds of all
//! tools alternate, medians count, and processes are counted beside every time: the rig makes starting a process some 40 times
//! and an ssh connection 4 times dearer than a host does, which flatters whoever starts few.

mod attach;
mod figures;
mod peers;
mod scene;
mod tools;

use std::path::PathBuf;

use crate::error::Result;
use crate::testing;
pub use attach::attach;
use figures::{Case, Report};
use scene::Scene;
use tools::Tool;

/// What to measure, and with what.
#[derive(Debug, Clone)]
pub struct Options {
    pub rig: crate::Options,
    /// Rounds of each tool and case. A first sync that takes minutes is run once.
    pub runs: usize,
    pub json: bool,
    /// Without peers: ours and the limit only, which takes a quarter of the time.
    pub alone: bool,
    /// Where the JSON document is left, too.
    pub keep: Option<PathBuf>,
}

/// Foreign snapshots that lie about in the second half.
const FOREIGN: usize = 2_000;

/// Runs all of it; true when every target is met.
pub fn sync(options: Options) -> Result<bool> {
    let layer = peers::fetch(&mut say)?;
    let mut report = Report::new(&layer);
    let mut rig_options = options.rig;
    rig_options.guests = vec![scene::SOURCE.to_owned(), scene::TARGET.to_owned()];
    rig_options.disk_mib = 12 * 1024;
    rig_options.memory_mib = 4096;
    let rig = testing::turn(rig_options)?;
    let scene = Scene::furnish(&rig, &layer, &mut say)?;

    let tools: Vec<Tool> = Tool::all(&layer)
        .into_iter()
        .filter(|tool| !(options.alone && tool.is_peer()))
        .collect();
    first_syncs(&scene, &tools, options.runs, &mut report)?;
    rounds(&scene, &tools, options.runs, "", &mut report)?;
    scene.take_foreign_snapshots(FOREIGN, &mut say)?;
    for tool in tools.iter().filter(|tool| !tool.is_slowest()) {
        // What was written for the others is behind it.
        if let Err(error) = scene.round(*tool, &tool.again(true)) {
            report.failed(*tool, "catching up", &error);
        }
    }
    rounds(&scene, &tools, options.runs, figures::CROWDED, &mut report)?;
    local(&scene, options.runs, &mut report)?;
    report.ssh_alone(scene.ssh_alone()?);

    report.print(options.json, options.keep.as_deref())?;
    Ok(report.met())
}

fn say(line: &str) {
    eprintln!("bench: {line}");
}

fn first_syncs(scene: &Scene, tools: &[Tool], runs: usize, report: &mut Report) -> Result<()> {
    for run in 0..runs {
        for tool in tools {
            // The slow ones have had theirs.
            if run > 0 && !tool.is_quick() {
                continue;
            }
            scene.forget(*tool)?;
            let watch = (run == 0 && *tool == Tool::Ours)
                .then(|| scene.watch_memory())
                .transpose()?;
            measure(scene, *tool, Case::first(), &tool.first(), report)?;
            if let Some(watch) = watch {
                report.memory(scene.memory(watch)?);
            }
        }
    }
    Ok(())
}

/// A peer that fails is said to, and costs only its own figure.
fn measure(
    scene: &Scene,
    tool: Tool,
    case: Case,
    command: &str,
    report: &mut Report,
) -> Result<()> {
    match scene.round(tool, command) {
        Ok(round) => {
            say(&format!(
                "{}: {}: {}",
                case.name(),
                tool.name(),
                round.told()
            ));
            report.add(case, tool, round);
            Ok(())
        }
        Err(error) if tool.is_peer() => {
            say(&format!("{}: {} failed", case.name(), tool.name()));
            report.failed(tool, &case.name(), &error);
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Rounds in which nothing changed, then rounds in which a fifth of the datasets did.
fn rounds(
    scene: &Scene,
    tools: &[Tool],
    runs: usize,
    crowd: &'static str,
    report: &mut Report,
) -> Result<()> {
    for case in [Case::unchanged(crowd), Case::changed(crowd)] {
        for run in 0..runs {
            for tool in tools {
                if tool.is_slowest() && (run > 0 || !crowd.is_empty()) {
                    continue;
                }
                if case.writes() {
                    scene.write(run)?;
                }
                let command = tool.again(case.writes());
                measure(scene, *tool, case.clone(), &command, report)?;
            }
        }
    }
    Ok(())
}

/// One GiB within one guest: what is left when ssh is not the ceiling. Each takes a few seconds and differs much from the next, so
/// there are more of them, and who goes first changes.
fn local(scene: &Scene, runs: usize, report: &mut Report) -> Result<()> {
    scene.fill()?;
    // The first ones write where the disk's file has no blocks yet: neither is counted.
    scene.local_pipe()?;
    scene.local_ours()?;
    for run in 0..runs * 7 {
        let (ours, pipe) = match run % 2 {
            0 => {
                let pipe = scene.local_pipe()?;
                (scene.local_ours()?, pipe)
            }
            _ => (scene.local_ours()?, scene.local_pipe()?),
        };
        say(&format!(
            "1 GiB in one guest: ours {ours:.2} s, bare pipe {pipe:.2} s"
        ));
        report.local(ours, pipe);
    }
    Ok(())
}
