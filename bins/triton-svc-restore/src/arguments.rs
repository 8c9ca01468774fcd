// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What `triton-svc-restore` may be asked.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use cli::Common;
use cli::exit::EXIT_CODES;

const EXAMPLES: &str = "\
Examples:
  What would happen, step by step:
    triton-svc-restore --lost headnode0 --plan | jq -r '.steps[] | .id + \"  \" + .why'
  Do it, after showing the plan and asking:
    triton-svc-restore --lost headnode0
  Only sapi and imgapi, taken apart:
    triton-inventory | triton-svc-restore --lost headnode0 --plan -i - sapi imgapi | triton-apply --yes
  The dead zones' own addresses, once the machine is switched off:
    triton-svc-restore --lost headnode0 --ips reuse --powered-off
  A zone of this headnode that was destroyed by mistake:
    triton-svc-restore --local imgapi
  Before anything is lost, set addresses aside that a restore can use while NAPI is down:
    triton-svc-restore reserve
  Days later, when all is well: give up the restore points that it came from
    triton-svc-restore settle";

/// Bring the services of a lost headnode back on this one
#[derive(Debug, Parser)]
#[command(name = "triton-svc-restore", version, after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Server given up as lost, by hostname or UUID
    #[arg(
        long,
        value_name = "SERVER",
        required_unless_present = "local",
        value_delimiter = ','
    )]
    pub lost: Vec<String>,

    /// No server is lost: bring back zones that were destroyed on this headnode, and that SAPI still has
    #[arg(long, conflicts_with_all = ["lost", "on"])]
    pub local: bool,

    /// Where the services come back [default: this headnode]
    #[arg(long, value_name = "SERVER")]
    pub on: Option<String>,

    /// Only these services
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,

    /// All but this service
    #[arg(long, value_name = "SERVICE", value_delimiter = ',')]
    pub except: Vec<String>,

    /// Print the plan and change nothing
    #[arg(long)]
    pub plan: bool,

    /// Plan from this inventory instead of taking one; `-` is standard input
    #[arg(short = 'i', long = "inventory", value_name = "FILE")]
    pub inventory: Option<String>,

    /// Which addresses the new zones get: such as NAPI gives or were reserved, or those of the zones they replace
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = Ips::New)]
    pub ips: Ips,

    /// I have seen that the lost servers' power is off
    #[arg(long)]
    pub powered_off: bool,

    /// Oldest data that is restored without asking
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = clap::value_parser!(i64).range(1..))]
    pub max_age: i64,

    /// Restore data older than that
    #[arg(long)]
    pub accept_old_data: bool,

    /// Go on though there is too little memory or disk for what comes back
    #[arg(long)]
    pub accept_little_room: bool,

    /// Go on though the platform is older than an image wants
    #[arg(long)]
    pub accept_old_platform: bool,

    /// Go on though compute nodes boot platforms that are not here
    #[arg(long)]
    pub accept_missing_platforms: bool,

    /// Go on though the firewall rules that core zones rely on are missing here
    #[arg(long)]
    pub accept_no_firewall_rules: bool,

    /// Go on though another headnode can't be reached and put right
    #[arg(long)]
    pub accept_unreached: bool,

    /// Go on though no majority of the datacenter's ZooKeeper answers: nobody keeps another headnode from changing the same
    #[arg(long)]
    pub accept_no_majority: bool,

    /// Do not ask before applying
    #[arg(long)]
    pub yes: bool,

    /// Where a service is, when its name can't say
    #[arg(long = "url", value_name = "SERVICE=URL", value_parser = cli::flags::service_url)]
    pub urls: Vec<(String, String)>,

    /// Private key to log in with on the other headnodes [default: the operator's agent, or ssh's own]
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,

    /// Pinned host keys of the other headnodes
    #[arg(long, value_name = "FILE")]
    pub known_hosts: Option<PathBuf>,

    /// Steps that run at once; waits do not count
    #[arg(short = 'j', long, value_name = "N", default_value_t = 8, value_parser = cli::flags::at_least_one)]
    pub jobs: usize,

    /// Events as JSON lines, even on a terminal
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ips {
    New,
    Reuse,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Set addresses aside for a restore, while NAPI lives to do it
    Reserve(Reserve),
    /// Keep what was restored: give up the restore points that it came from
    Settle(Settle),
}

const RESERVE_EXAMPLES: &str = "\
Examples:
  How many addresses are needed, and how many are there:
    triton-svc-restore reserve --plan
  Set aside what is missing; the next sync takes it into restore data:
    triton-svc-restore reserve --yes";

#[derive(Debug, Args)]
#[command(after_help = format!("{RESERVE_EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct Reserve {
    /// Say what is needed and change nothing
    #[arg(long)]
    pub plan: bool,

    /// Do not ask before changing NAPI
    #[arg(long)]
    pub yes: bool,

    /// Where a service is, when its name can't say
    #[arg(long = "url", value_name = "SERVICE=URL", value_parser = cli::flags::service_url)]
    pub urls: Vec<(String, String)>,

    #[command(flatten)]
    pub common: Common,
}

const SETTLE_EXAMPLES: &str = "\
Examples:
  What is still a clone of its restore point:
    triton-svc-restore settle --plan
  All is well: let everything stand on its own
    triton-svc-restore settle --yes
  Only imgapi's:
    triton-svc-restore settle imgapi1";

#[derive(Debug, Args)]
#[command(after_help = format!("{SETTLE_EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct Settle {
    /// Only these zones, by alias or UUID
    #[arg(value_name = "ZONE")]
    pub zones: Vec<String>,

    /// Say what would be settled and change nothing
    #[arg(long)]
    pub plan: bool,

    /// Do not ask before promoting
    #[arg(long)]
    pub yes: bool,

    #[command(flatten)]
    pub common: Common,
}

impl AsRef<Common> for Arguments {
    fn as_ref(&self) -> &Common {
        match &self.command {
            Some(Command::Reserve(reserve)) => &reserve.common,
            Some(Command::Settle(settle)) => &settle.common,
            None => &self.common,
        }
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
