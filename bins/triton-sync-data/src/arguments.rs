// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The command line of `triton-sync-data`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use cli::flags::service_url;
use cli::signals::{self, Interrupted};
use cli::{Common, Failure, TableFlags, install};
use contract::row::SyncUse;
use documents::Uuid;
use documents::restore_data::FOLDER;
use platform::{Canceller, Host, end_all_children};
use sync::headnodes::Login;
use sync::keep::{Grid, period};
use sync::members::Clusters;
use sync::serve::{self, Server};
use sync::{Importance, Services, Store, Sync};

/// Pull what restores the other headnodes' services: their records, the images they use, their delegate datasets.
///
/// Each dataset ends with a restore point, recorded only once it is proven whole; a run that is killed is completed by the next
/// one. Only snapshots that this tool took are ever removed.
#[derive(Debug, Parser)]
#[command(
    name = "triton-sync-data",
    version,
    args_conflicts_with_subcommands = true,
    after_help = EXAMPLES,
    after_long_help = EXAMPLES
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Verb>,

    /// Only from this headnode: hostname, UUID or admin address (may be given several times) [default: all others]
    #[arg(long, value_name = "SERVER", value_delimiter = ',')]
    from: Vec<String>,

    /// Sync this headnode's own zones to itself too; alone, nothing else
    #[arg(long)]
    local: bool,

    /// Show what would be sent, and change nothing
    #[arg(long)]
    plan: bool,

    /// Where a service is, when its name can't say (may be given several times)
    #[arg(long = "url", value_name = "SERVICE=URL", value_parser = service_url)]
    urls: Vec<(String, String)>,

    /// Private key to log in with on the other headnodes [default: the operator's agent, or ssh's own]
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,

    /// Pinned host keys of the other headnodes
    #[arg(long, value_name = "FILE")]
    known_hosts: Option<PathBuf>,

    /// Which restore points are kept: of each period the newest, for so many periods
    #[arg(long, value_name = "GRID", default_value = "12x5m,24x1h,7x1d")]
    keep: Grid,

    /// How long copies of zones that are gone from their server are kept (7d, 720h)
    #[arg(long, value_name = "PERIOD", default_value = "30d", value_parser = period)]
    keep_vanished: Duration,

    /// Bytes of the pool that stay free, whatever is to be received (K, M, G)
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = size)]
    reserve: u64,

    /// Bytes a second that a stream may take (K, M, G) [default: all there is]
    #[arg(long, value_name = "RATE", value_parser = size)]
    limit_rate: Option<u64>,

    /// How many headnodes are pulled from at once
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = jobs)]
    jobs: usize,

    /// Go on: pull again each time this has passed, or when another headnode asks for it (90s, 5m, 1h)
    #[arg(long, value_name = "PERIOD", value_parser = period, conflicts_with = "plan")]
    every: Option<Duration>,

    #[command(flatten)]
    table: TableFlags,

    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// How old the data of each restore point is; exit 1 when a required one is too old or was never whole
    Status {
        /// Oldest data that is good, in seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 900,
              value_parser = clap::value_parser!(i64).range(1..))]
        limit: i64,

        /// Merge what several headnodes answered, as sdc-oneachnode -j or -J prints it; - is standard input
        #[arg(short, long, value_name = "FILE")]
        input: Option<String>,

        /// Also write it for node_exporter's textfile collector
        #[arg(long, value_name = "FILE")]
        prometheus: Option<PathBuf>,

        #[command(flatten)]
        table: TableFlags,
    },
    /// Holds on snapshots that sync took: whose, and what they keep
    Holds {
        /// Release those whose tag is of sync; what others hold stays
        #[arg(long)]
        release: bool,

        #[command(flatten)]
        table: TableFlags,
    },
    /// Ask the other headnodes to pull from this one now
    Poke,
    /// Set up and show who may pull from whom
    Trust {
        #[command(subcommand)]
        verb: TrustVerb,
    },
    /// Answer another headnode's sync on standard input and output; what its key may run here, and nothing else
    Serve {
        /// UUID of the headnode that asks; it may touch its own snapshots and no others
        #[arg(long = "for", value_name = "SERVER")]
        target: Uuid,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub enum TrustVerb {
    /// Print what the others need to trust this headnode, as one line of JSON; makes its key when it has none
    Show,
    /// Let the headnodes whose lines are read pull from this one, and pin their host keys
    Add {
        /// Where the lines are; - is standard input
        #[arg(short, long, value_name = "FILE")]
        input: String,
    },
    /// The headnodes that trust is set up with
    Ls {
        #[command(flatten)]
        table: TableFlags,
    },
    /// Take it back
    Remove {
        /// UUID or hostname
        server: String,
    },
}

/// What is asked of the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Oldest data that is good, in seconds.
    pub limit: i64,
    /// Answers of several headnodes; without them, what is kept here.
    pub input: Option<String>,
    pub prometheus: Option<PathBuf>,
}

