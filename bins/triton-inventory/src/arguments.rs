// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The command line of `triton-inventory`.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use cli::flags::service_url;
use cli::signals::{self, Interrupted};
use cli::{Common, Exit, Failure, TableFlags, output};
use documents::Inventory;
use platform::{Canceller, Host, end_all_children};
use sync::headnodes::Login;

/// Print what is: servers, core instances, networks, images, restore points; each fact with where it was learnt and when.
///
/// Live APIs are believed first, then the machines themselves, then restore data; whatever does not answer is listed with the
/// reason, and the rest is as complete as it can be. On a terminal tables are printed, else the document, one line of JSON.
#[derive(Debug, Parser)]
#[command(
    name = "triton-inventory",
    version,
    after_help = EXAMPLES,
    after_long_help = EXAMPLES
)]
pub struct Arguments {
    /// Only this, as a table on a terminal, else as JSON lines
    #[arg(value_enum)]
    pub subject: Option<Subject>,

    /// Where a service is, when its name can't say (may be given several times)
    #[arg(long = "url", value_name = "SERVICE=URL", value_parser = service_url)]
    urls: Vec<(String, String)>,

    /// Private key to log in with on the other headnodes [default: the operator's agent, or ssh's own]
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,

    /// Pinned host keys of the other headnodes
    #[arg(long, value_name = "FILE")]
    known_hosts: Option<PathBuf>,

    #[command(flatten)]
    pub table: TableFlags,

    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Subject {
    Servers,
    Instances,
    /// Restore points on this headnode
    Points,
    /// Addresses set aside for a restore
    Reserved,
    /// Everything that was asked, and whether it answered
    Sources,
}

const EXAMPLES: &str = "Examples:
  triton-inventory                              tables for a person
  triton-inventory | jq .warnings               the whole document
  triton-inventory instances -o alias,server    one table, chosen columns
  triton-inventory --url sapi=http://10.99.99.30 | triton-svc-restore --lost headnode0 --plan -i -

Exit codes: 0 done, 1 failed, 2 bad usage or input, 3 refused by a precondition, 4 partly done and resumable.
A source that does not answer is no failure: it is in the document.";

impl AsRef<Common> for Arguments {
    fn as_ref(&self) -> &Common {
        &self.common
    }
}

impl Arguments {
    pub fn check(&self) -> Result<(), Failure> {
        let flags = &self.table;
        if self.subject.is_none()
            && (flags.no_header || flags.columns.is_some() || flags.sort.is_some())
        {
            return Err(Failure::bad(
                "-H, -o and -s are for one table: say which (servers, instances, points, sources)",
            ));
        }
        Ok(())
    }

    /// The document is for programs, or for who asks for it.
    pub fn wants_document(&self) -> bool {
        self.table.json || !output::for_a_person()
    }

    /// The inventory. One that was interrupted is none: it would look whole.
    pub fn gather(&self) -> Result<Inventory, Failure> {
        let (options, interrupted) = self.options()?;
        let inventory = gather::inventory(&options).map_err(Failure::failed)?;
        match interrupted.by() {
            None => Ok(inventory),
            Some(signal) => Err(Failure {
                exit: Exit::Signal(signal),
                message: "interrupted; no inventory is printed".to_owned(),
            }),
        }
    }

    fn options(&self) -> Result<(gather::Options, Interrupted), Failure> {
        let canceller = Canceller::new();
        let cancelled = canceller.clone();
        let interrupted = signals::watch(move || cancelled.cancel(), end_all_children)?;
        let host = Host::local(&self.common.root).with_canceller(canceller.clone());
        let options = gather::Options {
            host,
            urls: self.urls.iter().cloned().collect(),
            login: Login {
                identity: self.identity.clone(),
                known_hosts: self.known_hosts.clone(),
                canceller: Some(canceller),
            },
            product: concat!("triton-inventory/", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        Ok((options, interrupted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_ends_with_the_exit_codes_that_all_tools_have() {
        assert!(EXAMPLES.contains(cli::exit::EXIT_CODES.trim_end_matches('.')));
    }

    #[test]
    fn table_flags_without_a_table_are_a_mistake() {
        let parse = |words: &[&str]| Arguments::try_parse_from(words).unwrap();
        assert!(parse(&["t", "-H"]).check().is_err());
        assert!(parse(&["t", "servers", "-H"]).check().is_ok());
        assert!(parse(&["t", "-j"]).check().is_ok());
        assert!(Arguments::try_parse_from(["t", "--url", "10.99.99.30"]).is_err());
    }
}
