// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What `triton-apply` may be asked.

use apply::{Options, Scope};
use clap::Parser;
use cli::Common;
use cli::exit::EXIT_CODES;
use documents::Plan;
use documents::plan::StepId;

const EXAMPLES: &str = "\
Examples:
  Apply a plan:
    triton-apply < plan.json
  One step, by hand (what it needs must be done already):
    triton-apply --only imgapi/attach < plan.json
  All but one service:
    triton-apply --skip cloudapi < plan.json
  Take back what was done, before any zone was started:
    triton-apply --undo < plan.json";

/// Apply a plan from standard input, whole or a step of it
#[derive(Debug, Parser)]
#[command(name = "triton-apply", version, after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct Arguments {
    /// Only this step
    #[arg(long, value_name = "STEP")]
    pub only: Vec<String>,

    /// Leave this service out; refused when another one needs it
    #[arg(long, value_name = "SERVICE", value_delimiter = ',')]
    pub skip: Vec<String>,

    /// Take steps back instead, in reverse order; refused once a zone was started
    #[arg(long, conflicts_with = "only")]
    pub undo: bool,

    /// Go on though no majority of the datacenter's ZooKeeper answers: nobody keeps another headnode from changing the same
    #[arg(long)]
    pub accept_no_majority: bool,

    /// Do not ask before applying
    #[arg(long)]
    pub yes: bool,

    /// Steps that run at once; waits do not count
    #[arg(short = 'j', long, value_name = "N", default_value_t = 8, value_parser = cli::flags::at_least_one)]
    pub jobs: usize,

    /// Where a service is, when its name can't say
    #[arg(long = "url", value_name = "SERVICE=URL", value_parser = cli::flags::service_url)]
    pub urls: Vec<(String, String)>,

    /// Events as JSON lines, even on a terminal
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub common: Common,
}

impl AsRef<Common> for Arguments {
    fn as_ref(&self) -> &Common {
        &self.common
    }
}

impl Arguments {
    pub fn question(&self, plan: &Plan) -> String {
        let width = plan
            .steps
            .iter()
            .map(|step| step.id.0.len())
            .max()
            .unwrap_or(0);
        let steps: String = plan
            .steps
            .iter()
            .map(|step| format!("  {:<width$}  {}\n", step.id.0, step.why))
            .collect();
        let what = if self.undo { "take back" } else { "apply" };
        let notices = cli::notices::text(&plan.notices);
        format!(
            "{notices}{steps}{what} this plan (run {}, datacenter {})?",
            plan.run, plan.dc.name
        )
    }
}

impl From<Arguments> for Options {
    fn from(arguments: Arguments) -> Options {
        Options {
            jobs: arguments.jobs,
            only: arguments.only.into_iter().map(StepId::from).collect(),
            skip: arguments.skip,
            undo: arguments.undo,
            scope: match arguments.accept_no_majority {
                true => Scope::Reached,
                false => Scope::Datacenter,
            },
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
