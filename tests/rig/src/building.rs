// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `rig build`: from Debian's packages to a kernel and a RAM disk in the cache. Everything happens in a folder beside its
//! destination, which is renamed into place when it is whole.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

use crate::cache::{self, Build};
use crate::error::{Attempted, Result, RigError};
use crate::{preflight, recipe};

/// Builds what is missing, telling `say` how it goes. Where a build of this recipe is there, that is all, unless `refresh`
/// asks apt whether it has newer packages.
pub fn build(refresh: bool, say: &mut dyn FnMut(&str)) -> Result<Build> {
    let cache = cache::folder()?;
    if !refresh && let Ok(build) = cache::built() {
        say(&format!(
            "the rig is there: {}",
            cache.join(&build.name).display()
        ));
        return Ok(build);
    }
    preflight::can_build()?;
    fs::create_dir_all(&cache).attempted(format!("making {}", cache.display()))?;
    let started = Instant::now();
    let scratch = Scratch::new(&cache)?;
    recipe::write_into(&scratch.path("recipe")?)?;
    say("asking apt for the packages' versions");
    let apt = cache.join("apt");
    let list = scratch.script("packages.sh", ["versions".as_ref(), apt.as_os_str()], say)?;
    let (of_kernel, of_image) = recipe::versions(&list);
    let kernel = cache.join(format!("kernel-{}-{of_kernel}", recipe::kernel()));
    let image = cache.join(format!("{}-{of_image}", recipe::image()));
    if !(kernel.is_dir() && image.is_dir()) {
        say("fetching the packages");
        let debs = scratch.path("debs")?;
        let words = ["download".as_ref(), apt.as_os_str(), debs.as_os_str()];
        scratch.script("packages.sh", words, say)?;
        make_kernel(&scratch, &debs, &kernel, say)?;
        make_image(&scratch, &debs, &kernel, &image, &list, say)?;
    }
    say(&format!(
        "built in {} s: {}",
        started.elapsed().as_secs(),
        image.display()
    ));
    cache::built()
}

fn make_kernel(
    scratch: &Scratch,
    debs: &Path,
    kernel: &Path,
    say: &mut dyn FnMut(&str),
) -> Result<()> {
    if kernel.is_dir() {
        say("the kernel is there");
        return Ok(());
    }
    say("building the kernel and ZFS's modules (about 6 minutes on two processors)");
    let (work, out) = (scratch.path("kernel-work")?, scratch.path("kernel")?);
    scratch.script(
        "kernel.sh",
        [debs.as_os_str(), work.as_os_str(), out.as_os_str()],
        say,
    )?;
    into_place(&out, kernel)
}

fn make_image(
    scratch: &Scratch,
    debs: &Path,
    kernel: &Path,
    image: &Path,
    list: &str,
    say: &mut dyn FnMut(&str),
) -> Result<()> {
    say("making the RAM disk");
    let (work, out) = (scratch.path("image-work")?, scratch.path("image")?);
    scratch.script(
        "image.sh",
        [
            debs.as_os_str(),
            kernel.as_os_str(),
            work.as_os_str(),
            out.as_os_str(),
        ],
        say,
    )?;
    let name = kernel.file_name().unwrap_or_default();
    fs::write(out.join("packages"), list)
        .and_then(|()| symlink(Path::new("..").join(name), out.join("kernel")))
        .attempted(format!("completing {}", out.display()))?;
    into_place(&out, image)
}

fn into_place(made: &Path, place: &Path) -> Result<()> {
    match fs::rename(made, place) {
        // Somebody else built the same meanwhile.
        Err(_) if place.is_dir() => Ok(()),
        result => result.attempted(format!("putting {} into place", place.display())),
    }
}

/// The folder that a build happens in; gone when the build ends.
struct Scratch(TempDir);

impl Scratch {
    fn new(cache: &Path) -> Result<Scratch> {
        tempfile::Builder::new()
            .prefix(".building-")
            .tempdir_in(cache)
            .map(Scratch)
            .attempted(format!("making a folder in {}", cache.display()))
    }

    fn path(&self, name: &str) -> Result<PathBuf> {
        let path = self.0.path().join(name);
        fs::create_dir_all(&path).attempted(format!("making {}", path.display()))?;
        Ok(path)
    }

    /// Runs a script of the recipe and returns what it prints. Lines that begin with `rig:` tell of progress instead.
    fn script<'a>(
        &self,
        name: &str,
        words: impl IntoIterator<Item = &'a OsStr>,
        say: &mut dyn FnMut(&str),
    ) -> Result<String> {
        let on = || format!("running {name}");
        let complaints = self.0.path().join("complaints");
        let mut child = Command::new(self.0.path().join("recipe").join(name))
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&complaints).attempted(on())?)
            .spawn()
            .attempted(on())?;
        let mut printed = String::new();
        for line in child
            .stdout
            .take()
            .map(BufReader::new)
            .into_iter()
            .flat_map(BufRead::lines)
        {
            let line = line.attempted(on())?;
            match line.strip_prefix("rig: ") {
                Some(progress) => say(progress),
                None => printed.extend([&line, "\n"]),
            }
        }
        let status = child.wait().attempted(on())?;
        let complaints = fs::read_to_string(&complaints).unwrap_or_default();
        match status.code() {
            Some(0) => Ok(printed),
            Some(3) => {
                let why = complaints.lines().last().unwrap_or(name);
                Err(RigError::CannotHere(
                    why.trim_start_matches("no rig: ").to_owned(),
                ))
            }
            _ => Err(RigError::Failed(format!(
                "building the rig: {name}: {status}\n{complaints}"
            ))),
        }
    }
}
