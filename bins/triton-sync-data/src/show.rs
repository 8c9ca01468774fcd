// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Runs what was asked for and shows it: JSON lines as it happens, or tables when it is over.

use cli::{Column, Exit, Failure, Table, TableFlags, output};
use serde::Serialize;
use serde_json::{Value, json};
use sync::{Line, Preview, SourceSummary, Sync, SyncError};

use crate::arguments::Arguments;
use crate::verdict;

const RESULTS: &[Column] = &[
    Column::new("source"),
    Column::new("service"),
    Column::new("alias"),
    Column::new("outcome"),
    Column::new("bytes"),
    Column::new("lag_seconds"),
    Column::new("why"),
    Column::extra("vm"),
    Column::extra("importance"),
    Column::extra("snapshot"),
    Column::extra("guid"),
    Column::extra("seconds"),
];

const PREVIEW: &[Column] = &[
    Column::new("source"),
    Column::new("service"),
    Column::new("how"),
    Column::new("bytes"),
    Column::new("base"),
    Column::new("why"),
    Column::extra("vm"),
    Column::extra("importance"),
];

pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    Table::check(RESULTS, arguments.table())?;
    let (sync, interrupted) = arguments.sync()?;
    let (summaries, printed) = round(arguments, &sync).map_err(verdict::failure)?;
    printed?;
    Ok(match interrupted.by() {
        Some(signal) => Exit::Signal(signal),
        None => verdict::exit(&summaries),
    })
}

/// One round, shown; and whether somebody read it: a reader that went away does not end a sync.
pub fn round(
    arguments: &Arguments,
    sync: &Sync,
) -> Result<(Vec<SourceSummary>, Result<(), Failure>), SyncError> {
    let flags = arguments.table();
    let as_it_happens = json(flags);
    let mut table = Table::new(RESULTS);
    let mut accounts = String::new();
    let mut broken = None;
    let summaries = sync.run(&mut |line| {
        let printed = match (&line, as_it_happens) {
            (Line::Dataset(result), true) => output::json_line(result),
            (Line::Source(summary), true) => output::json_line(summary),
            (Line::Warning(warning), true) => output::json_line(warning),
            (_, false) => Ok(()),
        };
        match line {
            Line::Dataset(result) => table.row(row(result)),
            Line::Source(summary) => accounts.push_str(&account(summary)),
            Line::Warning(warning) => accounts.push_str(&format!("warning: {}\n", warning.text)),
        }
        broken = broken.take().or(printed.err());
    })?;
    let shown = match (broken, as_it_happens) {
        (Some(error), _) => Err(error.into()),
        (None, true) => Ok(()),
        (None, false) => show_table(table, &accounts, flags),
    };
    Ok((summaries, shown))
}

fn show_table(table: Table, accounts: &str, flags: &TableFlags) -> Result<(), Failure> {
    table.print(&as_table(flags))?;
    if !flags.no_header && flags.columns.is_none() {
        output::text(accounts)?;
    }
    Ok(())
}

pub fn preview(arguments: &Arguments) -> Result<Exit, Failure> {
    Table::check(PREVIEW, arguments.table())?;
    let (sync, interrupted) = arguments.sync()?;
    let flags = arguments.table();
    let as_it_happens = json(flags);
    let mut table = Table::new(PREVIEW);
    let mut broken = None;
    let mut images = String::new();
    let previews = sync
        .preview(&mut |preview| {
            if as_it_happens {
                broken = broken.take().or(output::json_line(preview).err());
                return;
            }
            preview_rows(preview, &mut table);
            for image in &preview.images {
                images.push_str(&format!("image {image} would be installed here\n"));
            }
        })
        .map_err(verdict::failure)?;
    if let Some(error) = broken {
        return Err(error.into());
    }
    if !as_it_happens {
        table.print(&as_table(flags))?;
        output::text(&images)?;
    }
    let all_known = previews.iter().all(|preview| preview.why.is_none());
    Ok(match (interrupted.by(), all_known) {
        (Some(signal), _) => Exit::Signal(signal),
        (None, true) => Exit::Done,
        (None, false) => Exit::Failed,
    })
}

/// JSON lines, unless a table was asked for or a person reads.
fn json(flags: &TableFlags) -> bool {
    let wants_table = flags.no_header || flags.columns.is_some();
    flags.json || (!output::for_a_person() && !wants_table)
}

/// A table even when piped: it was decided before that one is wanted.
fn as_table(flags: &TableFlags) -> TableFlags {
    TableFlags {
        json: false,
        ..flags.clone()
    }
}

pub fn row<T: Serialize>(of: &T) -> Value {
    serde_json::to_value(of).unwrap_or_default()
}

fn preview_rows(preview: &Preview, table: &mut Table) {
    for dataset in &preview.datasets {
        let mut line = row(dataset);
        line["source"] = json!(preview.source);
        table.row(line);
    }
    if preview.why.is_some() {
        table.row(json!({"source": preview.source, "why": preview.why}));
    }
}

/// A source in a sentence or two.
fn account(summary: &SourceSummary) -> String {
    let mut text = format!(
        "{}: {} sent, {} unchanged, {} failed, {} bytes in {:.1} s\n",
        summary.source,
        summary.sent,
        summary.unchanged,
        summary.failed,
        summary.bytes,
        summary.seconds
    );
    if let Some(why) = &summary.why {
        text.push_str(&format!("  {why}\n"));
    }
    for carried in &summary.carried {
        let part = row(&carried.part);
        let part = part.as_str().unwrap_or_default();
        let since = match carried.taken_at {
            Some(at) => format!("kept as of {at}"),
            None => "missing".to_owned(),
        };
        text.push_str(&format!("  {part}: {since}: {}\n", carried.why));
    }
    for image in &summary.images {
        let outcome = match &image.why {
            None => "installed here".to_owned(),
            Some(why) => format!("not installed here: {why}"),
        };
        text.push_str(&format!(
            "  image {} {}: {outcome}\n",
            image.image, image.name
        ));
    }
    for copy in &summary.removed {
        text.push_str(&format!("  {copy}: removed, its zone is gone\n"));
    }
    text
}
