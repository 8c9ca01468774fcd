// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Transcripts: commands as typed, what each printed (`|` stdout, `!` stderr) and how it exited.

use crate::tool::{self, Run};

/// A command of a transcript, and what stands before it for the reader.
#[derive(Debug, PartialEq, Eq)]
pub struct Case {
    pub comment: String,
    /// Without the `$`.
    pub line: String,
}

/// The commands of a transcript; what came of them when it was written is left out.
pub fn cases(text: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut comment = String::new();
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            cases.push(Case {
                comment: std::mem::take(&mut comment),
                line: command.to_owned(),
            });
        } else if line.starts_with('#') {
            comment.push_str(line);
            comment.push('\n');
        }
    }
    cases
}

/// Runs every command and writes the transcript anew.
pub fn replayed(cases: &[Case]) -> String {
    let blocks: Vec<String> = cases
        .iter()
        .map(|case| {
            let (tool, words, stdin) = typed(&case.line);
            let run = tool::run(&tool, &words, stdin.as_deref());
            format!("{}$ {}\n{}", case.comment, case.line, outcome(&run))
        })
        .collect();
    blocks.join("\n")
}

fn outcome(run: &Run) -> String {
    let mut text = String::new();
    for (mark, stream) in [('|', &run.out), ('!', &run.err)] {
        assert!(
            stream.is_empty() || stream.ends_with('\n'),
            "the last line is not ended: {stream}"
        );
        for line in stream.lines() {
            // clap pads empty lines with blanks, which editors take away.
            text.push_str(format!("{mark} {line}").trim_end());
            text.push('\n');
        }
    }
    match run.code {
        Some(code) => format!("{text}exit {code}\n"),
        None => panic!("ended by a signal: {text}"),
    }
}

/// Tool, arguments and the file on standard input, of a line that a shell would take too.
fn typed(line: &str) -> (String, Vec<String>, Option<String>) {
    let mut words = words(line);
    let stdin = words.iter().position(|word| word == "<").map(|at| {
        let name = words.remove(at + 1);
        words.remove(at);
        name
    });
    (words.remove(0), words, stdin)
}

/// Words of a command line, apart at blanks; single quotes keep blanks.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut open = false;
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '\'' => {
                quoted = !quoted;
                if !open {
                    words.push(String::new());
                    open = true;
                }
            }
            ' ' if !quoted => open = false,
            character => {
                if !open {
                    words.push(String::new());
                    open = true;
                }
                if let Some(word) = words.last_mut() {
                    word.push(character);
                }
            }
        }
    }
    assert!(!quoted, "a quote is not closed: {line}");
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_is_its_commands_and_comments() {
        let text = "# Why.\n$ t --help\n| # not a comment\nexit 0\n\n$ t\n! t: $ x\nexit 2\n";
        let case = |comment: &str, line: &str| Case {
            comment: comment.to_owned(),
            line: line.to_owned(),
        };
        assert_eq!(cases(text), [case("# Why.\n", "t --help"), case("", "t")]);
    }

    #[test]
    fn a_line_is_taken_apart_as_a_shell_would() {
        let (tool, words, stdin) = typed("t --only 'a b' '' c < plan.json");
        assert_eq!(tool, "t");
        assert_eq!(words, ["--only", "a b", "", "c"]);
        assert_eq!(stdin.as_deref(), Some("plan.json"));
    }
}
