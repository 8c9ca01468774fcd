// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The flags that a tool's help and its manual page name, in one form: `-j`, `--jobs`.

use std::collections::BTreeSet;

/// Flags of a clap help: lines of an option list begin with them.
pub fn of_help(help: &str) -> BTreeSet<String> {
    let mut flags = BTreeSet::new();
    for line in help.lines().map(str::trim_start) {
        // A dash alone begins a possible value. The description stands apart from the names by two blanks.
        let names = line.split("  ").next().unwrap_or_default();
        if !names.starts_with('-') || names.starts_with("- ") {
            continue;
        }
        for word in names.split([' ', ',']).filter(|w| w.starts_with('-')) {
            flags.insert(word.trim_end_matches('.').to_owned());
        }
    }
    flags
}

/// Flags of an mdoc page: `.Fl j , -jobs Ar N` is `-j` and `--jobs`, `.Op Fl Hj` is `-H` and `-j`.
pub fn of_page(page: &str) -> BTreeSet<String> {
    let mut flags = BTreeSet::new();
    for line in page.lines().filter(|line| line.starts_with('.')) {
        let mut names = false;
        for word in line.trim_start_matches('.').split_whitespace() {
            if is_macro(word) {
                names = word == "Fl";
            } else if names && word.starts_with('-') {
                flags.insert(format!("-{word}"));
            } else if names && word.chars().all(char::is_alphanumeric) {
                flags.extend(word.chars().map(|letter| format!("-{letter}")));
            }
        }
    }
    flags
}

/// Macros are two letters, the first a capital; `Hj` after `Fl` is not one.
fn is_macro(word: &str) -> bool {
    [
        "Ar", "Cm", "Fl", "It", "Li", "No", "Ns", "Nm", "Op", "Pa", "Pq", "Sy", "Xr",
    ]
    .contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(flags: &[&str]) -> BTreeSet<String> {
        flags.iter().map(|flag| (*flag).to_owned()).collect()
    }

    #[test]
    fn a_help_names_its_flags_at_the_beginning_of_lines() {
        let help = "Options:\n      --url <SERVICE=URL>  Where; see --from\n  -v, --verbose...  More\n\n  \
                    -j, --json\n          JSON\n          - points: Of restore\n\nExamples:\n  t --plan\n";
        assert_eq!(
            of_help(help),
            set(&["--url", "-v", "--verbose", "-j", "--json"])
        );
    }

    #[test]
    fn a_page_names_its_flags_by_macro() {
        let page = ".Op Fl Hj\n.It Fl o , -output Ar COLUMNS\n.Fl -url Ar SERVICE Ns = Ns Ar URL\nor --none\n";
        assert_eq!(of_page(page), set(&["-H", "-j", "-o", "--output", "--url"]));
    }
}
