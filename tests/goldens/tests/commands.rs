// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Commands that README, manual pages and help texts show can be typed as they stand there.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use goldens::shown::{Call, calls};
use goldens::{flags, names, read, repository, tool};

/// Help of a tool's commands by name, its own under "".
fn helps(tool: &str) -> BTreeMap<String, String> {
    let own = tool::help(tool, None);
    let mut helps: BTreeMap<String, String> = tool::all_commands(tool)
        .into_iter()
        .map(|command| {
            let help = tool::help(tool, Some(&command));
            (command, help)
        })
        .collect();
    helps.insert(String::new(), own);
    helps
}

/// Flags that a call gives and its tool, or the command of it that is called, does not have.
fn unknown(call: &Call, helps: &BTreeMap<String, String>) -> Vec<String> {
    let called = |count: usize| {
        let words = call.words.get(..count)?.join(" ");
        helps.contains_key(&words).then_some(words)
    };
    let command = called(2).or_else(|| called(1)).unwrap_or_default();
    let known = flags::of_help(&helps[&command]);
    call.flags
        .iter()
        .filter(|flag| !known.contains(*flag))
        .map(|flag| format!("{} {command} {flag}", call.tool))
        .collect()
}

#[test]
fn shown_commands_have_only_flags_that_there_are() {
    let tools = tool::all();
    let helps: BTreeMap<&String, _> = tools.iter().map(|tool| (tool, helps(tool))).collect();
    let mut texts = vec![("README.md".to_owned(), read(&repository("README.md")))];
    for name in names(&repository("man")) {
        let page = read(&repository("man").join(&name)).replace("\\(dq", "\"");
        texts.push((name, page));
    }
    for (tool, helps) in &helps {
        texts.push((format!("{tool} --help"), helps[""].clone()));
    }
    for (name, text) in texts {
        for call in calls(&text, &tools) {
            let unknown = unknown(&call, &helps[&call.tool]);
            assert!(unknown.is_empty(), "{name} shows {unknown:?}");
        }
    }
}

#[test]
fn the_readme_shows_every_tool() {
    let readme = read(&repository("README.md"));
    let shown = calls(&readme, &tool::all());
    for tool in tool::all() {
        assert!(shown.iter().any(|call| call.tool == tool), "{tool}");
    }
}
