// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The errors of the platform's commands: one that failed, one whose output was not understood, one that was refused before
//! it ran.

use crate::host::{CommandError, FileError, Host};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A command or file said something else than expected: another version of it, or a broken one.
    #[error("could not understand {what} on {host}: {source}")]
    Parse {
        /// `what zfs list printed`
        what: String,
        host: String,
        source: ParseError,
    },
    #[error(transparent)]
    File(#[from] FileError),
    /// Nothing was run.
    #[error("refused on {host}, nothing was run: {why}")]
    Refused { host: String, why: String },
}

impl Error {
    pub(crate) fn parse(host: &Host, what: impl Into<String>, source: ParseError) -> Error {
        Error::Parse {
            what: what.into(),
            host: host.name().to_owned(),
            source,
        }
    }

    pub(crate) fn refused(host: &Host, why: impl std::fmt::Display) -> Error {
        Error::Refused {
            host: host.name().to_owned(),
            why: why.to_string(),
        }
    }

    /// True where the same call may do better a little later.
    pub fn may_retry(&self) -> bool {
        match self {
            Error::Command(error) => error.may_retry(),
            Error::File(error) => match &error.why {
                crate::FileFailure::Command(error) => error.may_retry(),
                _ => false,
            },
            Error::Parse { .. } | Error::Refused { .. } => false,
        }
    }

    /// The command that failed, if one did.
    pub fn command(&self) -> Option<&CommandError> {
        match self {
            Error::Command(error) => Some(error),
            _ => None,
        }
    }
}

/// Where a text stopped being what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{why}", self.place())]
pub struct ParseError {
    /// Counted from 1; `None` where the text is no list of lines.
    pub line: Option<usize>,
    pub why: String,
}

impl ParseError {
    pub(crate) fn new(why: impl Into<String>) -> ParseError {
        ParseError {
            line: None,
            why: why.into(),
        }
    }

    pub(crate) fn at(line: usize, why: impl Into<String>) -> ParseError {
        ParseError {
            line: Some(line),
            why: why.into(),
        }
    }

    fn place(&self) -> String {
        self.line
            .map(|line| format!("line {line}: "))
            .unwrap_or_default()
    }
}

/// The text as JSON of that type. serde's own words name the line and column, never the content.
pub(crate) fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, ParseError> {
    if text.trim().is_empty() {
        return Err(ParseError::new("it is empty"));
    }
    serde_json::from_str(text).map_err(|error| ParseError::new(error.to_string()))
}
