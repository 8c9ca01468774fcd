// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `triton-apply`: apply a plan from standard input, whole or a step of it.

mod arguments;

use std::process::ExitCode;

use apply::{Options, RefusalKind, World, WorldOptions};
use arguments::Arguments;
use cli::events::{self, EventPrinter};
use cli::{Exit, Failure, confirm, input, notices, signals};
use documents::event::Outcome;
use documents::read;
use platform::Canceller;

fn main() -> ExitCode {
    cli::main(run)
}

fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let plan = read::plan(&input::stdin("a plan on standard input")?)?;
    confirm::confirm(&arguments.question(&plan), arguments.yes)?;
    let canceller = Canceller::new();
    let cancelled = canceller.clone();
    let interrupted = signals::watch(move || cancelled.cancel(), platform::end_all_children)?;
    let options = WorldOptions {
        root: arguments.common.root.clone(),
        product: concat!("triton-apply/", env!("CARGO_PKG_VERSION")).to_owned(),
        urls: arguments.urls.clone(),
        canceller,
        known: Default::default(),
    };
    let world = World::here(options, plan.run).map_err(Failure::failed)?;
    let printer = EventPrinter::new(arguments.json, plan.steps.len());
    let options: Options = arguments.into();
    let summary = apply::apply(&plan, &world, &options, &|event| printer.print(event)).map_err(
        |refused| Failure {
            exit: exit_of(&refused),
            message: refused.to_string(),
        },
    )?;
    // One step by hand restores no service yet, and neither does half a run or one that was taken back.
    if options.only.is_empty() && summary.outcome == Outcome::Done {
        notices::remind(&plan.notices, &options.skip);
    }
    Ok(events::exit(&summary, interrupted.by()))
}

fn exit_of(refused: &apply::Refused) -> Exit {
    match refused.kind {
        RefusalKind::Input => Exit::Bad,
        RefusalKind::Precondition => Exit::Refused,
        RefusalKind::Failure => Exit::Failed,
    }
}
