// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `triton-usbkey-image build`: the boot medium of a new headnode, as an archive or a disk image.

use std::fs::File;
use std::io::{self, IsTerminal, Seek};
use std::os::fd::AsFd;

use cli::{Common, Exit, Failure, input};
use rustix::fs::{OFlags, fcntl_getfl};
use usbkey::{Choice, DEFAULT_SIZE, Effort, Sink, Tree, secondary, write_image, write_tgz};

use crate::arguments::{Build, Format};
use crate::file::NewFile;
use crate::{failure, medium};

/// The installer of the sdcadm that is deployed; that on the key is as old as the key.
const INSTALLER: &str = "usbkey/extra/sdcadm/sdcadm.sh";

pub fn run(common: &Common, build: &Build) -> Result<Exit, Failure> {
    check(build)?;
    let (key, _unpacked) = medium::tree(&build.key, common)?;
    let set = secondary(&key, &choice(common, build)?).map_err(failure)?;
    match &build.output {
        Some(path) => {
            let file = NewFile::create(path)?;
            let out = file.handle()?;
            write(&set, build, out, true)?;
            file.finish()?;
        }
        None => {
            let out = io::stdout().as_fd().try_clone_to_owned()?;
            let mut out = File::from(out);
            let holes = is_new_file(&mut out);
            write(&set, build, out, holes)?;
        }
    }
    Ok(Exit::Done)
}

fn check(build: &Build) -> Result<(), Failure> {
    if build.output.is_none() && io::stdout().is_terminal() {
        return Err(Failure::bad(
            "what is built is nothing for a terminal; give a file with -o FILE, or a pipe",
        ));
    }
    if build.config.as_deref() == Some("-") && build.networking.as_deref() == Some("-") {
        return Err(Failure::bad(
            "only one of --config and --networking can be standard input",
        ));
    }
    if build.pool.is_some() && build.format == Format::Img {
        return Err(Failure::bad(
            "--pool is of a boot dataset, and a disk image is of a key",
        ));
    }
    if build.size.is_some() && build.format == Format::Tgz {
        return Err(Failure::bad(
            "--size is of a disk image; an archive is as large as it gets",
        ));
    }
    Ok(())
}

fn choice(common: &Common, build: &Build) -> Result<Choice, Failure> {
    let read = |from: &Option<String>| from.as_deref().map(input::read).transpose();
    let deployed = || Some(common.root.join(INSTALLER)).filter(|path| path.is_file());
    Ok(Choice {
        platforms: build.platforms.clone(),
        config: read(&build.config)?,
        networking: read(&build.networking)?,
        sdcadm: build.sdcadm.clone().or_else(deployed),
        pool: build.pool.clone(),
    })
}

fn write(set: &Tree, build: &Build, mut out: File, holes: bool) -> Result<(), Failure> {
    match build.format {
        Format::Tgz => {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            let effort = Effort {
                level: build.level,
                threads: build.jobs.unwrap_or(cores),
            };
            write_tgz(set, out, effort).map(drop)
        }
        Format::Img => {
            let sink = match holes {
                true => Sink::Sparse(out),
                false => Sink::Stream(&mut out),
            };
            write_image(set, build.size.unwrap_or(DEFAULT_SIZE), sink)
        }
    }
    .map_err(failure)
}

/// Whether this is an empty file, where what is skipped reads as zeros. What is written to one that only grows at its end
/// (`>>`) would not stand where it belongs.
fn is_new_file(out: &mut File) -> bool {
    let empty = out
        .metadata()
        .is_ok_and(|about| about.is_file() && about.len() == 0);
    let appends = fcntl_getfl(&*out).map_or(true, |flags| flags.contains(OFlags::APPEND));
    empty && !appends && out.stream_position().is_ok_and(|at| at == 0)
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::path::Path;

    use super::*;

    fn opened(path: &Path, append: bool) -> File {
        let mut options = OpenOptions::new();
        options.create(true).write(true).append(append);
        options.open(path).unwrap()
    }

    #[test]
    fn holes_are_left_only_in_a_file_that_is_new() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        assert!(is_new_file(&mut opened(&path, false)));
        assert!(!is_new_file(&mut opened(&path, true)));
        std::fs::write(&path, "x").unwrap();
        assert!(!is_new_file(&mut opened(&path, false)));
        assert!(!is_new_file(
            &mut File::options().write(true).open("/dev/null").unwrap()
        ));
    }
}
