// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Commands that texts show to people: which tool, with which flags.

/// A tool as a text calls it, with the flags it gives.
#[derive(Debug, PartialEq, Eq)]
pub struct Call {
    pub tool: String,
    pub flags: Vec<String>,
    /// Words that are no flags: a command, a service, or what a flag is given.
    pub words: Vec<String>,
}

/// Every call of one of `tools` in a text: a tool's name, and what follows it up to the end of that part of a pipeline.
pub fn calls(text: &str, tools: &[String]) -> Vec<Call> {
    let mut calls = Vec::new();
    for line in text.lines() {
        let mut call: Option<Call> = None;
        let line = line.replace('`', " ` ").replace(';', " ; ");
        for word in line.split_whitespace() {
            if tools.iter().any(|tool| tool == word) {
                calls.extend(call.take());
                call = Some(Call {
                    tool: word.to_owned(),
                    flags: Vec::new(),
                    words: Vec::new(),
                });
            } else if ends(word) {
                calls.extend(call.take());
            } else if let Some(call) = &mut call {
                match word.trim_end_matches(['.', ',', ':', ')']) {
                    "-" | "" => {}
                    flag if flag.starts_with('-') => {
                        call.flags
                            .push(flag.split('=').next().unwrap_or(flag).to_owned());
                    }
                    word => call.words.push(word.to_owned()),
                }
            }
        }
        calls.extend(call);
    }
    calls
}

/// What ends a call: the shell's signs, the end of a quote, and the arrow of a picture.
fn ends(word: &str) -> bool {
    ["|", "||", "&&", "<", ">", "`", ";", "#"].contains(&word) || word.ends_with("->")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_a_pipeline_is_a_call_of_its_own() {
        let tools = ["t-look".to_owned(), "t-act".to_owned()];
        let found = calls(
            "hn# t-look -o a | t-act --plan -i - > x; jq -r . # t",
            &tools,
        );
        let call = |tool: &str, flags: &[&str], words: &[&str]| Call {
            tool: tool.to_owned(),
            flags: flags.iter().map(|f| (*f).to_owned()).collect(),
            words: words.iter().map(|w| (*w).to_owned()).collect(),
        };
        assert_eq!(
            found,
            [
                call("t-look", &["-o"], &["a"]),
                call("t-act", &["--plan", "-i"], &[])
            ]
        );
    }

    #[test]
    fn a_call_within_a_sentence_ends_at_its_quote() {
        let tools = ["t".to_owned()];
        let found = calls("Or all in one: `t --lost a`. It shows --what.", &tools);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].flags, ["--lost"]);
    }
}
