// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What `triton-usbkey-image` may be asked.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use cli::exit::EXIT_CODES;
use cli::{Common, TableFlags};

const EXAMPLES: &str = "\
Examples:
  Is another headnode's key the same as this one's?
    ssh 10.99.99.8 triton-usbkey-image manifest /mnt/usbkey | triton-usbkey-image diff /mnt/usbkey -
  The config of a compute node that becomes a headnode:
    triton-inventory | triton-usbkey-image config -i - --networking cn2.json -o cn2.config
  Its medium, as an archive for a mounted key or a boot dataset, and as a disk image:
    triton-usbkey-image build /mnt/usbkey --config cn2.config --networking cn2.json -o cn2.tgz
    triton-usbkey-image build /mnt/usbkey --config cn2.config --format img -o cn2.img
  Put what changed there on this headnode's own medium; what is replaced is kept beside it:
    triton-usbkey-image write cn2.img --plan
    triton-usbkey-image write cn2.img
  Are the other headnodes' media and /usbkey like this one's, and make one so:
    triton-usbkey-image status
    triton-usbkey-image sync headnode1
  What is in it, without mounting anything:
    triton-usbkey-image manifest cn2.img | jq -r .path";

/// Tell what is on a headnode's boot medium, and make that of a new headnode
#[derive(Debug, Parser)]
#[command(name = "triton-usbkey-image", version, after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct Arguments {
    #[command(flatten)]
    pub common: Common,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List a medium's files as JSON lines: path, size, mode, SHA-256
    Manifest {
        /// Folder, disk image, archive or manifest; `-` is one of the last three on standard input [default: this
        /// headnode's own medium]
        #[arg(value_name = "MEDIUM")]
        medium: Option<PathBuf>,

        /// Only what all headnodes should have alike
        #[arg(long)]
        shared: bool,
    },
    /// Show how two media differ; exit 1 if they do
    Diff(Diff),
    /// Write what a secondary headnode boots from, to standard output or a new file
    Build(Box<Build>),
    /// Put a medium's files on this headnode's own, and into /usbkey
    Write(Write),
    /// Tell which headnodes' media and /usbkey are not like this one's; exit 1 if one is not, or did not answer
    Status(Status),
    /// Bring other headnodes' media and /usbkey in line with this one's
    Sync(Sync),
    /// Write a new headnode's config, made of the datacenter's
    Config(Config),
}

#[derive(Debug, Args)]
pub struct Diff {
    /// Folder, disk image, archive or manifest; `-` is one of the last three on standard input
    pub a: PathBuf,

    /// The other
    pub b: PathBuf,

    /// Compare permissions, too, where both have them
    #[arg(long)]
    pub modes: bool,

    #[command(flatten)]
    pub table: TableFlags,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Tgz,
    Img,
}

#[derive(Debug, Args)]
pub struct Build {
    /// A headnode's mounted key or boot dataset, a copy of it, or a disk image
    pub key: PathBuf,

    /// An archive, or a disk image that boots
    #[arg(long, value_name = "FORM", default_value = "tgz")]
    pub format: Format,

    /// Platform to take, the one to boot first [default: what the key boots and can roll back to]
    #[arg(long = "platform", value_name = "STAMP", value_delimiter = ',')]
    pub platforms: Vec<String>,

    /// The new headnode's config; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,

    /// Its networking.json, where the datacenter boots with one
    #[arg(long, value_name = "FILE")]
    pub networking: Option<String>,

    /// Installer of the sdcadm to put on it [default: /usbkey/extra/sdcadm/sdcadm.sh]
    #[arg(long, value_name = "FILE")]
    pub sdcadm: Option<PathBuf>,

    /// The pool that boots, where the medium will be its boot dataset and no key
    #[arg(long, value_name = "POOL")]
    pub pool: Option<String>,

    /// Size of the disk image [default: 8000000000]
    #[arg(long, value_name = "BYTES")]
    pub size: Option<u64>,

    /// How hard to compress an archive, 1 to 9
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=9))]
    pub level: u32,

    /// Threads that compress [default: one for each core]
    #[arg(short = 'j', long, value_name = "N", value_parser = cli::flags::at_least_one)]
    pub jobs: Option<usize>,

    /// New file to write instead of standard output
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Write {
    /// Folder, disk image or archive that has the files; `-` is an archive on standard input
    pub source: PathBuf,

    /// A mounted key or boot dataset [default: this headnode's, and then /usbkey too]
    #[arg(long, value_name = "FOLDER")]
    pub to: Option<PathBuf>,

    /// Into /usbkey alone, and not on the medium
    #[arg(long, conflicts_with = "to")]
    pub copy: bool,

    /// Print what would be written, and write nothing
    #[arg(long)]
    pub plan: bool,

    /// Do not ask before writing
    #[arg(long)]
    pub yes: bool,
}

/// Which headnodes, and how they are reached.
#[derive(Debug, Args)]
pub struct Peers {
    /// Read the inventory from this file instead of taking one; `-` is standard input
    #[arg(short = 'i', long = "inventory", value_name = "FILE")]
    pub inventory: Option<String>,

    /// Private key to log in to the other headnodes with [default: your agent's]
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,

    /// Pinned host keys of the other headnodes
    #[arg(long, value_name = "FILE")]
    pub known_hosts: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Status {
    /// Headnodes to compare with this one, by hostname or UUID [default: all]
    #[arg(value_name = "HEADNODE")]
    pub headnodes: Vec<String>,

    #[command(flatten)]
    pub peers: Peers,

    #[command(flatten)]
    pub table: TableFlags,
}

#[derive(Debug, Args)]
pub struct Sync {
    /// Headnodes to bring in line, by hostname or UUID
    #[arg(value_name = "HEADNODE", required = true)]
    pub headnodes: Vec<String>,

    #[command(flatten)]
    pub peers: Peers,

    /// Print what would be sent, and send nothing
    #[arg(long)]
    pub plan: bool,

    /// Do not ask before sending
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("node").required(true))]
#[command(group = clap::ArgGroup::new("names").required(true))]
pub struct Config {
    /// The new headnode's networking.json, as booter's hn-netfile prints it; `-` is standard input
    #[arg(long, value_name = "FILE", group = "node")]
    pub networking: Option<String>,

    /// What sysinfo prints on it, where boot-time networking is off; `-` is standard input
    #[arg(long, value_name = "FILE", group = "node")]
    pub sysinfo: Option<String>,

    /// Take the binders that live from this inventory; `-` is standard input
    #[arg(short = 'i', long = "inventory", value_name = "FILE", group = "names")]
    pub inventory: Option<String>,

    /// Addresses of the binders that live
    #[arg(
        long = "binder",
        value_name = "IP",
        value_delimiter = ',',
        group = "names"
    )]
    pub binders: Vec<IpAddr>,

    /// Config of a headnode of the datacenter [default: /usbkey/config]
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,

    /// New file to write instead of standard output
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    pub output: Option<PathBuf>,
}

impl AsRef<Common> for Arguments {
    fn as_ref(&self) -> &Common {
        &self.common
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_flags_do_not_contradict_each_other() {
        Arguments::command().debug_assert();
    }
}