/// What is asked for.
pub enum Wanted {
    Run,
    Preview,
    Status(Asked),
    Holds(bool),
    Serve(Uuid),
    Poke,
    Trust(TrustVerb),
}

const EXAMPLES: &str = "Examples:
  triton-sync-data                           pull from all other headnodes
  triton-sync-data --from headnode0          pull from one
  triton-sync-data --plan                    what would be sent, and how much
  triton-sync-data status --limit 600        how far behind are we

Exit codes: 0 done, 1 some failed (each is named), 2 bad usage or input, 3 refused by a precondition (another sync or a\nrestore is running), 4 partly done and resumable.";

impl AsRef<Common> for Arguments {
    fn as_ref(&self) -> &Common {
        &self.common
    }
}

impl Arguments {
    pub fn wanted(&self) -> Wanted {
        match (&self.command, self.plan) {
            (
                Some(Verb::Status {
                    limit,
                    input,
                    prometheus,
                    ..
                }),
                _,
            ) => Wanted::Status(Asked {
                limit: *limit,
                input: input.clone(),
                prometheus: prometheus.clone(),
            }),
            (Some(Verb::Holds { release, .. }), _) => Wanted::Holds(*release),
            (Some(Verb::Poke), _) => Wanted::Poke,
            (Some(Verb::Trust { verb }), _) => Wanted::Trust(verb.clone()),
            (Some(Verb::Serve { target }), _) => Wanted::Serve(*target),
            (None, true) => Wanted::Preview,
            (None, false) => Wanted::Run,
        }
    }

    pub fn host(&self) -> Host {
        Host::local(&self.common.root)
    }

    pub fn every(&self) -> Option<Duration> {
        self.every
    }

    /// What a poke touches.
    pub fn poked(&self) -> PathBuf {
        Host::local(&self.common.root).path(serve::POKE)
    }

    pub fn table(&self) -> &TableFlags {
        match &self.command {
            Some(Verb::Status { table, .. } | Verb::Holds { table, .. }) => table,
            Some(Verb::Trust {
                verb: TrustVerb::Ls { table },
            }) => table,
            Some(Verb::Poke | Verb::Trust { .. } | Verb::Serve { .. }) | None => &self.table,
        }
    }

    pub fn store(&self) -> Store {
        Store::new(Host::local(&self.common.root).path(FOLDER))
    }

    /// What the catalogue says is worth syncing. A broken plugin costs its refinement, not the sync.
    pub fn services(&self) -> Result<Services, Failure> {
        let plugins = install::plugins(&self.common)?;
        let catalogue = install::catalogue(&self.common)?.refined(&plugins);
        let worth = |row: &contract::Row| match row.delegate_dataset.as_ref()?.sync {
            SyncUse::Required => Some(Importance::Required),
            SyncUse::Useful => Some(Importance::Useful),
            SyncUse::Never => None,
        };
        Ok(catalogue
            .rows()
            .filter_map(|row| {
                if let Some(fault) = catalogue.fault(&row.service) {
                    tracing::info!("{}: {fault}; synced as its catalogue row says", row.service);
                }
                Some((row.service.clone(), worth(row)?))
            })
            .collect())
    }

