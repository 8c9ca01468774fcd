// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `triton-plugin call`: one question to one plugin, by hand.

use cli::{Common, Exit, Failure, input, install, output};
use contract::{Answer, Plugins, Question, RestoreFacts};
use documents::{DocumentError, read};
use serde_json::Value;

const DOCUMENT: &str = "question";

pub fn run(common: &Common, service: &str) -> Result<Exit, Failure> {
    let question = question(&input::stdin("a question")?)?;
    let plugins = install::plugins(common)?;
    let answer = plugins.ask(service, &question).map_err(Failure::failed)?;
    let Some(answer) = answer else {
        let dir = install::plugins_dir(common)?;
        return Err(Failure::failed(format!(
            "{service} has no plugin: there is no {}",
            dir.join(format!("{service}.so")).display()
        )));
    };
    output::json_line(&answer)?;
    Ok(match answer {
        Answer::Error(_) => Exit::Failed,
        Answer::Describe { .. } | Answer::Restore(_) => Exit::Done,
    })
}

/// Reads a question, strictly. It is taken apart by hand, so that an error can name its path.
fn question(bytes: &[u8]) -> Result<Question, DocumentError> {
    let mut value = read::json(DOCUMENT, bytes)?;
    match value.get("question").and_then(Value::as_str) {
        Some("describe") => {
            known_keys(&value, &["question"])?;
            Ok(Question::Describe {})
        }
        Some("restore") => {
            known_keys(&value, &["question", "facts"])?;
            let Some(facts) = value.get_mut("facts").map(Value::take) else {
                return Err(content("facts", "missing; a restore is planned from facts"));
            };
            let facts: RestoreFacts = read::typed(DOCUMENT, "facts", facts)?;
            Ok(Question::Restore {
                facts: Box::new(facts),
            })
        }
        Some(other) => Err(content(
            "question",
            &format!("\"{other}\" is not one of describe, restore"),
        )),
        None => Err(content(
            "question",
            "missing; it is one of describe, restore",
        )),
    }
}

fn known_keys(value: &Value, known: &[&str]) -> Result<(), DocumentError> {
    let keys = value
        .as_object()
        .into_iter()
        .flat_map(|object| object.keys());
    match keys.into_iter().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(content(key, "not a part of this question")),
    }
}

fn content(path: &str, why: &str) -> DocumentError {
    DocumentError::Content {
        document: DOCUMENT,
        path: path.to_owned(),
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../../plugins/imgapi/examples/restore.json");

    fn refused(text: &str) -> String {
        question(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn the_example_of_a_plugin_is_a_question() {
        let read = question(EXAMPLE.as_bytes()).unwrap();
        let whole: Question = serde_json::from_str(EXAMPLE).unwrap();
        assert_eq!(read, whole);
    }

    #[test]
    fn a_bad_fact_is_named_by_its_path() {
        let mut value: Value = serde_json::from_str(EXAMPLE).unwrap();
        value["facts"]["lost"]["nics"][0]["mac"] = Value::Null;
        let refused = refused(&value.to_string());
        assert!(refused.contains("facts.lost.nics[0].mac"), "{refused}");
    }

    #[test]
    fn a_question_that_is_not_known_is_named() {
        assert!(refused("{}").contains("question: missing"));
        assert!(refused(r#"{"question":"migrate"}"#).contains("\"migrate\" is not one of"));
        assert!(refused(r#"{"question":"restore"}"#).contains("facts: missing"));
        assert!(refused(r#"{"question":"describe","aloud":1}"#).contains("aloud: not a part"));
    }

    #[test]
    fn empty_input_is_bad_input() {
        assert!(refused(" \n").contains("the input is empty"));
    }
}
