// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What is known about each core service, and whether its plugin works. Looks only; changes nothing.

mod call;
mod check;
mod describe;
mod ls;
mod state;

use clap::{Parser, Subcommand};
use cli::exit::EXIT_CODES;
use cli::{Common, Exit, Failure, TableFlags};

/// List, describe, check and ask the plugins that know core services.
#[derive(Debug, Parser)]
#[command(name = "triton-plugin", version, after_help = examples())]
pub struct Arguments {
    #[command(flatten)]
    common: Common,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List core services: how each is restored, and the state of its plugin
    #[command(visible_alias = "list")]
    Ls {
        #[command(flatten)]
        table: TableFlags,
    },
    /// Print all that is known about one service, as JSON
    Describe {
        /// Core service, such as imgapi
        service: String,
    },
    /// Load and question every plugin, and hold it against the catalogue; exit 1 if one is broken
    Check {
        #[command(flatten)]
        table: TableFlags,
    },
    /// Ask one plugin the question on standard input; its answer is one line of JSON
    Call {
        /// Core service, such as imgapi
        service: String,
    },
}

impl AsRef<Common> for Arguments {
    fn as_ref(&self) -> &Common {
        &self.common
    }
}

fn examples() -> String {
    format!(
        "Examples:\n  \
         triton-plugin ls\n  \
         triton-plugin ls -H -o service,plugin,fault\n  \
         triton-plugin describe imgapi | jq .delegate_dataset\n  \
         triton-plugin check\n  \
         echo '{{\"question\":\"describe\"}}' | triton-plugin call imgapi\n\n{EXIT_CODES}"
    )
}

/// The tool.
pub fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let common = &arguments.common;
    match arguments.command {
        Command::Ls { table } => ls::run(common, &table),
        Command::Describe { service } => describe::run(common, &service),
        Command::Check { table } => check::run(common, &table),
        Command::Call { service } => call::run(common, &service),
    }
}
