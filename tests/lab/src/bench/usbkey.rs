// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `cargo lab bench usbkey`: making a boot medium with three platforms, beside what else makes an archive of the same files or
//! copies the same bytes; and what a folder of many files costs.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::measure::{Measured, Run, alternating};
use super::{Figure, report};
use crate::error::{Attempted, LabError, Result};

/// Half a gigabyte each: what SmartOS's boot archive was in 2026.
const PLATFORMS: [&str; 3] = ["20260301t000000z", "20260308t000000z", "20260313t002414z"];
const PLATFORM_MIB: usize = 512;
const LEVEL: &str = "6";
const LOADER_CONF: &[u8] = include_bytes!("../../../fixtures/platform/loader.conf");
const FEW: usize = 100;
const MANY: usize = 1_000;

#[derive(Debug, Args)]
pub struct Arguments {
    /// One JSON line per figure, then the verdict
    #[arg(long)]
    json: bool,

    /// Runs of each; the median counts
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    runs: u8,

    /// Folder with room for six gigabytes [default: the one for temporary files]
    #[arg(long)]
    dir: Option<PathBuf>,
}

pub fn run(arguments: &Arguments, install: &Path) -> Result<bool> {
    let on = "making a folder for the bench";
    let folder = match &arguments.dir {
        Some(dir) => tempfile::tempdir_in(dir).attempted(on)?,
        None => tempfile::tempdir().attempted(on)?,
    };
    let bench = Bench {
        tool: install.join("bin/triton-usbkey-image"),
        folder: folder.path().to_owned(),
        runs: usize::from(arguments.runs),
    };
    eprintln!("bench: making a key of three platforms, 1.5 GiB");
    let key = bench.key("key", large)?;
    let [archive, packed] = bench.archive(&key)?;
    let [image, copied] = bench.image(&key)?;
    let [many, few] = bench.many_files()?;
    let peak = archive.peak_mib.max(image.peak_mib);
    let figures = [
        seconds(
            "archive of three platforms",
            &archive,
            &packed,
            "tar | pigz -p2",
            1.0,
        ),
        seconds(
            "disk image of them",
            &image,
            &copied,
            "dd of the same bytes",
            1.0 / 0.8,
        ),
        seconds(
            "image with 1,000 files in a folder",
            &many,
            &few,
            "one with 100",
            12.0,
        ),
        Figure {
            name: "peak memory of both",
            ours: peak,
            peer: 64.0,
            unit: "MiB",
            peer_is: "the limit",
            target: "< 64 MiB".to_owned(),
            met: peak < 64.0,
        },
    ];
    report(&figures, arguments.json)
}

struct Bench {
    tool: PathBuf,
    folder: PathBuf,
    runs: usize,
}

impl Bench {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A headnode's key, with whatever platforms are put into its folder `os`.
    fn key(&self, name: &str, platforms: impl Fn(&Path) -> Result<()>) -> Result<PathBuf> {
        let key = self.path(name);
        // Its multiboot header is what makes a loader of gptzfsboot.
        let mut loader = vec![0x90; 5_000];
        for (at, word) in [0x1bad_b002_u32, 3, 0_u32.wrapping_sub(0x1bad_b002 + 3)]
            .iter()
            .enumerate()
        {
            loader[512 + at * 4..][..4].copy_from_slice(&word.to_le_bytes());
        }
        for (path, bytes) in [
            (".joyliveusb", &b""[..]),
            ("boot/gptzfsboot", &loader),
            ("boot/loader.conf", LOADER_CONF),
            ("boot/loader64.efi", b"efi"),
            ("boot/pmbr", &[0xcc; 512]),
            ("cn_tools.tar.gz", b"cn tools"),
            ("config", b"hostname=headnode0\n"),
            ("config.inc/generic", b"install_agents=true\n"),
            ("scripts/headnode.sh", b"#!/bin/bash\n"),
            ("tools.tar.gz", b"tools"),
        ] {
            put(&key.join(path), bytes)?;
        }
        put(&self.path("sdcadm.sh"), b"#!/bin/bash\n")?;
        platforms(&key.join("os"))?;
        Ok(key)
    }

    /// The words of a build, but for where it writes.
    fn words(&self, key: &Path, platforms: &str, rest: &[&str]) -> Vec<OsString> {
        let words = ["build", "--platform", platforms, "--sdcadm"];
        let words = words.iter().map(OsString::from);
        let files = [self.path("sdcadm.sh").into(), key.into()];
        let rest = rest.iter().map(OsString::from);
        words.chain(files).chain(rest).collect()
    }

    fn tgz(&self, key: &Path) -> Run {
        let rest = ["--level", LEVEL, "-j", "2"];
        Run::new(&self.tool).args(self.words(key, &PLATFORMS.join(","), &rest))
    }