    /// What the catalogue says of services whose members are each other's copies.
    fn clusters(&self) -> Result<Clusters, Failure> {
        let catalogue = install::catalogue(&self.common)?;
        let cluster = |row: &contract::Row| match &row.restore {
            contract::row::Restore::Rejoin { why } => Some((row.service.clone(), why.clone())),
            _ => None,
        };
        Ok(catalogue.rows().filter_map(cluster).collect())
    }

    pub fn server(&self, target: Uuid) -> Result<Server, Failure> {
        Ok(Server {
            host: Host::local(&self.common.root),
            target,
            services: self.services()?,
        })
    }

    pub fn sync(&self) -> Result<(Sync, Interrupted), Failure> {
        let canceller = Canceller::new();
        let cancelled = canceller.clone();
        let interrupted = signals::watch(move || cancelled.cancel(), end_all_children)?;
        let sync = Sync {
            host: Host::local(&self.common.root).with_canceller(canceller.clone()),
            from: self.from.clone(),
            local: self.local,
            services: self.services()?,
            urls: self.urls.iter().cloned().collect(),
            login: Login {
                identity: self.identity.clone(),
                known_hosts: self.known_hosts.clone(),
                canceller: Some(canceller),
            },
            keep: self.keep.clone(),
            reserve: self.reserve,
            limit_rate: self.limit_rate,
            keep_vanished: i64::try_from(self.keep_vanished.as_secs()).unwrap_or(i64::MAX),
            clusters: self.clusters()?,
            jobs: self.jobs,
            program: program(),
            product: concat!("triton-sync-data/", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        Ok((sync, interrupted))
    }
}

fn jobs(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=64).contains(number));
    number.ok_or_else(|| format!("\"{text}\" is no number from 1 to 64"))
}

/// `512`, `64K`, `1.5G` is not: whole numbers of bytes, or of 1024 of them and so on.
fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("\"{text}\" is not of the form 512, 64K, 16M or 1G");
    let digits = text.trim_end_matches(['K', 'M', 'G']);
    let factor: u64 = match &text[digits.len()..] {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(factor).ok_or_else(wrong)
}

/// Where this tool lies; on every headnode it is the same place.
pub fn program() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    match path.as_os_str().is_empty() {
        true => "triton-sync-data".to_owned(),
        false => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from([&["triton-sync-data"], words].concat())
    }

    #[test]
    fn a_run_a_preview_and_the_status_are_told_apart() {
        assert!(matches!(parse(&[]).unwrap().wanted(), Wanted::Run));
        assert!(matches!(
            parse(&["--plan"]).unwrap().wanted(),
            Wanted::Preview
        ));
        let status = parse(&["status", "--limit", "600", "-j"]).unwrap();
        assert!(matches!(
            status.wanted(),
            Wanted::Status(Asked { limit: 600, .. })
        ));
        assert!(status.table().json);
    }

    #[test]
    fn several_sources_can_be_named() {
        let arguments = parse(&["--from", "headnode0,headnode3", "--from", "10.99.99.9"]).unwrap();
        assert_eq!(arguments.from, ["headnode0", "headnode3", "10.99.99.9"]);
        assert!(parse(&["--from"]).is_err());
        assert!(parse(&["--from", "headnode0", "--plan"]).is_ok());
        // A second word is a command, not a second source.
        assert!(parse(&["--from", "headnode0", "headnode3"]).is_err());
    }

    #[test]
    fn sizes_and_periods_have_units_or_are_refused() {
        assert_eq!(size("16M"), Ok(16 << 20));
        assert_eq!(size("512"), Ok(512));
        for bad in ["", "K", "1KK", "1T", "-1", "99999999999G"] {
            assert!(size(bad).is_err(), "{bad}");
        }
        assert_eq!(period("5m"), Ok(Duration::from_secs(300)));
        assert!(period("5").is_err() && period("0s").is_err());
        assert!(parse(&["--every", "5m", "--plan"]).is_err());
    }

    #[test]
    fn a_status_takes_no_flags_of_a_run() {
        assert!(parse(&["--local", "status"]).is_err());
    }
}
