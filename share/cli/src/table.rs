// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Tables as Triton's own tools print them: a header (`-H` leaves it out), columns (`-o`), order (`-s`), JSON lines (`-j`).

use clap::Args;
use serde_json::{Map, Value};

use crate::exit::Failure;
use crate::output;

#[derive(Debug, Clone, Default, Args)]
pub struct TableFlags {
    /// Leave the header out
    #[arg(short = 'H', long)]
    pub no_header: bool,

    /// Columns to print, comma-separated
    #[arg(
        short = 'o',
        long = "output",
        value_name = "COLUMNS",
        value_delimiter = ','
    )]
    pub columns: Option<Vec<String>>,

    /// Columns to sort by, comma-separated; `-name` turns the order around
    #[arg(
        short = 's',
        long = "sort",
        value_name = "COLUMNS",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    pub sort: Option<Vec<String>>,

    /// JSON, one object a line
    #[arg(short = 'j', long)]
    pub json: bool,
}

/// A column: the key of its value in a row, and whether it is shown when nothing is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub key: &'static str,
    pub shown: bool,
}

impl Column {
    pub const fn new(key: &'static str) -> Column {
        Column { key, shown: true }
    }

    pub const fn extra(key: &'static str) -> Column {
        Column { key, shown: false }
    }
}

/// Rows are JSON objects, so that table and JSON lines can't differ.
pub struct Table {
    columns: &'static [Column],
    rows: Vec<Map<String, Value>>,
}

impl Table {
    pub fn new(columns: &'static [Column]) -> Table {
        Table {
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds a row; a value that is no object is left out, as it has no columns.
    pub fn row(&mut self, row: Value) {
        if let Value::Object(map) = row {
            self.rows.push(map);
        }
    }

    /// Whether the flags name columns that there are: to be asked before any work is done for the table.
    pub fn check(columns: &'static [Column], flags: &TableFlags) -> Result<(), Failure> {
        let table = Table::new(columns);
        table.chosen(flags)?;
        let sorted = flags.sort.iter().flatten();
        sorted
            .map(|field| table.known(field.strip_prefix('-').unwrap_or(field)))
            .try_for_each(|known| known.map(drop))
    }

    /// Prints to stdout as the flags say: a table for people, JSON lines with `-j` or when piped without table flags.
    pub fn print(self, flags: &TableFlags) -> Result<(), Failure> {
        let wants_table = flags.no_header || flags.columns.is_some();
        let json = flags.json || (!output::for_a_person() && !wants_table);
        let text = self.render(flags, json)?;
        Ok(output::text(&text)?)
    }

    /// What [`Table::print`] prints.
    pub fn render(mut self, flags: &TableFlags, json: bool) -> Result<String, Failure> {
        let shown = self.chosen(flags)?;
        self.sort(flags)?;
        if json {
            return Ok(self
                .rows
                .into_iter()
                .map(|row| format!("{}\n", Value::Object(row)))
                .collect());
        }
        let mut lines: Vec<Vec<String>> = Vec::with_capacity(self.rows.len() + 1);
        if !flags.no_header {
            lines.push(
                shown
                    .iter()
                    .map(|key| key.to_uppercase().replace('_', " "))
                    .collect(),
            );
        }
        for row in &self.rows {
            lines.push(shown.iter().map(|key| cell(row.get(*key))).collect());
        }
        Ok(aligned(&lines))
    }

    fn chosen(&self, flags: &TableFlags) -> Result<Vec<&'static str>, Failure> {
        let Some(asked) = &flags.columns else {
            return Ok(self
                .columns
                .iter()
                .filter(|c| c.shown)
                .map(|c| c.key)
                .collect());
        };
        asked.iter().map(|name| self.known(name)).collect()
    }

    fn known(&self, name: &str) -> Result<&'static str, Failure> {
        self.columns
            .iter()
            .map(|column| column.key)
            .find(|key| *key == name)
            .ok_or_else(|| {
                let known: Vec<&str> = self.columns.iter().map(|column| column.key).collect();
                Failure::bad(format!(
                    "no column \"{name}\"; there are {}",
                    known.join(", ")
                ))
            })
    }

    fn sort(&mut self, flags: &TableFlags) -> Result<(), Failure> {
        for field in flags.sort.iter().flatten().rev() {
            let (name, reverse) = match field.strip_prefix('-') {
                Some(name) => (name, true),
                None => (field.as_str(), false),
            };
            let key = self.known(name)?;
            self.rows.sort_by(|a, b| {
                let order = cell(a.get(key)).cmp(&cell(b.get(key)));
                if reverse { order.reverse() } else { order }
            });
        }
        Ok(())
    }
}

/// A value as a person reads it; absent and null are `-`.
fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|i| {
            lines
                .iter()
                .map(|line| line[i].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for line in lines {
        let mut row = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            row.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const COLUMNS: &[Column] = &[
        Column::new("service"),
        Column::new("age_s"),
        Column::extra("uuid"),
    ];

    fn table() -> Table {
        let mut table = Table::new(COLUMNS);
        table.row(json!({"service": "imgapi", "age_s": 41, "uuid": "x"}));
        table.row(json!({"service": "cns", "uuid": "y"}));
        table
    }

    #[test]
    fn columns_line_up_and_an_unknown_value_is_a_dash() {
        let text = table().render(&TableFlags::default(), false).unwrap();
        assert_eq!(text, "SERVICE  AGE S\nimgapi   41\ncns      -\n");
    }

    #[test]
    fn asked_columns_without_a_header_suit_a_pipe() {
        let flags = TableFlags {
            no_header: true,
            columns: Some(vec!["uuid".to_owned()]),
            sort: Some(vec!["-uuid".to_owned()]),
            json: false,
        };
        assert_eq!(table().render(&flags, false).unwrap(), "y\nx\n");
    }

    #[test]
    fn json_lines_hold_every_value() {
        let text = table().render(&TableFlags::default(), true).unwrap();
        assert_eq!(
            text.lines().next().unwrap(),
            r#"{"age_s":41,"service":"imgapi","uuid":"x"}"#
        );
    }

    #[test]
    fn flags_can_be_checked_before_there_is_a_table() {
        let sort = |name: &str| TableFlags {
            sort: Some(vec![name.to_owned()]),
            ..TableFlags::default()
        };
        assert!(Table::check(COLUMNS, &sort("-age_s")).is_ok());
        assert!(Table::check(COLUMNS, &sort("-agge")).is_err());
    }

    #[test]
    fn a_column_that_is_not_there_is_named_with_those_that_are() {
        let flags = TableFlags {
            columns: Some(vec!["nme".to_owned()]),
            ..TableFlags::default()
        };
        let failure = table().render(&flags, false).unwrap_err();
        assert_eq!(
            failure.message,
            "no column \"nme\"; there are service, age_s, uuid"
        );
    }
}