    /// Ours, and tar with pigz of what is in ours.
    fn archive(&self, key: &Path) -> Result<[Measured; 2]> {
        let (archive, unpacked) = (self.path("key.tgz"), self.path("unpacked"));
        self.tgz(key).args([Path::new("-o"), &archive]).output()?;
        fs::create_dir(&unpacked).attempted("making a folder to unpack into")?;
        Run::new("tar")
            .args(["-xzf"])
            .args([&archive])
            .args(["-C"])
            .args([&unpacked])
            .output()?;
        let peer = format!(
            "tar -cf - -C {} . | pigz -p 2 -{LEVEL} > /dev/null",
            unpacked.display()
        );
        let peer = Run::new("bash").args(["-o", "pipefail", "-c", &peer]);
        alternating([&self.tgz(key), &peer], self.runs)
    }

    /// Ours to a file, and dd of the bytes of all files of the key.
    fn image(&self, key: &Path) -> Result<[Measured; 2]> {
        let (image, copy, bytes) = (self.path("key.img"), self.path("copy"), self.path("bytes"));
        let all = format!(
            "find {} -type f -print0 | xargs -0 cat > {}",
            key.display(),
            bytes.display()
        );
        Run::new("bash")
            .args(["-o", "pipefail", "-c", &all])
            .output()?;
        // Both write a new file each time, down to the disk.
        let ours = Run::new("bash").args(["-c", "rm -f \"$1\"; exec \"${@:2}\"", "bash"]);
        let ours = ours
            .args([&image, &self.tool])
            .args(self.words(key, &PLATFORMS.join(","), &["--format", "img"]))
            .args([Path::new("-o"), &image]);
        let dd = format!(
            "rm -f {copy}; exec dd if={bytes} of={copy} bs=1M conv=fsync status=none",
            copy = copy.display(),
            bytes = bytes.display()
        );
        alternating([&ours, &Run::new("bash").args(["-c", &dd])], self.runs)
    }

    fn many_files(&self) -> Result<[Measured; 2]> {
        let image = |files: usize| {
            let newest = PLATFORMS[PLATFORMS.len() - 1];
            let key = self.key(&format!("with-{files}"), |os| {
                small(&os.join(newest), files)
            })?;
            let rest = ["--format", "img", "--size", "400000000"];
            Ok(Run::new(&self.tool).args(self.words(&key, newest, &rest)))
        };
        let [many, few] = [image(MANY)?, image(FEW)?];
        alternating([&many, &few], self.runs.max(9))
    }
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    let on = || format!("writing {}", path.display());
    let folder = path
        .parent()
        .ok_or_else(|| LabError::Failed(format!("{} is in no folder", path.display())))?;
    fs::create_dir_all(folder).attempted(on())?;
    fs::write(path, bytes).attempted(on())
}

/// Three platforms whose boot archives compress to about half.
fn large(os: &Path) -> Result<()> {
    for (number, stamp) in PLATFORMS.iter().enumerate() {
        let platform = os.join(stamp).join("platform/i86pc");
        put(&platform.join("kernel/amd64/unix"), &[7; 4096])?;
        put(&platform.join("amd64/boot_archive"), b"")?;
        let on = "writing a boot archive";
        let file = File::create(platform.join("amd64/boot_archive")).attempted(on)?;
        let mut out = BufWriter::new(file);
        let mut state = 0x9e37_79b9_7f4a_7c15_u64 + number as u64;
        let mut block = vec![0_u8; 1 << 20];
        for _ in 0..PLATFORM_MIB {
            for (at, word) in block.chunks_exact_mut(8).enumerate() {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                // Every second kilobyte is noise, the others are alike.
                let value = if at / 128 % 2 == 0 {
                    state
                } else {
                    0x2020_2020
                };
                word.copy_from_slice(&value.to_le_bytes());
            }
            out.write_all(&block).attempted(on)?;
        }
        out.flush().attempted(on)?;
    }
    Ok(())
}

fn small(stamp: &Path, files: usize) -> Result<()> {
    let platform = stamp.join("platform/i86pc");
    put(&platform.join("kernel/amd64/unix"), &[7; 4096])?;
    put(&platform.join("amd64/boot_archive"), &[7; 4096])?;
    for number in 0..files {
        put(
            &platform.join(format!("many/a file with a long name {number}")),
            b"one",
        )?;
    }
    Ok(())
}

fn seconds(
    name: &'static str,
    ours: &Measured,
    peer: &Measured,
    peer_is: &'static str,
    most: f64,
) -> Figure {
    Figure {
        name,
        ours: ours.millis / 1_000.0,
        peer: peer.millis / 1_000.0,
        unit: "s",
        peer_is,
        target: format!("<= {most:.2} x"),
        met: ours.millis <= peer.millis * most,
    }
}
