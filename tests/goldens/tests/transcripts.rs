// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Help, usage errors and success output of every tool are those that were reviewed.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

use goldens::transcript::{cases, replayed};
use goldens::{names, read, repository, tool};

const EXPECTED: &str = "tests/goldens/expected";

/// What differs first, with its surroundings: a whole transcript would hide it.
fn difference(expected: &str, found: &str) -> String {
    let (expected, found): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let at = expected
        .iter()
        .zip(&found)
        .position(|(a, b)| a != b)
        .unwrap_or(expected.len().min(found.len()));
    let command = found[..=at.min(found.len() - 1)]
        .iter()
        .rfind(|line| line.starts_with("$ "));
    let around = |lines: &[&str]| {
        lines[at.min(lines.len())..]
            .iter()
            .take(6)
            .copied()
            .collect::<Vec<_>>()
            .join("\n")
    };
    format!(
        "line {}, after {}\nexpected:\n{}\nfound:\n{}",
        at + 1,
        command.unwrap_or(&"nothing"),
        around(&expected),
        around(&found)
    )
}

#[test]
fn every_tool_says_what_was_reviewed() {
    let mut faults = Vec::new();
    for name in names(&repository(EXPECTED)) {
        let path = repository(EXPECTED).join(&name);
        let expected = read(&path);
        let found = replayed(&cases(&expected));
        if std::env::var_os("WRITE_GOLDENS").is_some() {
            // The other tests read these files meanwhile.
            let fresh = path.with_file_name(format!(".{name}"));
            std::fs::write(&fresh, &found).unwrap();
            std::fs::rename(&fresh, &path).unwrap();
        } else if expected != found {
            faults.push(format!("{name}: {}", difference(&expected, &found)));
        }
    }
    assert!(
        faults.is_empty(),
        "{}\nWRITE_GOLDENS=1 writes them anew, to be reviewed like code",
        faults.join("\n\n")
    );
}

#[test]
fn every_tool_and_each_of_its_commands_has_its_help_and_its_errors_reviewed() {
    for tool in tool::all() {
        let path = |what: &str| repository(EXPECTED).join(format!("{tool}.{what}.txt"));
        let help = read(&path("help"));
        let wanted = std::iter::once(format!("$ {tool} --help\n")).chain(
            tool::all_commands(&tool)
                .into_iter()
                .map(|command| format!("$ {tool} {command} --help\n")),
        );
        for case in wanted {
            assert!(help.contains(&case), "{tool}.help.txt has no {case}");
        }
        let errors = read(&path("errors"));
        assert!(errors.contains("error: unexpected argument"), "{tool}");
        assert!(!errors.contains("\nexit 0\n"), "{tool}: an error exits 0");
    }
}

#[test]
fn every_help_ends_with_examples_and_exit_codes() {
    for tool in tool::all() {
        let help = tool::help(&tool, None);
        let (_, end) = help
            .split_once("\nExamples:\n")
            .unwrap_or_else(|| panic!("{tool} --help has no examples"));
        assert!(
            end.lines().any(|line| line.trim_start().starts_with(&tool)),
            "{tool} --help shows another tool only"
        );
        let last = end.rsplit("\n\n").next().unwrap_or_default();
        for code in [
            "Exit codes: 0 done, 1 ",
            ", 2 bad usage or input, ",
            " 3 refused",
        ] {
            assert!(last.contains(code), "{tool} --help ends with: {last}");
        }
        assert!(
            help.lines().all(|line| line.chars().count() <= 100),
            "{tool} --help is wider than 100 columns"
        );
    }
}
