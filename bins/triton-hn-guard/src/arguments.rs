// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What `triton-hn-guard` may be asked.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use cli::Common;
use cli::exit::EXIT_CODES;
use sync::keep::period;

const EXAMPLES: &str = "\
Examples:
  What did it find, and who was asked:
    triton-hn-guard status
  headnode0 was reinstalled, and may run what it has:
    triton-hn-guard lift headnode0";

/// Keep a headnode that was declared dead from serving beside what took its place
#[derive(Debug, Parser)]
#[command(name = "triton-hn-guard", version, after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,

    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Ask the other headnodes whether this one was declared dead; if so, park what was replaced
    Run(Run),
    /// What was found last
    Status,
    /// Let a server that was declared dead run again what it has
    Lift(Lift),
}

#[derive(Debug, Args)]
pub struct Run {
    /// How long to wait for an answer before the zones may start
    #[arg(long, value_name = "PERIOD", default_value = "60s", value_parser = period)]
    pub patience: Duration,

    /// Go on asking, so often
    #[arg(long, value_name = "PERIOD", value_parser = period)]
    pub every: Option<Duration>,
}

#[derive(Debug, Args)]
pub struct Lift {
    /// The server, by hostname or UUID
    #[arg(value_name = "SERVER")]
    pub server: String,

    /// Do not ask
    #[arg(long)]
    pub yes: bool,
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
