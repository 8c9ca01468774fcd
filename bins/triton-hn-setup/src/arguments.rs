// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What `triton-hn-setup` may be asked.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use cli::exit::EXIT_CODES;
use cli::flags::service_url;
use cli::{Common, TableFlags};
use plan::setup::Accepted;

const EXAMPLES: &str = "\
Examples:
  May cn1 and cn2 become headnodes, and if not, why:
    triton-hn-setup check cn1 cn2
  What would be done to them, step by step:
    triton-hn-setup cn1 cn2 --plan | jq -r '.steps[] | .id + \"  \" + .why'
  Make them headnodes, after showing the plan and asking; the same again goes on where it was cut off:
    triton-hn-setup cn1 cn2
  Before cn1 has rebooted: let it stay a compute node
    triton-hn-setup cn1 --undo
  Only what stands in the way, for a script:
    triton-hn-setup check cn1 --json | jq -r 'select(.verdict != \"fit\") | .why'";

/// Make compute nodes headnodes
#[derive(Debug, Parser)]
#[command(name = "triton-hn-setup", version, after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<Command>,

    #[command(flatten)]
    pub setup: Setup,

    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Ask every guard about these servers; exit 3 if one refuses or can't tell. Changes nothing
    Check(Box<Check>),
}

#[derive(Debug, Args)]
pub struct Setup {
    #[command(flatten)]
    pub whom: Whom,

    /// Print the plan and exit, applying nothing
    #[arg(long)]
    pub plan: bool,

    /// Do not ask before applying
    #[arg(long)]
    pub yes: bool,

    /// Ask no API: what can be done by ssh alone
    #[arg(long)]
    pub offline: bool,

    /// Take an unfinished run back, up to the reboot
    #[arg(long, conflicts_with = "plan")]
    pub undo: bool,

    /// Steps at once
    #[arg(short = 'j', long, value_name = "N", default_value_t = 8, value_parser = cli::flags::at_least_one)]
    pub jobs: usize,

    /// Print events as JSON lines, even on a terminal
    #[arg(long)]
    pub json: bool,

    /// Without a majority of the datacenter's ZooKeeper, lock what headnodes can be reached
    #[arg(long)]
    pub accept_no_majority: bool,
}

#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    pub whom: Whom,

    #[command(flatten)]
    pub table: TableFlags,
}

/// Which servers, how they are reached, and which risks are taken.
#[derive(Debug, Args)]
pub struct Whom {
    /// Compute nodes, by hostname or UUID
    #[arg(value_name = "SERVER", required = true)]
    pub servers: Vec<String>,

    /// Read the inventory from this file instead of taking one; `-` is standard input
    #[arg(short = 'i', long = "inventory", value_name = "FILE")]
    pub inventory: Option<String>,

    /// Where a service is, when its name can't say (may be given several times)
    #[arg(long = "url", value_name = "SERVICE=URL", value_parser = service_url)]
    pub urls: Vec<(String, String)>,

    /// Private key to look at the servers with [default: your agent's]
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,

    /// Pinned host keys of the servers
    #[arg(long, value_name = "FILE")]
    pub known_hosts: Option<PathBuf>,

    /// More than four headnodes are meant
    #[arg(long)]
    accept_many: bool,

    /// VMs of others may stay on a headnode
    #[arg(long)]
    accept_other_vms: bool,

    /// A server with less memory than a headnode's core zones may use is good enough
    #[arg(long)]
    accept_little_room: bool,
}

impl Whom {
    pub fn accepted(&self) -> Accepted {
        Accepted {
            many: self.accept_many,
            other_vms: self.accept_other_vms,
            little_room: self.accept_little_room,
        }
    }
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
