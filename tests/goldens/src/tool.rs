// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Running a staged tool so that its output is the same everywhere: no terminal, fixed width, empty environment.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::{names, repository};

/// What clap wraps at when no terminal says otherwise, and the most it ever uses.
const WIDTH: &str = "100";

pub struct Run {
    pub out: String,
    pub err: String,
    pub code: Option<i32>,
}

/// Every tool of the product: one crate each in `bins`.
pub fn all() -> Vec<String> {
    names(&repository("bins"))
}

/// Runs a tool in `input/`, with a file of that folder or nothing on standard input.
pub fn run(tool: &str, words: &[String], stdin: Option<&str>) -> Run {
    let input = repository("tests/goldens/input");
    let install = install();
    let stdin = match stdin {
        None => Stdio::null(),
        Some(name) => File::open(input.join(name))
            .unwrap_or_else(|error| panic!("input/{name}: {error}"))
            .into(),
    };
    let output = Command::new(install.join("bin").join(tool))
        .args(words)
        .current_dir(&input)
        .env_clear()
        .env("COLUMNS", WIDTH)
        // The platform's commands are not to be found, on whatever machine this runs.
        .env("PATH", "/nowhere")
        .stdin(stdin)
        .output()
        .unwrap_or_else(|error| panic!("{tool} is not staged: {error}"));
    let redacted = |bytes: Vec<u8>| {
        String::from_utf8(bytes)
            .unwrap()
            .replace(install.to_str().unwrap(), "[install]")
            .replace(env!("CARGO_PKG_VERSION"), "[version]")
    };
    Run {
        out: redacted(output.stdout),
        err: redacted(output.stderr),
        code: output.status.code(),
    }
}

/// The help of a tool, or of one of its commands (`trust`, `trust add`). It must be asked for with success.
pub fn help(tool: &str, command: Option<&str>) -> String {
    let words: Vec<String> = command
        .into_iter()
        .flat_map(str::split_whitespace)
        .chain(["--help"])
        .map(str::to_owned)
        .collect();
    let run = run(tool, &words, None);
    assert_eq!(
        (run.code, run.err.as_str()),
        (Some(0), ""),
        "{tool} {words:?}"
    );
    run.out
}

/// All commands of a tool, those of its commands among them: `trust`, `trust add`.
pub fn all_commands(tool: &str) -> Vec<String> {
    let mut all = Vec::new();
    for command in commands(&help(tool, None)) {
        let below = commands(&help(tool, Some(&command)));
        let below = below.iter().map(|one| format!("{command} {one}"));
        all.extend(std::iter::once(command.clone()).chain(below));
    }
    all
}

/// The commands that a tool's help lists, but for `help` itself.
pub fn commands(help: &str) -> Vec<String> {
    let list = help.split_once("\nCommands:\n").map_or("", |(_, rest)| {
        rest.split("\n\n").next().unwrap_or_default()
    });
    list.lines()
        // Deeper lines go on with a description.
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// Where `cargo lab test` staged the product.
pub fn install() -> PathBuf {
    match std::env::var_os("LAB_INSTALL") {
        Some(install) => PathBuf::from(install),
        None => panic!("this test drives the staged product: run this by `cargo lab test`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_their_descriptions() {
        let help = "Usage: t <COMMAND>\n\nCommands:\n  status  How old; exit 1 when\n          older\n  \
                    help    Print this\n\nOptions:\n  -h\n";
        assert_eq!(commands(help), ["status"]);
        assert!(commands("Usage: t\n\nOptions:\n  -h\n").is_empty());
    }
}
