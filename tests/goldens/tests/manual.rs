// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The manual says what the tools do: every tool has a page, with exactly its flags; what pages list is what there is.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;

use documents::Verb;
use goldens::{flags, names, read, repository, tool};

fn page(name: &str) -> String {
    read(&repository("man").join(name))
}

/// Flags of a tool and of all its commands.
fn flags_of(tool: &str) -> BTreeSet<String> {
    let help = tool::help(tool, None);
    let mut all = flags::of_help(&help);
    for command in tool::all_commands(tool) {
        all.extend(flags::of_help(&tool::help(tool, Some(&command))));
    }
    all
}

/// The lines between a heading (`.Sh` or `.Ss`) and the next.
fn part<'a>(page: &'a str, heading: &str) -> Vec<&'a str> {
    page.lines()
        .skip_while(|line| *line != heading)
        .skip(1)
        .take_while(|line| !line.starts_with(".Sh") && !line.starts_with(".Ss"))
        .collect()
}

/// What the list in a part of a page is about: `.It Cm NAME , NAME`.
fn listed(part: &[&str]) -> Vec<String> {
    part.iter()
        .filter_map(|line| line.strip_prefix(".It Cm "))
        .flat_map(|names| names.split(" , "))
        .map(str::to_owned)
        .collect()
}

/// The fields of the type that a schema is of, or of one of its parts.
fn fields(schema: &str, definition: Option<&str>) -> BTreeSet<String> {
    let text = read(&repository("share/schema").join(schema));
    let whole: serde_json::Value = serde_json::from_str(&text).unwrap();
    let of = definition.map_or(&whole, |name| &whole["$defs"][name]);
    of["properties"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect()
}

#[test]
fn every_tool_has_a_page_and_every_page_of_section_1_a_tool() {
    let pages: Vec<String> = names(&repository("man"))
        .iter()
        .filter_map(|name| name.strip_suffix(".1").map(str::to_owned))
        .collect();
    assert_eq!(pages, tool::all());
}

#[test]
fn a_page_has_the_flags_that_its_tool_has_and_no_others() {
    for tool in tool::all() {
        let page = flags::of_page(&page(&format!("{tool}.1")));
        let tools = flags_of(&tool);
        let missing: Vec<_> = tools.difference(&page).collect();
        let invented: Vec<_> = page.difference(&tools).collect();
        assert!(
            missing.is_empty() && invented.is_empty(),
            "{tool}.1 lacks {missing:?}, and has {invented:?} that the tool does not have"
        );
    }
}

#[test]
fn a_page_names_the_commands_of_its_tool() {
    for tool in tool::all() {
        let page = page(&format!("{tool}.1"));
        for command in tool::commands(&tool::help(&tool, None)) {
            let named = page
                .lines()
                .any(|line| line.starts_with(&format!(".It Cm {command}")));
            assert!(named, "{tool}.1 does not say what {command} does");
        }
    }
}

#[test]
fn every_page_of_a_tool_says_how_it_exits_and_shows_it_at_work() {
    for tool in tool::all() {
        let page = page(&format!("{tool}.1"));
        for heading in [
            ".Sh SYNOPSIS",
            ".Sh EXIT STATUS",
            ".Sh EXAMPLES",
            ".Sh SEE ALSO",
        ] {
            assert!(
                !part(&page, heading).is_empty(),
                "{tool}.1 has no {heading}"
            );
        }
        let codes = part(&page, ".Sh EXIT STATUS");
        for code in [".It 0", ".It 1", ".It 2"] {
            assert!(codes.contains(&code), "{tool}.1 does not explain {code}");
        }
    }
}

#[test]
fn the_pages_refer_to_pages_that_exist() {
    let pages = names(&repository("man"));
    for name in &pages {
        let text = page(name);
        for line in text.lines().filter(|line| line.contains("Xr triton-")) {
            let words: Vec<&str> = line
                .split_whitespace()
                .skip_while(|word| !word.ends_with("Xr"))
                .collect();
            let referred = format!("{}.{}", words[1], words[2]);
            assert!(pages.contains(&referred), "{name} refers to {referred}");
        }
    }
}

#[test]
fn the_verbs_in_triton_plan_are_those_that_there_are() {
    let page = page("triton-plan.5");
    assert_eq!(listed(&part(&page, ".Ss Verbs")), Verb::NAMES);
}

#[test]
fn the_parts_of_a_plan_in_triton_plan_are_those_that_there_are() {
    let page = page("triton-plan.5");
    let described: BTreeSet<String> = listed(&part(&page, ".Sh DESCRIPTION"))
        .into_iter()
        .collect();
    assert_eq!(described, fields("plan.schema.json", None));
}

#[test]
fn the_fields_of_a_row_in_triton_plugin_are_those_that_there_are() {
    let page = page("triton-plugin.5");
    let described: BTreeSet<String> = listed(&part(&page, ".Ss The catalogue"))
        .into_iter()
        .collect();
    assert_eq!(described, fields("service.schema.json", None));
}
