// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! sdc-oneachnode(1): one command on many servers, over the message bus. It lives in the `sdc` zone and needs rabbitmq, so it
//! serves while the datacenter is whole.

use std::ffi::OsStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::host::shell_line;
use crate::{Command, CommandError, Error, Host, ParseError};

/// What one server answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub uuid: Uuid,
    #[serde(default)]
    pub hostname: Option<String>,
    /// The command ran there, to whatever end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Ran>,
    /// It did not run, or it is not known whether it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<NotRun>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    pub exit_status: i32,
    #[serde(default)]
    pub stdout: String,
    #[serde(default)]
    pub stderr: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotRun {
    pub message: String,
    #[serde(default)]
    pub name: Option<String>,
}

/// Servers to run on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Nodes {
    All,
    These(Vec<Uuid>),
}

/// Exit status when some server could not run the command; all answers are printed.
const SOME_FAILED: i32 = 20;

/// Runs a command on servers. Each server's shell gets `argv` quoted. Servers are given `limit` to run it.
pub fn run(
    host: &Host,
    nodes: &Nodes,
    argv: &[&str],
    limit: Duration,
) -> Result<Vec<Answer>, Error> {
    let command =
        Command::new("sdc-oneachnode").args(["-J", "-T", &limit.as_secs().max(1).to_string()]);
    let command = match nodes {
        Nodes::All => command.arg("-a"),
        Nodes::These(uuids) => {
            let names: Vec<_> = uuids.iter().map(Uuid::to_string).collect();
            command.args(["-n", &names.join(",")])
        }
    };
    let command = command.arg(shell_line(argv.iter().map(OsStr::new)));
    let output = host.run(&command)?;
    if !matches!(output.status.code(), Some(0 | SOME_FAILED)) {
        return Err(CommandError::of_output(host, &command, &output).into());
    }
    parse_lines(&output.text())
        .map_err(|error| Error::parse(host, "what sdc-oneachnode printed", error))
}

/// `sdc-oneachnode -J -a date`: a line per server, as they answer.
///
/// ```text
/// {"uuid":"564d5f1c-9a3e-4b7d-8c21-0f4e6a7b8c90","hostname":"headnode0","result":{"exit_status":0,"stdout":"Fri Mar 13 10:00:01 UTC 2026\n","stderr":""}}
/// {"uuid":"564dc3a8-27e1-4f60-9b55-7d0e1f2a3b4c","hostname":"cn2","error":{"message":"timeout for host","name":"Error","code":null}}
/// ```
pub fn parse_lines(text: &str) -> Result<Vec<Answer>, ParseError> {
    let answer = |(at, line): (usize, &str)| {
        let parsed = serde_json::from_str(line).map_err(|error| error.to_string());
        parsed
            .and_then(whole)
            .map_err(|why| ParseError::at(at + 1, why))
    };
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    lines.map(answer).collect()
}

/// `sdc-oneachnode -j -a date`: the same as one array, when all have answered.
pub fn parse_array(text: &str) -> Result<Vec<Answer>, ParseError> {
    let answers: Vec<Answer> = crate::error::json(text)?;
    answers
        .into_iter()
        .map(|answer| whole(answer).map_err(ParseError::new))
        .collect()
}

/// An answer that is neither must not pass for a success.
fn whole(answer: Answer) -> Result<Answer, String> {
    match (&answer.result, &answer.error) {
        (None, None) => Err(format!("neither result nor error of {}", answer.uuid)),
        _ => Ok(answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = include_str!("../../../tests/fixtures/platform/oneachnode-J.ndjson");

    #[test]
    fn a_server_that_answered_is_told_apart_from_one_that_did_not() {
        let answers = parse_lines(LINES).unwrap();
        assert_eq!(answers[0].result.as_ref().unwrap().exit_status, 0);
        assert_eq!(answers[1].hostname.as_deref(), Some("cn2"));
        assert_eq!(
            answers[1].error.as_ref().unwrap().message,
            "timeout for host"
        );
    }

    #[test]
    fn the_array_holds_the_same_answers() {
        let array = format!("[{}]", LINES.trim().replace('\n', ","));
        assert_eq!(parse_array(&array).unwrap(), parse_lines(LINES).unwrap());
    }

    #[test]
    fn an_answer_that_says_nothing_is_refused() {
        let empty = "{\"uuid\":\"564d5f1c-9a3e-4b7d-8c21-0f4e6a7b8c90\",\"hostname\":\"x\"}";
        assert!(parse_lines(empty).unwrap_err().why.contains("neither"));
        assert!(parse_array(&format!("[{empty}]")).is_err());
        assert_eq!(
            parse_lines(&LINES[..LINES.len() - 5]).unwrap_err().line,
            Some(2)
        );
    }
}
